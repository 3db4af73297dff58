//! How fast mail is read on one core, beside the bare MIME parser on the same mails.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use loket_channel_email::reader::EmailReader;
use loket_core::delivery::Delivery;
use loket_core::reader::Reader;
use loket_tests::mails;

use crate::figures::Figure;

/// Each is measured in turns, so that a busy moment of the machine hits both.
const TURNS: usize = 6;
const TURN: Duration = Duration::from_millis(500);

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/channel-email/tests/fixtures");
    let mut mails: Vec<Vec<u8>> = mails::mailbox(500, 0, 1).into_iter().map(|mail| mail.bytes).collect();
    for file in std::fs::read_dir(&fixtures).with_context(|| format!("{}", fixtures.display()))? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "eml") {
            mails.push(std::fs::read(path)?);
        }
    }
    ensure!(mails.len() > 600, "{} mails", mails.len());
    let size: usize = mails.iter().map(Vec::len).sum();
    let deliveries: Vec<Delivery> = mails.iter().map(|mail| Delivery::standalone("bench", "key", "message/rfc822", mail.clone())).collect();
    let (mut ours, mut bare) = (Measured::default(), Measured::default());
    for _ in 0..TURNS {
        ours.turn(size, || deliveries.iter().for_each(|delivery| drop(black_box(EmailReader.read(black_box(delivery))))));
        bare.turn(size, || {
            mails.iter().for_each(|mail| drop(black_box(mail_parser::MessageParser::default().parse(black_box(mail.as_slice())))))
        });
    }
    let per_second = mails.len() as f64 / size as f64 * 1e6 * ours.rate();
    Ok(vec![Figure::new("read-mail", ours.rate(), "MB/s", Some(bare.rate())), Figure::new("read-mail-mails", per_second, "mails/s", None)])
}

#[derive(Default)]
struct Measured {
    bytes: usize,
    took: Duration,
}

impl Measured {
    fn turn(&mut self, size: usize, mut work: impl FnMut()) {
        let started = Instant::now();
        while started.elapsed() < TURN {
            work();
            self.bytes += size;
        }
        self.took += started.elapsed();
    }

    /// MB/s.
    fn rate(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.took.as_secs_f64()
    }
}
