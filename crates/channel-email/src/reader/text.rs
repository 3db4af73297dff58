//! The reader for plain text: a mail's body without its header, a note, a file dropped into a folder.

use bytes::Bytes;
use loket_core::delivery::Delivery;
use loket_core::message::{Body, Message};
use loket_core::reader::{Reader, Recognition, Unreadable};

use super::lines::clean;
use super::params::Parameters;
use super::quotes::{self, Context};
use super::{charset, recognize};

/// Reads `text/plain`: the message has a body and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextReader;

impl Reader for TextReader {
    fn name(&self) -> &'static str {
        "text/2"
    }

    fn media_types(&self) -> &'static [&'static str] {
        &["text/plain"]
    }

    fn recognizes(&self, bytes: &[u8]) -> Recognition {
        recognize::text(bytes)
    }

    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
        let label = Parameters::read(delivery.media_type.as_bytes()).word("charset");
        if recognize::is_binary(&delivery.payload) {
            return Err(Unreadable("not text: too many control characters".into()));
        }
        let (text, note) = charset::decode(&delivery.payload, label.as_deref());
        let text = clean(text);
        let full_text = text.trim_end();
        if full_text.is_empty() {
            return Err(Unreadable("empty".into()));
        }
        let new_text = quotes::split(full_text, &Context::default()).new_text;
        let body = Body { new_text, full_text: full_text.into(), ..Body::default() };
        Ok(vec![Message { body, warnings: note.into_iter().collect(), ..Message::default() }])
    }

    fn attachment(&self, _: &Delivery, _: usize, _: &str) -> Option<Bytes> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], media_type: &str) -> Result<Message, Unreadable> {
        TextReader.read(&Delivery::standalone("email.test", "k", media_type, bytes.to_vec())).map(|mut messages| messages.remove(0))
    }

    #[test]
    fn text_with_a_history() {
        let message =
            read(b"Prima, graag 12.\n\nOp 24 nov 2026 om 09:30 schreef Jan <jan@example.nl>:\n> Hoeveel?\n", "text/plain").unwrap();
        assert_eq!(message.body.new_text, "Prima, graag 12.");
        assert!(message.body.full_text.ends_with("> Hoeveel?"));
    }

    #[test]
    fn character_sets_and_bad_input() {
        assert_eq!(read(b"caf\xe9", "text/plain; charset=iso-8859-1").unwrap().body.new_text, "café");
        assert_eq!(read(b"\xff\xfeh\0i\0", "text/plain").unwrap().body.new_text, "hi");
        assert_eq!(read(b" \n\n", "text/plain"), Err(Unreadable("empty".into())));
        assert!(read(b"\0\0\0\0PNG", "text/plain").is_err());
    }
}
