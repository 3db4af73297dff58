//! `loket read`: files through the readers, a line a message, nothing stored.

use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use loket_core::classify::Classifier;
use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::reader::{Part, Parts, Readers};
use serde::Serialize;

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
}

#[derive(Serialize)]
struct Failed<'a> {
    file: &'a str,
    /// Which part of the file, where its others can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<&'a str>,
    error: &'a str,
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
        let mut next = open(path, args.media_type.as_deref(), &readers);
        loop {
            match next {
                Ok(Some((Part::Message(mut message), parts))) => {
                    judge(&mut message, &classifier);
                    output.line(&Line { file: &file, message: &message })?;
                    next = step(parts);
                }
                Ok(Some((Part::Aside(aside), parts))) => {
                    failed = true;
                    output.line(&Failed { file: &file, part: Some(&aside.name), error: &aside.reason })?;
                    next = step(parts);
                }
                Ok(None) => break,
                Err(error) => {
                    failed = true;
                    output.line(&Failed { file: &file, part: None, error: &error })?;
                    break;
                }
            }
        }
    }
    output.finish()?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A part of a file, and those after it.
type Step = Result<Option<(Part, Parts)>, String>;

fn open(path: &Path, media_type: Option<&str>, readers: &Readers) -> Step {
    let bytes = bytes(path).map_err(|error| format!("cannot be read: {error}"))?;
    let known = media_type.or_else(|| Some(readers.recognize(&bytes)?.1));
    let media_type = known.ok_or(if bytes.is_empty() { "it is empty" } else { "no reader recognizes its content" })?;
    let delivery = Delivery::standalone("read", "file", media_type, bytes);
    let (parts, reader) = caught(|| readers.parts(&delivery))?.map_err(|unreadable| unreadable.to_string())?;
    step(parts)?.ok_or_else(|| format!("the {reader} reader found no message in it")).map(Some)
}

fn step(mut parts: Parts) -> Step {
    let (next, parts) = caught(move || (parts.next(), parts))?;
    Ok(next.map(|part| (part, parts)))
}

fn caught<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| "the reader panicked; please report this file".into())
}

fn judge(message: &mut Message, classifier: &Classifier) {
    if message.body.language.is_none() {
        message.body.language = classifier.judge(message.subject.as_deref(), &message.body.new_text).language;
    }
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
