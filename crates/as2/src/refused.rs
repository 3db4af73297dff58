//! Why a message is not taken, and what its sender is told.

use jiff::Timestamp;

use crate::Error;
use crate::disposition::Disposition;
use crate::party::{Local, Partner};
use crate::receipt::{Receipt, receipt};
use crate::transmission::Transmission;

/// A message that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// Whose message it was, when it can be known.
    pub transmission: Option<Transmission>,
    /// Why, in words for the people who run this: what, and what to do. Not for the sender.
    pub reason: String,
    /// What the sender is told.
    pub answer: Answer,
}

/// What the sender of a refused message is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A receipt with this disposition.
    Receipt(Disposition),
    /// No receipt can be given or none was asked for: this HTTP status.
    Status(u16),
}

impl Refused {
    /// The receipt that says so; none when the answer is a bare HTTP status.
    pub fn receipt(&self, local: &Local, partner: &Partner, message_id: &str, now: Timestamp) -> Option<Result<Receipt, Error>> {
        match (&self.answer, &self.transmission) {
            (Answer::Receipt(disposition), Some(transmission)) => {
                Some(receipt(transmission, disposition, None, local, partner, message_id, now))
            }
            _ => None,
        }
    }

    pub(crate) fn status(status: u16, reason: String) -> Box<Self> {
        Box::new(Self { transmission: None, reason, answer: Answer::Status(status) })
    }
}
