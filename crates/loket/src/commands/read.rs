//! `loket read`: files through the readers, a line a message, nothing stored.

use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use loket_core::classify::Classifier;
use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::reader::Readers;
use serde::Serialize;
use serde_json::Value;

use crate::cli;
use crate::engine;
use crate::output::Output;
use crate::readers;

/// A file larger than this is not read into memory.
const LARGEST: u64 = 256 << 20;

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(flatten)]
    message: &'a Message,
    /// No reader makes orders yet.
    order: Option<Value>,
}

#[derive(Serialize)]
struct Failed<'a> {
    file: &'a str,
    error: String,
}

pub(super) fn run(args: &cli::Read) -> anyhow::Result<ExitCode> {
    // A reader that panics is told in its file's line, not on standard error.
    std::panic::set_hook(Box::new(|_| {}));
    let (readers, classifier) = (readers::all(), engine::classifier()?);
    if let Some(media_type) = &args.media_type {
        anyhow::ensure!(readers.for_media_type(media_type).is_some(), "no reader reads {media_type}");
    }
    let mut output = Output::new();
    let mut failed = false;
    for path in &args.files {
        let file = path.to_string_lossy();
        match read(path, args.media_type.as_deref(), &readers, &classifier) {
            Ok(messages) => {
                for message in &messages {
                    output.line(&Line { file: &file, message, order: None })?;
                }
            }
            Err(error) => {
                failed = true;
                output.line(&Failed { file: &file, error })?;
            }
        }
    }
    output.finish()?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(path: &Path, media_type: Option<&str>, readers: &Readers, classifier: &Classifier) -> Result<Vec<Message>, String> {
    let bytes = bytes(path).map_err(|error| format!("cannot be read: {error}"))?;
    let known = media_type.or_else(|| Some(readers.recognize(&bytes)?.1));
    let media_type = known.ok_or(if bytes.is_empty() { "it is empty" } else { "no reader recognizes its content" })?;
    let delivery = Delivery::standalone("read", "file", media_type, bytes);
    let read = catch_unwind(AssertUnwindSafe(|| readers.read(&delivery))).map_err(|_| "the reader panicked; please report this file")?;
    let (mut messages, _) = read.map_err(|unreadable| unreadable.to_string())?;
    for message in messages.iter_mut().filter(|message| message.body.language.is_none()) {
        message.body.language = classifier.judge(message.subject.as_deref(), &message.body.new_text).language;
    }
    Ok(messages)
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {LARGEST} bytes")));
    }
    Ok(bytes)
}
