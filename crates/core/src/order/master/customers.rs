//! Who buys.

use std::collections::HashMap;

use super::super::finish::country;
use super::super::identity::bare;
use super::several;
use super::table::{Column, Faults, Table};

/// Our customers, and everything that they are known by.
#[derive(Debug, Default)]
pub(super) struct Customers {
    list: Vec<Customer>,
    known: HashMap<(Known, String), Vec<usize>>,
}

/// A customer.
#[derive(Debug)]
pub(super) struct Customer {
    /// Our number for it.
    pub(super) number: String,
    country: Option<&'static str>,
}

/// What a customer is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Known {
    /// Our own number for it.
    Number,
    /// Its GLN.
    Gln,
    /// An id of its in EDI.
    Edi,
    /// Its address for mail.
    Mail,
    /// The domain of its mail.
    Domain,
    /// Its name.
    Name,
}

impl Known {
    /// What it is called in `extra.master`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Gln => "gln",
            Self::Edi => "edi",
            Self::Mail => "mail",
            Self::Domain => "domain",
            Self::Name => "name",
        }
    }

    /// How two spellings of it are equal.
    fn key(self, text: &str) -> String {
        match self {
            Self::Mail | Self::Domain => text.trim().trim_start_matches('@').to_lowercase(),
            _ => bare(text),
        }
    }
}

const COLUMNS: &[Column] = &[
    Column {
        name: "number",
        headers: "number customer customernumber customerno customerid klant klantnummer klantnr debiteur debiteurnummer \
                  debiteurnr kunde kundennummer kundennr debitor debitornummer debitorennummer client numeroclient codeclient \
                  nummer numero",
        needed: true,
    },
    Column {
        name: "name",
        headers: "name customername company companyname naam klantnaam bedrijf bedrijfsnaam firma firmenname kundenname nom \
                  nomclient raisonsociale",
        needed: false,
    },
    Column { name: "gln", headers: "gln glns glnnummer glnnumber glncode iln", needed: false },
    Column { name: "edi", headers: "edi ediid ediids edicode edinummer ediadres edipartner codeedi", needed: false },
    Column {
        name: "mail",
        headers: "mail mails email emails mailaddress mailaddresses emailaddress emailaddresses mailadres emailadres \
                  mailadressen emailadressen mailadresse emailadresse courriel courriels adressemail adresseemail",
        needed: false,
    },
    Column {
        name: "domain",
        headers: "domain domains maildomain maildomains emaildomain emaildomains domein domeinen maildomein emaildomein domane \
                  domaene domanen domaenen maildomane domaine domaines",
        needed: false,
    },
    Column { name: "country", headers: "country countrycode land landcode landeskennzeichen pays codepays", needed: false },
];

impl Customers {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let mut faults = Faults::new("customers");
        let mut customers = Self::default();
        if let Some(mut table) = Table::open(bytes, COLUMNS, &mut faults) {
            while let Some(row) = table.next(&mut faults) {
                let Some(number) = table.cell(&row, "number").filter(|number| !bare(number).is_empty()) else {
                    faults.at(row.line, Some("number"), "a customer without a number");
                    continue;
                };
                if !customers.by(Known::Number, number).is_empty() {
                    faults.at(row.line, Some("number"), &format!("customer {number} stands in the file already"));
                    continue;
                }
                let land = table.cell(&row, "country").map(|written| (written, country(written)));
                if let Some((written, None)) = land {
                    faults.at(row.line, Some("country"), &format!("{written:?} is no country of ISO 3166"));
                }
                let at = customers.list.len();
                customers.list.push(Customer { number: number.to_owned(), country: land.and_then(|(_, code)| code) });
                customers.know(Known::Number, number, at);
                if let Some(name) = table.cell(&row, "name") {
                    customers.know(Known::Name, name, at);
                }
                for (name, known) in [("gln", Known::Gln), ("edi", Known::Edi), ("mail", Known::Mail), ("domain", Known::Domain)] {
                    for part in table.cell(&row, name).into_iter().flat_map(several) {
                        let fault = match known {
                            Known::Gln if part.len() != 13 || !part.bytes().all(|byte| byte.is_ascii_digit()) => {
                                Some("has not the 13 digits of a GLN")
                            }
                            Known::Mail if !part.contains('@') => Some("is no mail address"),
                            _ => None,
                        };
                        match fault {
                            Some(fault) => faults.at(row.line, Some(name), &format!("{part:?} {fault}")),
                            None => customers.know(known, part, at),
                        }
                    }
                }
            }
        }
        let faults = faults.into_list();
        if faults.is_empty() { Ok(customers) } else { Err(faults) }
    }

    fn know(&mut self, known: Known, text: &str, at: usize) {
        let key = known.key(text);
        let customers = self.known.entry((known, key.clone())).or_default();
        if !key.is_empty() && customers.last() != Some(&at) {
            customers.push(at);
        }
    }

    /// Those who are known by this.
    pub(super) fn by(&self, known: Known, text: &str) -> &[usize] {
        self.known.get(&(known, known.key(text))).map_or(&[], Vec::as_slice)
    }

    pub(super) fn get(&self, at: usize) -> Option<&Customer> {
        self.list.get(at)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

impl Customer {
    /// Whether it may be in a country: when either is not known, too.
    pub(super) fn may_be_in(&self, country: Option<&str>) -> bool {
        self.country.is_none() || country.is_none() || self.country == country
    }
}
