//! What is sold, in which units, for how much, and what customers call it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;

use super::super::finish::currency;
use super::super::identity::{bare, gtin_key};
use super::super::unit::comparable;
use super::super::{UnitList, unit};
use super::customers::{Customers, Known};
use super::table::{Column, Faults, Row, Table};
use super::{amount, several};

/// Our items, and everything that they are known by.
#[derive(Debug, Default)]
pub(super) struct Items {
    list: Vec<Item>,
    by_number: HashMap<String, usize>,
    by_gtin: HashMap<String, usize>,
    by_customer: HashMap<(String, String), usize>,
    agreed: HashMap<(String, usize), Price>,
    customers: HashSet<String>,
}

/// An item.
#[derive(Debug)]
pub(super) struct Item {
    /// Our number for it.
    pub(super) number: String,
    /// What it is.
    pub(super) description: Option<String>,
    /// The unit that it is counted and priced in.
    pub(super) unit: Option<&'static str>,
    /// Further units that it is sold in, with how many of `unit` one of them is.
    units: Vec<(&'static str, Decimal)>,
    price: Option<Price>,
}

/// What one `unit` of an item costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Price {
    pub(super) price: Decimal,
    pub(super) currency: Option<&'static str>,
}

const COLUMNS: &[Column] = &[
    Column {
        name: "item",
        headers: "item itemnumber itemno sku article articlenumber articleno artikel artikelnummer artikelnr artnr product \
                  productnumber productcode reference numeroarticle codearticle referencearticle",
        needed: true,
    },
    Column { name: "gtin", headers: "gtin gtins ean eans eancode barcode upc streepjescode strichcode codebarres", needed: false },
    Column {
        name: "description",
        headers: "description omschrijving artikelomschrijving naam name beschreibung bezeichnung artikelbezeichnung designation \
                  libelle",
        needed: false,
    },
    Column {
        name: "unit",
        headers: "unit baseunit uom eenheid basiseenheid einheit mengeneinheit basiseinheit unite unitedebase",
        needed: false,
    },
    Column {
        name: "units",
        headers: "units otherunits conversion conversions eenheden omrekening einheiten umrechnung unites conversionunites",
        needed: false,
    },
    Column {
        name: "price",
        headers: "price unitprice netprice prijs nettoprijs stukprijs preis nettopreis einzelpreis stuckpreis prix prixunitaire \
                  prixnet",
        needed: false,
    },
    Column { name: "currency", headers: "currency valuta munt wahrung waehrung devise monnaie", needed: false },
    Column {
        name: "customer",
        headers: "customer customernumber customerno klant klantnummer klantnr debiteur debiteurnummer kunde kundennummer \
                  kundennr client numeroclient codeclient",
        needed: false,
    },
    Column {
        name: "customer_item",
        headers: "customeritem customeritemnumber customersku klantartikel klantartikelnummer artikelnummerklant kundenartikel \
                  kundenartikelnummer kundenartikelnr articleclient referenceclient",
        needed: false,
    },
    Column { name: "customer_price", headers: "customerprice agreedprice klantprijs prijsklant kundenpreis prixclient", needed: false },
];

impl Items {
    pub(super) fn read(bytes: &[u8], customers: Option<&Customers>) -> Result<Self, Vec<String>> {
        let mut faults = Faults::new("items");
        let mut items = Self::default();
        if let Some(mut table) = Table::open(bytes, COLUMNS, &mut faults) {
            while let Some(row) = table.next(&mut faults) {
                let Some(number) = table.cell(&row, "item").filter(|number| !bare(number).is_empty()) else {
                    faults.at(row.line, Some("item"), "an item without a number");
                    continue;
                };
                let read = Item::read(number, &table, &row, &mut faults);
                let at = items.item(read, row.line, &mut faults);
                items.gtins(at, &table, &row, &mut faults);
                items.customer(at, &table, &row, customers, &mut faults);
            }
        }
        let faults = faults.into_list();
        if faults.is_empty() { Ok(items) } else { Err(faults) }
    }

    /// Adds an item, or what a further row says of one; it may repeat what the first said, but not say otherwise.
    fn item(&mut self, read: Item, line: usize, faults: &mut Faults) -> usize {
        let at = match self.by_number.entry(bare(&read.number)) {
            Entry::Vacant(free) => {
                free.insert(self.list.len());
                self.list.push(read);
                return self.list.len() - 1;
            }
            Entry::Occupied(known) => *known.get(),
        };
        if let Some(item) = self.list.get_mut(at) {
            let number = &item.number;
            let mut other = |column: &str, differs: bool| {
                if differs {
                    let what = format!(
                        "item {number} has another {column} in a line before; customers' own go into customer_item and customer_price"
                    );
                    faults.at(line, Some(column), &what);
                }
            };
            other("unit", differ(&item.unit, &read.unit));
            other("price", differ(&item.price, &read.price));
            other(
                "units",
                read.units.iter().any(|(unit, factor)| item.units.iter().any(|(known, before)| known == unit && before != factor)),
            );
            for unit in read.units {
                if !item.units.contains(&unit) {
                    item.units.push(unit);
                }
            }
            item.unit = item.unit.or(read.unit);
            item.price = item.price.or(read.price);
            item.description = item.description.take().or(read.description);
        }
        at
    }

    fn gtins(&mut self, at: usize, table: &Table, row: &Row, faults: &mut Faults) {
        for gtin in table.cell(row, "gtin").into_iter().flat_map(several) {
            if !matches!(gtin.len(), 8 | 12 | 13 | 14) || !gtin.bytes().all(|byte| byte.is_ascii_digit()) {
                faults.at(row.line, Some("gtin"), &format!("{gtin:?} has not the 8, 12, 13 or 14 digits of a GTIN"));
                continue;
            }
            let before = *self.by_gtin.entry(gtin_key(gtin)).or_insert(at);
            if before != at {
                let other = self.list.get(before).map(|item| item.number.as_str()).unwrap_or_default();
                faults.at(row.line, Some("gtin"), &format!("{gtin} is also that of item {other}"));
            }
        }
    }

