//! Who takes part: ourselves with keys, partners with certificates and what was agreed with them.

mod certificate;
mod local;
mod partner;

pub(crate) use certificate::name;
pub use certificate::{Certificate, CertificateInfo};
pub use local::{KeyPair, Limits, Local};
pub use partner::{Cipher, Compression, Partner, ReceiptWish};
