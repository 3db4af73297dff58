//! The model: a table of weights under hashes, the languages' letters, and the calibration; its file format.
//!
//! A feature that the corpus did not show must not borrow another's weight, so each cell keeps eight more bits of the hash.

use xxhash_rust::xxh3::xxh3_64;

/// Weights of one feature, one a class.
pub(super) type Weights = [f32; 3];

const MAGIC: &[u8; 8] = b"LOKETCLS";
/// Goes up whenever features or layout change.
const VERSION: u16 = 1;
/// Magic, version, bits, language bits, languages, padding, lexicon (8), scale, temperature, three biases.
const HEADER: usize = 8 + 2 + 1 + 1 + 1 + 3 + 8 + 4 + 4 + 12;
/// The checksum at the end.
const TRAILER: usize = 8;
/// Steps of a log probability in the languages' table.
pub(super) const LANGUAGE_STEP: f32 = 1.0 / 16.0;

/// A model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Model {
    /// The words' weights: the check in the lowest byte, then three companded weights. Zero: empty.
    cells: Vec<u32>,
    /// What a companded weight stands for.
    decode: Vec<f32>,
    pub(super) head: Head,
    /// For each hashed run of letters one byte a language: minus the log of its probability, in [`LANGUAGE_STEP`]s.
    pub(super) letters: Vec<u8>,
}

/// The few numbers beside the tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Head {
    /// The table has two to this power cells.
    pub(super) bits: u8,
    /// The languages' table has two to this power rows.
    pub(super) language_bits: u8,
    /// How many languages it tells apart.
    pub(super) languages: u8,
    /// The hash of the lexicon that it was trained with.
    pub(super) lexicon: u64,
    /// The largest weight.
    pub(super) scale: f32,
    /// What scores are divided by, so that probabilities hold what they say.
    pub(super) temperature: f32,
    /// The bias of each class.
    pub(super) bias: Weights,
}

impl Model {
    /// From weights under hashes. Those that do not fit are left out, the last ones first.
    pub(super) fn new(head: Head, weights: impl Iterator<Item = (u64, Weights)>, letters: Vec<u8>) -> Self {
        let mut model = Self { cells: vec![0; 1 << head.bits], decode: decoder(head.scale), head, letters };
        let room = model.cells.len() / 8 * 5;
        for (hash, weights) in weights.take(room) {
            let [a, b, c] = weights.map(|weight| encode(weight, head.scale));
            if [a, b, c] != [0; 3] {
                model.put(hash, u32::from_le_bytes([check(hash), a, b, c]));
            }
        }
        model
    }

