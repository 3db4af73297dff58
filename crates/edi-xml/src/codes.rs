//! Codes of the formats in Loket's own words: kinds of numbers, countries.

/// What kind of number a company is known by: a short name where it has one, else the code as it stands.
///
/// The codes are those of Peppol's list of participant identifier schemes (ISO 6523), of UBL, cXML, openTRANS and GS1.
pub(crate) fn party_scheme(code: &str) -> String {
    let upper = code.trim().to_ascii_uppercase();
    let name = match upper.as_str() {
        "0088" | "GLN" | "ILN" | "EAN" | "GS1" => "gln",
        "0060" | "DUNS" | "D-U-N-S" | "DUNS+4" => "duns",
        "0106" | "NL:KVK" | "KVK" => "kvk",
        "0190" | "NL:OIN" | "OIN" => "oin",
        "0184" | "DK:CVR" | "CVR" => "cvr",
        "0208" | "BE:EN" => "cbe",
        "0009" | "FR:SIRET" | "SIRET" => "siret",
        "0204" | "DE:LWID" => "leitweg",
        "EM" | "MAILTO" => "email",
        "VAT" | "VAT_ID" | "VA" | "VATID" => "vat",
        "BUYER_SPECIFIC" | "BUYER_ASSIGNED_IDENTIFIER_FOR_A_PARTY" | "BUYERID" => "buyer",
        "SUPPLIER_SPECIFIC" | "SELLER_ASSIGNED_IDENTIFIER_FOR_A_PARTY" | "SUPPLIERID" | "VENDORID" => "seller",
        code if is_vat(code) => "vat",
        _ => code.trim(),
    };
    name.to_owned()
}

/// The schemes of Peppol's list that are VAT numbers of one country each.
fn is_vat(code: &str) -> bool {
    code.ends_with(":VAT")
        || matches!(code, "9906" | "9910" | "9914" | "9920" | "9955" | "9957")
        || (code.len() == 4 && ("9922"..="9953").contains(&code))
}

/// What kind of number an item is known by.
pub(crate) fn item_scheme(code: &str) -> String {
    let upper = code.trim().to_ascii_uppercase();
    let name = match upper.as_str() {
        "0160" | "GTIN" | "EAN" | "EAN-13" | "EAN13" | "EAN-8" | "GTIN-13" | "GTIN-14" | "GTIN-8" | "GTIN-12" | "SRV" | "UPC" | "UPC-A" => {
            "gtin"
        }
        "ISBN" => "isbn",
        "BUYER_ASSIGNED" | "BUYER_SPECIFIC" => "buyer",
        "SUPPLIER_ASSIGNED" | "SUPPLIER_SPECIFIC" => "seller",
        "MANUFACTURER_PART_NUMBER" => "manufacturer",
        _ => code.trim(),
    };
    name.to_owned()
}

/// Whether a number has the length and the check digit of a GTIN.
pub(crate) fn is_gtin(number: &str) -> bool {
    let digits: Option<Vec<u32>> = number.chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| matches!(digits.len(), 8 | 12 | 13 | 14)) else { return false };
    let sum: u32 = digits.iter().rev().enumerate().map(|(place, digit)| if place % 2 == 1 { digit * 3 } else { *digit }).sum();
    sum.is_multiple_of(10) && digits.iter().any(|&digit| digit != 0)
}

/// Whether a number has the length of a GTIN.
pub(crate) fn looks_like_gtin(number: &str) -> bool {
    matches!(number.len(), 8 | 12 | 13 | 14) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The ISO 3166-1 alpha-2 code of a country that is written as a code or as a name.
pub(crate) fn country(written: &str) -> Option<String> {
    let text = written.trim();
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Some(text.to_ascii_uppercase());
    }
    let lower = text.to_lowercase();
    COUNTRIES.iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(code, _)| (*code).to_owned())
}

/// Alpha-3, numeric, and the names in Dutch, German, English and French (and their own) of the countries that trade here.
const COUNTRIES: [(&str, &[&str]); 26] = [
    ("NL", &["nld", "528", "nederland", "niederlande", "netherlands", "the netherlands", "pays-bas", "holland"]),
    ("BE", &["bel", "056", "56", "belgië", "belgie", "belgien", "belgium", "belgique"]),
    ("LU", &["lux", "442", "luxemburg", "luxembourg"]),
    ("DE", &["deu", "276", "d", "duitsland", "deutschland", "germany", "allemagne"]),
    ("FR", &["fra", "250", "f", "frankrijk", "frankreich", "france"]),
    ("AT", &["aut", "040", "40", "a", "oostenrijk", "österreich", "oesterreich", "austria", "autriche"]),
    ("CH", &["che", "756", "zwitserland", "schweiz", "switzerland", "suisse"]),
    ("LI", &["lie", "438", "liechtenstein"]),
    (
        "GB",
        &["gbr", "826", "uk", "verenigd koninkrijk", "vereinigtes königreich", "united kingdom", "great britain", "royaume-uni", "england"],
    ),
    ("IE", &["irl", "372", "ierland", "irland", "ireland", "irlande"]),
    ("US", &["usa", "840", "verenigde staten", "vereinigte staaten", "united states", "united states of america", "états-unis"]),
    ("CA", &["can", "124", "canada", "kanada"]),
    ("DK", &["dnk", "208", "denemarken", "dänemark", "denmark", "danemark", "danmark"]),
    ("NO", &["nor", "578", "noorwegen", "norwegen", "norway", "norvège", "norge"]),
    ("SE", &["swe", "752", "zweden", "schweden", "sweden", "suède", "sverige"]),
    ("FI", &["fin", "246", "finland", "finnland", "finlande", "suomi"]),
    ("ES", &["esp", "724", "spanje", "spanien", "spain", "espagne", "españa"]),
    ("PT", &["prt", "620", "portugal"]),
    ("IT", &["ita", "380", "italië", "italien", "italy", "italie", "italia"]),
    ("PL", &["pol", "616", "polen", "poland", "pologne", "polska"]),
    ("CZ", &["cze", "203", "tsjechië", "tschechien", "czech republic", "czechia", "tchéquie"]),
    ("SK", &["svk", "703", "slowakije", "slowakei", "slovakia", "slovaquie"]),
    ("HU", &["hun", "348", "hongarije", "ungarn", "hungary", "hongrie"]),
    ("CN", &["chn", "156", "china", "chine"]),
    ("AU", &["aus", "036", "36", "australië", "australien", "australia", "australie"]),
    ("SG", &["sgp", "702", "singapore", "singapur", "singapour"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_have_short_names_and_others_stay() {
        for (code, name) in [
            ("0088", "gln"),
            ("iln", "gln"),
            ("NL:VAT", "vat"),
            ("9944", "vat"),
            ("9930", "vat"),
            ("0106", "kvk"),
            ("NetworkID", "NetworkID"),
            ("9954", "9954"),
        ] {
            assert_eq!(party_scheme(code), name);
        }
        assert_eq!(item_scheme("ean"), "gtin");
        assert_eq!(item_scheme("ETIM"), "ETIM");
        assert_eq!(country("Deutschland").as_deref(), Some("DE"));
        assert_eq!(country("276").as_deref(), Some("DE"));
        assert_eq!(country("nl").as_deref(), Some("NL"));
        assert_eq!(country("Atlantis"), None);
        assert!(is_gtin("4006381333931") && !is_gtin("4006381333932") && !is_gtin("0000000000000") && !is_gtin("4006381"));
    }
}
