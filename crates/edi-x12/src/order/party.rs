//! Parties: N1 with the N2, N3, N4, REF and PER that follow it, of the order or of a line; and who the buyer is.

use loket_core::order::{OrderParty, SchemedId, Source, Sources};
use serde_json::Value;

use super::{Area, Builder, codes};
use crate::envelope::gs;
use crate::syntax::Segment;

/// A party that is being read.
#[derive(Clone)]
pub(super) struct PartyDraft {
    /// Which part it has (data element 98).
    role: String,
    party: OrderParty,
    sources: Vec<(&'static str, Source)>,
}

/// A contact in the head, and how it is kept where the buyer has one of its own.
pub(super) struct HeadContact {
    draft: PartyDraft,
    name: String,
    rest: Option<String>,
}

/// A party that lines name: some senders write what is the same for all into each line, or behind the last one.
pub(super) struct LineParty {
    draft: PartyDraft,
    /// The first line that names it, and the last one so far, counted from 1.
    first: usize,
    last: usize,
    /// How many lines do, and whether all of them mean the same party.
    lines: usize,
    same: bool,
}

/// Who may stand for a buyer that is not named as such: who ordered, whom it is sold to.
const BUYERS_STAND_INS: [&str; 2] = ["OB", "SO"];

/// The contacts (data element 366) that a head without a party names for the buyer.
const BUYERS_CONTACTS: [&[u8]; 8] = [b"BD", b"OC", b"IC", b"CN", b"BJ", b"AC", b"PD", b""];

impl Builder<'_> {
    pub(super) fn open_party(&mut self, segment: &Segment<'_>) {
        self.close_party();
        let mut draft = PartyDraft { role: segment.code_or_empty(1).to_uppercase(), party: OrderParty::default(), sources: Vec::new() };
        draft.party.name = segment.text(2);
        if draft.party.name.is_some() {
            draft.sources.push(("name", Source::element(self.number, "N102")));
        }
        draft.party.id = segment.code(4);
        if draft.party.id.is_some() {
            draft.party.scheme = segment.code(3).map(|code| codes::party_scheme(&code));
            draft.sources.push(("id", Source::element(self.number, "N104")));
        }
        self.party = Some(draft);
    }

    pub(super) fn party_goes_on(&mut self, segment: &Segment<'_>) {
        let number = self.number;
        let Some(draft) = &mut self.party else { return };
        let party = &mut draft.party;
        match segment.tag() {
            b"N2" | b"N3" => {
                let name = if segment.tag() == b"N2" { "N201" } else { "N301" };
                let before = party.street.len();
                party.street.extend([segment.text(1), segment.text(2)].into_iter().flatten());
                if before == 0 && !party.street.is_empty() {
                    draft.sources.push(("street", Source::element(number, name)));
                }
                self.kept_count += 1;
            }
            b"N4" => {
                let fields: [(&'static str, &'static str, Option<String>, &mut Option<String>); 4] = [
                    ("city", "N401", segment.text(1), &mut party.city),
                    ("region", "N402", segment.text(2), &mut party.region),
                    ("postcode", "N403", segment.text(3), &mut party.postcode),
                    ("country", "N404", segment.code(4).and_then(|code| codes::country(&code)), &mut party.country),
                ];
                for (field, name, value, slot) in fields {
                    if value.is_some() {
                        draft.sources.push((field, Source::element(number, name)));
                        *slot = value;
                    }
                }
                let unknown_country = segment.code(4).filter(|code| codes::country(code).is_none());
                let location = segment.code(6);
                if let Some(country) = unknown_country {
                    self.keep_as("N404".into(), country);
                }
                if location.is_some() {
                    self.keep_rest(segment, "N405", 5);
                }
            }
            b"REF" => {
                self.kept_count += 1;
                if let Some(id) = segment.code(2).or_else(|| segment.code(3)) {
                    party.other_ids.push(SchemedId { scheme: segment.code_or_empty(1), id });
                }
            }
            // The buyer's department, behind the place that the goods come from.
            _ if self.area == Area::Head && segment.element(1) == b"BD" && draft.role == "SF" => {
                self.head_contact(segment);
            }
            _ => {
                let whole = draft.take_contact(segment, number);
                if !whole {
                    self.keep_qualified(segment, 1, 2);
                }
            }
        }
    }

    /// A contact in the head: the buyer's, where it is one that buyers have.
    pub(super) fn head_contact(&mut self, segment: &Segment<'_>) {
        if !BUYERS_CONTACTS.contains(&segment.element(1)) || self.contact.is_some() {
            self.keep_qualified(segment, 1, 2);
            return;
        }
        let mut draft = PartyDraft { role: String::new(), party: OrderParty::default(), sources: Vec::new() };
        let mut rest = Some(segment.rest(2));
        if !draft.take_contact(segment, self.number) {
            self.keep_qualified(segment, 1, 2);
            rest = None;
        }
        let name = format!("{}*{}", segment.tag_text(), segment.code_or_empty(1));
        self.contact = Some(HeadContact { draft, name: name.trim_end_matches('*').to_owned(), rest });
    }

