//! Writes an interchange: envelope, segments, counts.

use jiff::civil::{Date, DateTime};

/// What an interchange that goes out has around it.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// ISA05 to ISA08.
    pub(super) sender_qualifier: String,
    pub(super) sender: String,
    pub(super) receiver_qualifier: String,
    pub(super) receiver: String,
    /// ISA11: what the partner writes there, where it is its repetition separator.
    pub(super) repetition: Option<u8>,
    /// ISA12.
    pub(super) version: String,
    pub(super) control_number: u32,
    pub(super) now: DateTime,
    pub(super) test: bool,
    /// Between elements, between components, behind segments.
    pub(super) delimiters: (u8, u8, u8),
}

/// What a group that goes out has around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutgoingGroup {
    /// GS01: FA, PR, CA.
    pub(super) functional: &'static str,
    pub(super) sender: String,
    pub(super) receiver: String,
    /// GS08.
    pub(super) version: String,
}

/// An interchange that is being written.
pub(super) struct Writer {
    out: Vec<u8>,
    outgoing: Outgoing,
    groups: u32,
    group_control: u32,
    /// Transactions in the group, segments in the transaction.
    transactions: u32,
    segments: u32,
    transaction_control: String,
}

impl Writer {
    /// Begins an interchange.
    pub(super) fn new(outgoing: Outgoing) -> Self {
        let control = format!("{:09}", outgoing.control_number % 1_000_000_000);
        let mut writer = Self {
            out: Vec::new(),
            outgoing,
            groups: 0,
            group_control: 0,
            transactions: 0,
            segments: 0,
            transaction_control: String::new(),
        };
        let Outgoing { sender_qualifier, sender, receiver_qualifier, receiver, version, now, test, repetition, .. } =
            writer.outgoing.clone();
        let (separator, component, terminator) = writer.outgoing.delimiters;
        let eleventh = repetition.map_or('U', char::from);
        let qualifier = |code: &str| if code.is_empty() { "ZZ".to_owned() } else { code.to_owned() };
        let fixed = [
            ("ISA".to_owned(), 3),
            ("00".to_owned(), 2),
            (String::new(), 10),
            ("00".to_owned(), 2),
            (String::new(), 10),
            (qualifier(&sender_qualifier), 2),
            (sender, 15),
            (qualifier(&receiver_qualifier), 2),
            (receiver, 15),
            (now.strftime("%y%m%d").to_string(), 6),
            (now.strftime("%H%M").to_string(), 4),
            (eleventh.to_string(), 1),
            (if version.is_empty() { "00401".to_owned() } else { version }, 5),
            (control, 9),
            ("0".to_owned(), 1),
            (if test { "T" } else { "P" }.to_owned(), 1),
        ];
        for (place, (value, width)) in fixed.into_iter().enumerate() {
            let value = if place == 11 { value } else { writer.clean(&value) };
            let cut: String = value.chars().take(width).collect();
            writer.out.extend(format!("{cut:width$}").bytes());
            writer.out.push(separator);
        }
        writer.out.push(component);
        writer.out.push(terminator);
        writer
    }

    /// Begins a group.
    pub(super) fn open_group(&mut self, group: &OutgoingGroup) {
        self.groups += 1;
        self.transactions = 0;
        // A second group of one interchange needs another number than the interchange's own.
        self.group_control = self.outgoing.control_number % 100_000_000 + 100_000_000 * ((self.groups - 1) % 10);
        let now = self.outgoing.now;
        let (day, time) = (date(now.date(), &group.version), now.strftime("%H%M").to_string());
        let control = self.group_control.to_string();
        self.segment(&["GS", group.functional, &group.sender, &group.receiver, &day, &time, &control, "X", &group.version]);
    }

    /// Ends the group.
    pub(super) fn close_group(&mut self) {
        let (count, control) = (self.transactions.to_string(), self.group_control.to_string());
        self.segment(&["GE", &count, &control]);
    }

    /// Begins a transaction.
    pub(super) fn open_transaction(&mut self, kind: &str) {
        self.transactions += 1;
        self.segments = 0;
        self.transaction_control = format!("{:04}", self.transactions);
        let control = self.transaction_control.clone();
        self.segment(&["ST", kind, &control]);
    }

    /// Ends the transaction.
    pub(super) fn close_transaction(&mut self) {
        let (count, control) = ((self.segments + 1).to_string(), self.transaction_control.clone());
        self.segment(&["SE", &count, &control]);
    }

    /// Writes a segment, without the empty elements at its end. A delimiter in a value becomes a blank.
    pub(super) fn segment<T: AsRef<str>>(&mut self, elements: &[T]) {
        self.segments += 1;
        let filled = elements.iter().rposition(|element| !element.as_ref().is_empty()).map_or(0, |last| last + 1);
        for (place, element) in elements.iter().take(filled).enumerate() {
            if place > 0 {
                self.out.push(self.outgoing.delimiters.0);
            }
            let value = self.clean(element.as_ref());
            self.out.extend(value.trim_end().bytes());
        }
        self.out.push(self.outgoing.delimiters.2);
    }

    /// Ends the interchange.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let control = format!("{:09}", self.outgoing.control_number % 1_000_000_000);
        let groups = self.groups.to_string();
        self.segment(&["IEA", &groups, &control]);
        self.out
    }

    fn clean(&self, value: &str) -> String {
        let (separator, component, terminator) = self.outgoing.delimiters;
        let delimits = |c: char| {
            let is = |byte: u8| c == char::from(byte);
            c.is_control() || is(separator) || is(component) || is(terminator) || self.outgoing.repetition.is_some_and(is)
        };
        value.replace(delimits, " ")
    }
}

/// A date as a version has it: CCYYMMDD from 004010 on, YYMMDD before.
pub(super) fn date(date: Date, version: &str) -> String {
    let format = if version.is_empty() || version >= "004010" { "%Y%m%d" } else { "%y%m%d" };
    date.strftime(format).to_string()
}

/// The delimiters to answer with: the partner's, where they are fit to be written; else the usual ones.
pub(super) fn delimiters(separator: Option<u8>, component: Option<u8>, terminator: Option<u8>) -> (u8, u8, u8) {
    let fit = |byte: Option<u8>, usual: u8| byte.filter(|byte| byte.is_ascii_punctuation()).unwrap_or(usual);
    let all = (fit(separator, b'*'), fit(component, b'>'), fit(terminator, b'~'));
    if all.0 == all.1 || all.1 == all.2 || all.0 == all.2 { (b'*', b'>', b'~') } else { all }
}
