//! X12's code lists, as far as the order model has words for them.

use loket_core::order::{LineAction, OrderKind, UnitList, unit};

/// The kind of an order by its transaction and purpose (data element 353; 473 in an 875).
pub(super) fn kind(transaction: &str, purpose: &str) -> OrderKind {
    match (transaction, purpose) {
        ("875", "F" | "D") | (_, "01" | "03") => OrderKind::Cancel,
        ("860", _) | ("875", "R" | "G" | "L") | (_, "02" | "04" | "05") => OrderKind::Change,
        _ => OrderKind::New,
    }
}

/// What a change does to a line (data element 670).
pub(super) fn action(code: &str) -> Option<LineAction> {
    match code {
        "" => None,
        "AI" => Some(LineAction::Add),
        "DI" | "CF" => Some(LineAction::Delete),
        "NC" => Some(LineAction::None),
        _ => Some(LineAction::Change),
    }
}

/// What kind of number identifies a party (data element 66).
pub(super) fn party_scheme(code: &str) -> String {
    match code {
        "1" | "01" => "duns",
        "UL" => "gln",
        "92" => "buyer",
        "91" => "seller",
        other => other,
    }
    .to_owned()
}

/// Whether no two companies have the same number of this kind: GLN, DUNS with and without more digits, and those that carriers, airlines,
/// states, the book trade, pharmacies, hospitals and the United States' forces are registered by. All others somebody gave to
/// partners of their own.
pub(crate) fn is_global(scheme: &str) -> bool {
    matches!(scheme, "gln" | "duns" | "2" | "3" | "4" | "5" | "9" | "10" | "11" | "14" | "15" | "21" | "24" | "33" | "FI" | "XX")
}

/// What kind of number identifies a partner on the network (data element I05).
pub(super) fn network_scheme(code: &str) -> &str {
    match code {
        "01" => "duns",
        "07" => "gln",
        _ => "edi",
    }
}

/// A country by the code of two letters; none where the sender's is not one.
pub(super) fn country(code: &str) -> Option<String> {
    let code = code.to_uppercase();
    let short = match code.as_str() {
        "USA" => "US",
        "CAN" => "CA",
        "MEX" => "MX",
        "GBR" => "GB",
        "DEU" => "DE",
        "NLD" => "NL",
        "BEL" => "BE",
        "LUX" => "LU",
        "FRA" => "FR",
        "CHE" => "CH",
        "AUT" => "AT",
        "ITA" => "IT",
        "ESP" => "ES",
        "CHN" => "CN",
        "JPN" => "JP",
        "AUS" => "AU",
        other => other,
    };
    (short.len() == 2 && short.bytes().all(|byte| byte.is_ascii_uppercase())).then(|| short.to_owned())
}

/// A unit as Recommendation 20 has it, and as written where that differs.
pub(super) fn unit_of(written: String) -> (String, Option<String>) {
    match unit(&written, UnitList::X12) {
        Some(code) if code == written => (written, None),
        Some(code) => (code.to_owned(), Some(written)),
        None => (written, None),
    }
}

/// What kind of number identifies an item (data element 235).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ItemNumber {
    /// The buyer's own.
    Buyer,
    /// The seller's own.
    Seller,
    /// The seller's, of the style that the item belongs to: only where there is nothing better.
    SellerStyle,
    /// A GTIN.
    Gtin,
    /// A GTIN, if its check digit is there.
    PerhapsGtin,
    /// Another one, by this name.
    Other(String),
}

/// What kind of number a qualifier says it is.
pub(super) fn item_number(qualifier: &str) -> ItemNumber {
    match qualifier {
        "BP" | "IN" | "CB" | "SK" | "PI" => ItemNumber::Buyer,
        "VP" | "VN" | "VC" => ItemNumber::Seller,
        "VA" => ItemNumber::SellerStyle,
        "UP" | "UK" | "EN" | "EO" => ItemNumber::Gtin,
        "UI" | "UA" | "UC" | "UD" | "UE" | "UN" => ItemNumber::PerhapsGtin,
        "IB" => ItemNumber::Other("isbn".into()),
        other => ItemNumber::Other(other.to_owned()),
    }
}

/// The name under which an item number is kept beside the first one of its kind.
pub(super) fn further_scheme(qualifier: &str) -> String {
    match qualifier {
        "BP" | "IN" | "CB" | "SK" | "PI" => "buyer",
        "VP" | "VN" | "VC" | "VA" => "seller",
        "UP" => "upc",
        "EN" | "EO" => "ean",
        "UK" => "gtin",
        "IB" => "isbn",
        other => other,
    }
    .to_owned()
}