    pub(super) fn close_party(&mut self) {
        let Some(draft) = self.party.take() else { return };
        if self.area == Area::Line {
            self.note_line_party(&draft);
        } else if BUYERS_STAND_INS.contains(&draft.role.as_str()) && self.stand_in.is_none() {
            self.stand_in = Some(draft.clone());
        }
        let order = &mut self.order;
        let in_head = self.area != Area::Line;
        let both = draft.role == "BS" && order.ship_to.is_none() && order.bill_to.is_none();
        let (slot, name) = match draft.role.as_str() {
            "BY" if in_head && order.buyer.is_none() => (&mut order.buyer, "buyer"),
            "SE" | "SU" | "VN" if in_head && order.seller.is_none() => (&mut order.seller, "seller"),
            "ST" | "BS" if in_head && order.ship_to.is_none() => (&mut order.ship_to, "ship_to"),
            "BT" | "BS" if in_head && order.bill_to.is_none() => (&mut order.bill_to, "bill_to"),
            _ => {
                let party = serde_json::to_value(&draft.party).unwrap_or(Value::Null);
                self.keep_as(format!("N1*{}", draft.role), party);
                return;
            }
        };
        draft.set_sources(&mut order.sources, name);
        if both {
            draft.set_sources(&mut order.sources, "bill_to");
            order.bill_to = Some(draft.party.clone());
            order.ship_to = Some(draft.party);
        } else {
            *slot = Some(draft.party);
        }
    }

    fn note_line_party(&mut self, draft: &PartyDraft) {
        if !matches!(draft.role.as_str(), "BY" | "ST") {
            return;
        }
        let line = self.draft_count;
        let Some(known) = self.line_parties.iter_mut().find(|known| known.draft.role == draft.role) else {
            self.line_parties.push(LineParty { draft: draft.clone(), first: line, last: line, lines: 1, same: true });
            return;
        };
        let (one, other) = (&known.draft.party, &draft.party);
        known.same &= if one.id.is_some() { one.id == other.id } else { one == other };
        known.lines += usize::from(known.last != line);
        known.last = line;
    }

    /// What the head does not say, where all lines say the same or it stands behind the last one.
    fn lift_line_parties(&mut self) {
        let lines = self.order.lines.len();
        for known in std::mem::take(&mut self.line_parties) {
            let (slot, name) = match known.draft.role.as_str() {
                "BY" => (&mut self.order.buyer, "buyer"),
                _ => (&mut self.order.ship_to, "ship_to"),
            };
            if slot.is_none() && known.same && (known.lines == lines || known.first == lines) {
                known.draft.set_sources(&mut self.order.sources, name);
                *slot = Some(known.draft.party);
            }
        }
    }

    /// Without an N1*BY the buyer is who ordered, whom it is sold to, whom the invoice goes to, else who sent the group.
    pub(super) fn settle_buyer(&mut self) {
        self.close_party();
        self.lift_line_parties();
        let order = &mut self.order;
        if order.buyer.is_none()
            && let Some(draft) = self.stand_in.take()
        {
            draft.set_sources(&mut order.sources, "buyer");
            order.buyer = Some(draft.party);
        }
        if order.buyer.is_none() {
            order.buyer = order.bill_to.clone();
            let copied: Vec<_> = order
                .sources
                .iter()
                .filter_map(|(name, source)| Some((format!("buyer.{}", name.strip_prefix("bill_to.")?), source.clone())))
                .collect();
            for (name, source) in copied {
                order.sources.set(name, source);
            }
        }
        if order.buyer.is_none() {
            let interchange = &self.transaction.interchange;
            let id = Some(gs(self.transaction.group.as_deref(), 2)).filter(|id| !id.is_empty()).unwrap_or(interchange.isa(6));
            let scheme = if id == interchange.isa(6) { codes::network_scheme(interchange.isa(5)) } else { "edi" };
            order.buyer =
                (!id.is_empty()).then(|| OrderParty { id: Some(id.to_owned()), scheme: Some(scheme.to_owned()), ..OrderParty::default() });
        }
        let Some(contact) = self.contact.take() else { return };
        // Never one person's name with another one's number.
        match order.buyer.as_mut().filter(|buyer| buyer.contact.is_none() && buyer.email.is_none() && buyer.phone.is_none()) {
            Some(buyer) => {
                let HeadContact { draft: PartyDraft { party, sources, .. }, .. } = contact;
                (buyer.contact, buyer.email, buyer.phone) = (party.contact, party.email, party.phone);
                for (field, source) in sources {
                    order.sources.set(format!("buyer.{field}"), source);
                }
            }
            None => {
                if let Some(rest) = contact.rest {
                    self.keep_as(contact.name, rest);
                }
            }
        }
    }
}

impl PartyDraft {
    /// A person and how to reach them (PER, G61). Says whether everything in the segment had a place.
    fn take_contact(&mut self, segment: &Segment<'_>, number: u32) -> bool {
        let names: [&'static str; 4] =
            if segment.tag() == b"PER" { ["PER02", "PER04", "PER06", "PER08"] } else { ["G6102", "G6104", "G6106", "G6108"] };
        let mut whole = segment.code(9).is_none();
        let party = &mut self.party;
        if let Some(name) = segment.text(2) {
            whole &= party.contact.is_none();
            if party.contact.is_none() {
                party.contact = Some(name);
                self.sources.push(("contact", Source::element(number, names[0])));
            }
        }
        for (place, name) in [(3, names[1]), (5, names[2]), (7, names[3])] {
            let Some(value) = segment.text(place + 1) else { continue };
            let (field, slot) = match segment.element(place) {
                b"EM" | b"EA" => ("email", &mut party.email),
                b"TE" | b"WP" | b"CP" | b"AP" | b"HP" => ("phone", &mut party.phone),
                _ => {
                    whole = false;
                    continue;
                }
            };
            if slot.is_some() {
                whole = false;
                continue;
            }
            *slot = Some(value);
            self.sources.push((field, Source::element(number, name)));
        }
        whole
    }

    fn set_sources(&self, sources: &mut Sources, prefix: &str) {
        for (field, source) in &self.sources {
            sources.set(format!("{prefix}.{field}"), source.clone());
        }
    }
}
