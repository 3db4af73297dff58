//! Who buys, who sells, where the goods go, who gets the invoice: NAD and what follows it.

use loket_core::order::{Order, OrderParty, SchemedId, Source};

use super::keep::{self, Group};
use super::{At, Draft, number, text};
use crate::syntax::Segment;

/// The names of a party's fields.
macro_rules! fields {
    ($party:literal) => {
        [
            concat!($party, ".id"),
            concat!($party, ".name"),
            concat!($party, ".street"),
            concat!($party, ".city"),
            concat!($party, ".region"),
            concat!($party, ".postcode"),
            concat!($party, ".country"),
            concat!($party, ".contact"),
            concat!($party, ".email"),
            concat!($party, ".phone"),
        ]
    };
}

/// A party's part in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Buyer,
    Seller,
    ShipTo,
    BillTo,
}

impl Role {
    /// By the qualifier (data element 3035), and how well it fits: 0 is best.
    fn by_qualifier(qualifier: &str) -> Option<(Self, u8)> {
        Some(match qualifier {
            "BY" => (Self::Buyer, 0),
            // Ordered by.
            "OB" => (Self::Buyer, 1),
            // Where nobody else is named: who sends the order, and who gets it.
            "MS" => (Self::Buyer, 2),
            "MR" => (Self::Seller, 3),
            "SU" => (Self::Seller, 0),
            "SE" => (Self::Seller, 1),
            "VN" => (Self::Seller, 2),
            "DP" => (Self::ShipTo, 0),
            "ST" => (Self::ShipTo, 1),
            // Consignee, ultimate consignee.
            "CN" => (Self::ShipTo, 2),
            "UC" => (Self::ShipTo, 3),
            // The number of a shop.
            "SN" => (Self::ShipTo, 4),
            "IV" => (Self::BillTo, 0),
            "BT" => (Self::BillTo, 1),
            _ => return None,
        })
    }

    /// The party in an order.
    pub(super) fn of(self, order: &mut Order) -> &mut OrderParty {
        let slot = match self {
            Self::Buyer => &mut order.buyer,
            Self::Seller => &mut order.seller,
            Self::ShipTo => &mut order.ship_to,
            Self::BillTo => &mut order.bill_to,
        };
        slot.get_or_insert_default()
    }

    /// The names of its fields, for where they stood.
    fn fields(self) -> [&'static str; 10] {
        match self {
            Self::Buyer => fields!("buyer"),
            Self::Seller => fields!("seller"),
            Self::ShipTo => fields!("ship_to"),
            Self::BillTo => fields!("bill_to"),
        }
    }
}

/// A place of delivery.
#[derive(Debug)]
pub(super) struct Place {
    party: OrderParty,
    segment: u32,
}

impl Draft {
    /// LOC of the head. Some name the place of delivery in it, also beside the buyer.
    pub(super) fn place(&mut self, at: At<'_>) {
        let segment = &at.segment;
        let elsewhere = self.group.as_ref().is_some_and(|group| matches!(&group.tag, b"TDT" | b"TOD" | b"TAX"));
        let id = segment.value(2, 0).filter(|_| segment.is(1, 0, "7") && !elsewhere && self.place.is_none());
        if let Some(id) = id {
            let scheme = scheme(&id, &segment.code(2, 1), &segment.code(2, 2));
            let party = OrderParty { id: Some(id), scheme, name: segment.text(2, 3), ..OrderParty::default() };
            self.place = Some(Place { party, segment: at.number });
        }
        self.keep(at);
    }

    /// Who pays is who buys, where nobody else is named.
    pub(super) fn settle_buyer(&mut self) {
        let order = &mut self.order;
        if order.buyer.is_some() || order.bill_to.is_none() {
            return;
        }
        order.buyer.clone_from(&order.bill_to);
        for (to, from) in Role::Buyer.fields().into_iter().zip(Role::BillTo.fields()) {
            if let Some(source) = order.sources.get(from).cloned() {
                order.sources.set(to, source);
            }
        }
    }

    /// Where the goods go, where no NAD says it.
    pub(super) fn settle_place(&mut self) {
        if let Some(place) = self.place.take().filter(|_| self.order.ship_to.is_none()) {
            self.order.sources.set("ship_to.id", Source::element(place.segment, "LOC C517.3225"));
            if place.party.name.is_some() {
                self.order.sources.set("ship_to.name", Source::element(place.segment, "LOC C517.3224"));
            }
            self.order.ship_to = Some(place.party);
        }
    }

