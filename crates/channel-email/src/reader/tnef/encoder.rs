//! A small writer of TNEF, for tests: the bytes as MS-OXTNEF describes them.

use super::attributes::SIGNATURE;

/// A stream with nothing in it but a version and a code page.
pub(in super::super) struct Stream(Vec<u8>);

/// A list of properties.
#[derive(Default)]
pub(in super::super) struct List(Vec<u8>, u32);

fn padded(data: &[u8]) -> Vec<u8> {
    let mut padded = data.to_vec();
    padded.resize(data.len().next_multiple_of(4), 0);
    padded
}

fn length(data: &[u8]) -> [u8; 4] {
    u32::try_from(data.len()).unwrap().to_le_bytes()
}

pub(in super::super) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

impl List {
    fn add(mut self, kind: u16, id: u16, value: &[u8]) -> Self {
        self.1 += 1;
        self.0.extend([kind.to_le_bytes(), id.to_le_bytes()].concat());
        self.0.extend_from_slice(value);
        self
    }

    fn sized(self, kind: u16, id: u16, data: &[u8]) -> Self {
        self.add(kind, id, &[&1_u32.to_le_bytes()[..], &length(data), &padded(data)].concat())
    }

    pub(in super::super) fn text(self, id: u16, text: &str) -> Self {
        self.sized(0x001f, id, &wide(text))
    }

    pub(in super::super) fn narrow(self, id: u16, text: &[u8]) -> Self {
        self.sized(0x001e, id, &[text, &[0]].concat())
    }

    pub(in super::super) fn binary(self, id: u16, data: &[u8]) -> Self {
        self.sized(0x0102, id, data)
    }

    /// A message in a message.
    pub(in super::super) fn message(self, stream: &[u8]) -> Self {
        self.sized(0x000d, 0x3701, &[&super::MESSAGE_INTERFACE[..], stream].concat())
    }

    pub(in super::super) fn object(self, data: &[u8]) -> Self {
        self.sized(0x000d, 0x3701, data)
    }

    pub(in super::super) fn number(self, id: u16, number: u32) -> Self {
        self.add(0x0003, id, &number.to_le_bytes())
    }

    pub(in super::super) fn boolean(self, id: u16, yes: bool) -> Self {
        self.add(0x000b, id, &u32::from(yes).to_le_bytes())
    }

    pub(in super::super) fn time(self, id: u16, filetime: u64) -> Self {
        self.add(0x0040, id, &filetime.to_le_bytes())
    }

    /// Many numbers of two bytes.
    pub(in super::super) fn many_short(self, id: u16, numbers: &[u32]) -> Self {
        let values: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.add(0x1002, id, &[&u32::try_from(numbers.len()).unwrap().to_le_bytes()[..], &values].concat())
    }

    /// Many texts.
    pub(in super::super) fn many_texts(self, id: u16, texts: &[&str]) -> Self {
        let values: Vec<u8> = texts.iter().flat_map(|text| [length(&wide(text)).to_vec(), padded(&wide(text))].concat()).collect();
        self.add(0x101f, id, &[&u32::try_from(texts.len()).unwrap().to_le_bytes()[..], &values].concat())
    }

    /// A property that is named by a number, and one that is named by a text.
    pub(in super::super) fn named(self) -> Self {
        let by_number = [&[9; 16][..], &0_u32.to_le_bytes(), &0x8501_u32.to_le_bytes(), &7_u32.to_le_bytes()].concat();
        let name = wide("Trefwoorden");
        let by_text =
            [&[9; 16][..], &1_u32.to_le_bytes(), &length(&name), &padded(&name), &1_u32.to_le_bytes(), &length(b"abc"), &padded(b"abc")];
        self.add(0x0003, 0x8001, &by_number).add(0x001e, 0x8002, &by_text.concat())
    }

    pub(in super::super) fn bytes(&self) -> Vec<u8> {
        [&self.1.to_le_bytes()[..], &self.0].concat()
    }
}

impl Stream {
    pub(in super::super) fn new() -> Self {
        let stream = Self([&SIGNATURE[..], &[0x34, 0x12]].concat());
        stream.attribute(1, 0x0008_9006, &[0, 0, 1, 0]).attribute(1, 0x0006_9007, &[&1252_u32.to_le_bytes()[..], &[0; 4]].concat())
    }

    pub(in super::super) fn attribute(mut self, level: u8, id: u32, data: &[u8]) -> Self {
        self.0.push(level);
        self.0.extend(id.to_le_bytes());
        self.0.extend(length(data));
        self.0.extend_from_slice(data);
        self.0.extend(data.iter().fold(0_u16, |sum, &b| sum.wrapping_add(b.into())).to_le_bytes());
        self
    }

    pub(in super::super) fn text(self, id: u32, text: &[u8]) -> Self {
        self.attribute(1, id, &[text, &[0]].concat())
    }

    pub(in super::super) fn properties(self, list: &List) -> Self {
        self.attribute(1, 0x0006_9003, &list.bytes())
    }

    /// An attachment: the old attributes, then the properties.
    pub(in super::super) fn file(self, title: &[u8], data: &[u8], list: &List) -> Self {
        self.attribute(2, 0x0006_9002, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            .attribute(2, 0x0006_800f, data)
            .attribute(2, 0x0001_8010, &[title, &[0]].concat())
            .attribute(2, 0x0006_9005, &list.bytes())
    }

    pub(in super::super) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Rich text, compressed without any reference.
pub(in super::super) fn compressed(rtf: &[u8]) -> Vec<u8> {
    let mut data: Vec<u8> = rtf.chunks(8).flat_map(|chunk| [&[0][..], chunk].concat()).collect();
    // The end: a reference to the place that is written next. A control byte goes before it, unless one is open.
    let place = u16::try_from((207 + rtf.len()) % 4096).unwrap() << 4;
    let open = rtf.len() % 8;
    if open == 0 {
        data.push(1);
    } else {
        let control = data.len() - open - 1;
        data[control] = 1 << open;
    }
    data.extend(place.to_be_bytes());
    [&length(&data)[..], &length(rtf), b"LZFu", &[0; 4], &data].concat()
}