    fn customer(&mut self, at: usize, table: &Table, row: &Row, customers: Option<&Customers>, faults: &mut Faults) {
        let own = table.cell(row, "customer_item");
        let price = table.cell(row, "customer_price");
        let Some(customer) = table.cell(row, "customer") else {
            if own.or(price).is_some() {
                faults.at(row.line, Some("customer"), "a customer's own item or price without the customer");
            }
            return;
        };
        if customers.is_some_and(|customers| customers.by(Known::Number, customer).is_empty()) {
            faults.at(row.line, Some("customer"), &format!("there is no customer {customer} in the customers' file"));
            return;
        }
        let customer = bare(customer);
        if let Some(own) = own {
            self.customers.insert(customer.clone());
            let before = *self.by_customer.entry((customer.clone(), bare(own))).or_insert(at);
            if before != at {
                let other = self.list.get(before).map(|item| item.number.as_str()).unwrap_or_default();
                faults.at(row.line, Some("customer_item"), &format!("{own} is already this customer's number for item {other}"));
            }
        }
        if let Some(written) = price {
            let Some(price) = amount(written) else {
                faults.at(row.line, Some("customer_price"), &format!("{written:?} is no amount"));
                return;
            };
            let agreed = Price { price, currency: table.cell(row, "currency").and_then(currency) };
            let before = *self.agreed.entry((customer, at)).or_insert(agreed);
            if before != agreed {
                faults.at(row.line, Some("customer_price"), "this customer has another price for the item in a line before");
            }
        }
    }

    pub(super) fn by_number(&self, number: &str) -> Option<usize> {
        self.by_number.get(&bare(number)).copied()
    }

    pub(super) fn by_gtin(&self, gtin: &str) -> Option<usize> {
        self.by_gtin.get(&gtin_key(gtin)).copied()
    }

    /// By a customer's own number for it.
    pub(super) fn by_customer(&self, customer: &str, item: &str) -> Option<usize> {
        self.by_customer.get(&(bare(customer), bare(item))).copied()
    }

    /// Whether a customer's own numbers are known.
    pub(super) fn knows_numbers_of(&self, customer: &str) -> bool {
        self.customers.contains(&bare(customer))
    }

    pub(super) fn get(&self, at: usize) -> Option<&Item> {
        self.list.get(at)
    }

    /// What one base unit of an item costs a customer.
    pub(super) fn price(&self, at: usize, customer: Option<&str>) -> Option<Price> {
        let usual = self.list.get(at)?.price;
        let Some(agreed) = customer.and_then(|customer| self.agreed.get(&(bare(customer), at)).copied()) else { return usual };
        Some(Price { currency: agreed.currency.or(usual.and_then(|usual| usual.currency)), ..agreed })
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

impl Item {
    fn read(number: &str, table: &Table, row: &Row, faults: &mut Faults) -> Self {
        let base = table.cell(row, "unit").and_then(|written| {
            let code = known_unit(written);
            if code.is_none() {
                faults.at(row.line, Some("unit"), &format!("{written:?} is no unit that is known"));
            }
            code
        });
        let mut units = Vec::new();
        for part in table.cell(row, "units").into_iter().flat_map(|cell| cell.split(['|', ';']).flat_map(str::split_whitespace)) {
            let read = part.split_once('=').and_then(|(unit, factor)| Some((known_unit(unit)?, amount(factor)?)));
            match read {
                Some((unit, factor)) if !factor.is_zero() => units.push((unit, factor)),
                _ => {
                    let what = format!("{part:?} is not like CT=12: a unit that is known, and how many base units it is");
                    faults.at(row.line, Some("units"), &what);
                }
            }
        }
        if base.is_none() && !units.is_empty() && table.cell(row, "unit").is_none() {
            faults.at(row.line, Some("unit"), "units are given in terms of the base unit, which is missing");
        }
        let money = table.cell(row, "currency").and_then(|written| {
            let code = currency(written);
            if code.is_none() {
                faults.at(row.line, Some("currency"), &format!("{written:?} is no currency of ISO 4217"));
            }
            code
        });
        let price = table.cell(row, "price").and_then(|written| {
            let price = amount(written);
            if price.is_none() {
                faults.at(row.line, Some("price"), &format!("{written:?} is no amount; write 1234.50 or 1234,50"));
            }
            Some(Price { price: price?, currency: money })
        });
        Self { number: number.to_owned(), description: table.cell(row, "description").map(str::to_owned), unit: base, units, price }
    }

    /// How many base units one of a unit is; none when the item is not sold in it.
    pub(super) fn factor(&self, unit: &str) -> Option<Decimal> {
        if self.unit.is_some_and(|base| comparable(base) == comparable(unit)) {
            return Some(Decimal::ONE);
        }
        self.units.iter().find(|(known, _)| comparable(known) == comparable(unit)).map(|(_, factor)| *factor)
    }

    /// The units that it is sold in, for people.
    pub(super) fn sold_in(&self) -> String {
        let units: Vec<_> = self.unit.into_iter().chain(self.units.iter().map(|(unit, _)| *unit)).collect();
        units.join(", ")
    }
}

fn known_unit(written: &str) -> Option<&'static str> {
    unit(written, UnitList::Rec20).or_else(|| unit(written, UnitList::Words))
}

fn differ<T: PartialEq>(before: &Option<T>, now: &Option<T>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if before != now)
}