    pub(super) fn party(&mut self, at: At<'_>) {
        let segment = &at.segment;
        self.group = Some(Group::opened_by(segment));
        self.party = None;
        let qualifier = segment.code(1, 0).to_ascii_uppercase();
        let found = Role::by_qualifier(&qualifier);
        let Some((role, rank)) = found else { return keep::keep(&mut self.order.extra, segment) };
        let [buyer, seller, ship_to, bill_to] = &mut self.ranks.parties;
        let best = match role {
            Role::Buyer => buyer,
            Role::Seller => seller,
            Role::ShipTo => ship_to,
            Role::BillTo => bill_to,
        };
        if keep::offer(best, rank, segment, &mut self.order.extra) {
            self.party = Some(role);
            let party = read(segment);
            let [id, name, street, city, region, postcode, country, ..] = role.fields();
            let unstructured = segment.code(4, 0).is_empty();
            for (field, given, element) in [
                (id, party.id.is_some(), "NAD C082.3039"),
                (name, party.name.is_some(), if unstructured { "NAD C058.3124" } else { "NAD C080.3036" }),
                (street, !party.street.is_empty(), if segment.code(5, 0).is_empty() { "NAD C058.3124" } else { "NAD C059.3042" }),
                (city, party.city.is_some(), "NAD 3164"),
                (region, party.region.is_some(), "NAD 3229"),
                (postcode, party.postcode.is_some(), "NAD 3251"),
                (country, party.country.is_some(), "NAD 3207"),
            ] {
                if given {
                    self.order.sources.set(field, at.source(element));
                }
            }
            *role.of(&mut self.order) = party;
        }
    }

    /// CTA and COM of one of the order's parties.
    pub(super) fn contact(&mut self, at: At<'_>) {
        let Some(role) = self.party else { return self.keep(at) };
        let segment = &at.segment;
        let [.., contact, email, phone] = role.fields();
        let party = role.of(&mut self.order);
        if segment.tag == *b"CTA" {
            let person = segment.text(2, 1).or_else(|| segment.text(2, 0));
            if party.contact.is_some() || person.is_none() {
                return self.keep(at);
            }
            party.contact = person;
            return self.order.sources.set(contact, at.source("CTA C056.3412"));
        }
        let mut all_taken = true;
        let mut found = Vec::new();
        let places = (1..=segment.elements()).flat_map(|element| (0..segment.repetitions(element)).map(move |again| (element, again)));
        for (element, again) in places {
            let (slot, field) = match segment.repeated_code(element, again, 1).to_ascii_uppercase().as_str() {
                "EM" => (&mut party.email, email),
                "TE" | "AL" => (&mut party.phone, phone),
                _ => {
                    all_taken = false;
                    continue;
                }
            };
            match segment.repeated_value(element, again, 0) {
                Some(number) if slot.is_none() => {
                    *slot = Some(number);
                    found.push(field);
                }
                _ => all_taken = false,
            }
        }
        found.into_iter().for_each(|field| self.order.sources.set(field, at.source("COM C076.3148")));
        if !all_taken {
            self.keep(at);
        }
    }
}

/// The party of a NAD.
fn read(segment: &Segment<'_>) -> OrderParty {
    let all = |element: usize| text::components(segment, element, 0, 5);
    let id = segment.value(2, 0);
    let scheme = id.as_ref().and_then(|id| scheme(id, &segment.code(2, 1), &segment.code(2, 2)));
    let name = all(4);
    let mut lines = all(3).into_iter();
    let name = if name.is_empty() { lines.next() } else { Some(name.join(" ")) };
    let mut street = all(5);
    street.extend(lines.filter(|line| name.as_ref() != Some(line)));
    OrderParty {
        id,
        scheme,
        other_ids: Vec::new(),
        name,
        street,
        city: segment.text(6, 0),
        region: segment.text(7, 0).or_else(|| segment.text(7, 3)),
        postcode: segment.text(8, 0),
        country: segment.value(9, 0).map(|country| country.to_ascii_uppercase()),
        ..OrderParty::default()
    }
}

/// What kind of number a party's id is, by agency (3055) and code list (1131).
fn scheme(id: &str, list: &str, agency: &str) -> Option<String> {
    Some(match agency {
        "9" | "EN" => "gln".into(),
        "16" => "duns".into(),
        "91" => "seller".into(),
        "92" => "buyer".into(),
        "" if list.is_empty() => return (id.len() == 13 && number::has_check_digit(id)).then(|| "gln".into()),
        "" => list.into(),
        agency => agency.into(),
    })
}

/// A further number of a party: RFF after NAD.
pub(super) fn other_id(party: &mut OrderParty, segment: &Segment<'_>) {
    if let Some(id) = segment.value(1, 1) {
        let qualifier = segment.code(1, 0);
        let scheme = if qualifier.eq_ignore_ascii_case("VA") { "vat".into() } else { qualifier.into_owned() };
        party.other_ids.push(SchemedId { scheme, id });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        assert_eq!(scheme("5412345000013", "", "9").as_deref(), Some("gln"));
        assert_eq!(scheme("5412345000013", "", "").as_deref(), Some("gln"));
        assert_eq!(scheme("5412345000014", "", ""), None);
        assert_eq!(scheme("4711", "", "92").as_deref(), Some("buyer"));
        assert_eq!(scheme("4711", "ZZZ", "").as_deref(), Some("ZZZ"));
        assert_eq!(scheme("123456789", "", "16").as_deref(), Some("duns"));
        assert_eq!(scheme("4711", "160", "ZZZ").as_deref(), Some("ZZZ"));
    }
}