    fn put(&mut self, hash: u64, cell: u32) {
        let mask = self.cells.len() - 1;
        let mut at = hash as usize & mask;
        for _ in 0..self.cells.len() {
            if let Some(free) = self.cells.get_mut(at).filter(|cell| **cell == 0) {
                *free = cell;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// The weights of a feature, if it has any.
    pub(super) fn weights(&self, hash: u64) -> Option<Weights> {
        let mask = self.cells.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let cell = *self.cells.get(at)?;
            if cell == 0 {
                return None;
            }
            let [own, a, b, c] = cell.to_le_bytes();
            if own == check(hash) {
                let weight = |code: u8| self.decode.get(usize::from(code)).copied().unwrap_or_default();
                return Some([weight(a), weight(b), weight(c)]);
            }
            at = (at + 1) & mask;
        }
    }

    /// How many bytes it takes in memory.
    pub(super) fn memory(&self) -> usize {
        self.cells.len() * 4 + self.decode.len() * 4 + self.letters.len()
    }

    /// As a file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.cells.len() * 4 + self.letters.len() + TRAILER);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([self.head.bits, self.head.language_bits, self.head.languages, 0, 0, 0]);
        bytes.extend(self.head.lexicon.to_le_bytes());
        for number in [self.head.scale, self.head.temperature].into_iter().chain(self.head.bias) {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.cells.iter().flat_map(|cell| cell.to_le_bytes()));
        bytes.extend(&self.letters);
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// From a file.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let damaged = |what: &str| format!("the classifier's model is damaged: {what}");
        let (body, sum) = bytes.split_last_chunk::<TRAILER>().ok_or_else(|| damaged("too short"))?;
        let mut fields = Fields(body);
        if fields.take::<8>() != Some(*MAGIC) {
            return Err("this is not a classifier's model: it does not begin with LOKETCLS".into());
        }
        let version = fields.take().map(u16::from_le_bytes).ok_or_else(|| damaged("too short"))?;
        if version != VERSION {
            return Err(format!("the classifier's model has version {version}, this program reads {VERSION}; train it again"));
        }
        if xxh3_64(body) != u64::from_le_bytes(*sum) {
            return Err(damaged("the checksum differs"));
        }
        let head = fields.head().filter(Head::sane).ok_or_else(|| damaged("its header makes no sense"))?;
        let (cells, letters) = fields.0.split_at_checked(4 << head.bits).ok_or_else(|| damaged("too short"))?;
        if letters.len() != usize::from(head.languages) << head.language_bits {
            return Err(damaged("its length does not fit its header"));
        }
        let cells: Vec<u32> = cells.as_chunks().0.iter().map(|cell| u32::from_le_bytes(*cell)).collect();
        // Look-ups end at an empty cell.
        if !cells.contains(&0) {
            return Err(damaged("its table is full"));
        }
        Ok(Self { cells, decode: decoder(head.scale), head, letters: letters.to_vec() })
    }
}

impl Head {
    fn sane(&self) -> bool {
        let numbers = [self.scale, self.temperature].into_iter().chain(self.bias);
        (4..=24).contains(&self.bits)
            && (4..=20).contains(&self.language_bits)
            && self.scale > 0.0
            && self.temperature > 0.0
            && numbers.into_iter().all(f32::is_finite)
    }
}

/// What is left of a header.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn float(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes)
    }

    fn head(&mut self) -> Option<Head> {
        let [bits, language_bits, languages, _, _, _] = self.take()?;
        let lexicon = self.take().map(u64::from_le_bytes)?;
        let (scale, temperature) = (self.float()?, self.float()?);
        let bias = [self.float()?, self.float()?, self.float()?];
        Some(Head { bits, language_bits, languages, lexicon, scale, temperature, bias })
    }
}

/// Bits of the hash that the place in the table does not tell; never zero.
fn check(hash: u64) -> u8 {
    ((hash >> 40) as u8).max(1)
}

/// Weights are kept by the root of their size: the many small ones need the finer steps.
fn encode(weight: f32, scale: f32) -> u8 {
    let size = ((weight.abs() / scale).min(1.0).sqrt() * 127.0).round() as u8;
    if weight < 0.0 && size > 0 { size | 0x80 } else { size }
}

fn decoder(scale: f32) -> Vec<f32> {
    (0..=u8::MAX)
        .map(|code| {
            let part = f32::from(code & 0x7F) / 127.0;
            let size = part * part * scale;
            if code & 0x80 == 0 { size } else { -size }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Model {
        let head = Head { bits: 6, language_bits: 4, languages: 2, lexicon: 7, scale: 2.0, temperature: 1.5, bias: [0.1, -0.2, 0.3] };
        let weights = [(3, [2.0, -2.0, 0.0]), (3 + (1 << 40), [0.1, 0.0, 0.0]), (67 + (9 << 40), [-0.5, 0.25, 1.0])];
        Model::new(head, weights.into_iter(), (0..32).collect())
    }

    #[test]
    fn weights_come_back_nearly() {
        let model = small();
        let near = |hash, expected: Weights| {
            let weights = model.weights(hash).unwrap();
            assert!(weights.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.02), "{weights:?} {expected:?}");
        };
        near(3, [2.0, -2.0, 0.0]);
        near(67 + (9 << 40), [-0.5, 0.25, 1.0]);
        assert_eq!(model.weights(5), None);
        assert_eq!(model.weights(3 + (77 << 40)), None);
    }

    #[test]
    fn a_file_reads_back_the_same() {
        let bytes = small().to_bytes();
        assert_eq!(Model::from_bytes(&bytes).unwrap(), small());
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let bytes = small().to_bytes();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(Model::from_bytes(&damaged).is_err(), "byte {at}");
            assert!(Model::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        let version = Model::from_bytes(&[MAGIC.as_slice(), &[9, 0], &[0; 60]].concat()).unwrap_err();
        assert!(version.contains("version 9"), "{version}");
    }
}
