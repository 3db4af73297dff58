//! AS2 (RFC 4130): S/MIME messages and their receipts (MDN), read and made.
//!
//! Functions over values: no network, no files, no store, no clock. Whoever uses this moves the bytes, keeps what must be kept and
//! finds repetitions.
//!
//! - In: [`receive`] turns an HTTP request into [`Received`] or [`Refused`]; both make the [`Receipt`] that goes back.
//! - Out: [`send`] turns content into [`Outgoing`]; [`read_receipt`] reads what comes back, [`ReceiptRead::verdict`] says what it means.
//!
//! Partners' certificates are pinned: what is configured verifies, nothing else does. OpenSSL does the cryptography; the structure
//! around it (MIME with its exact bytes, CMS where OpenSSL's interface gives no choice) is read and written here.
//!
//! CBC encryption guards secrecy alone. Where a partner's software can, use AES-GCM; and in any case HTTPS, so that nobody on the way
//! can try out changed messages and learn from the answers.

mod cms;
mod digest;
mod disposition;
mod error;
mod headers;
mod mime;
mod names;
mod party;
mod receipt;
mod receive;
mod refused;
mod send;
mod signed;
mod smime;
mod transmission;

pub use digest::{Digest, Mic};
pub use disposition::{Disposition, Outcome, detail};
pub use error::Error;
pub use headers::Headers;
pub use party::{Certificate, CertificateInfo, Cipher, Compression, KeyPair, Limits, Local, Partner, ReceiptWish};
pub use receipt::{Receipt, ReceiptRead, Verdict, is_receipt, read_receipt, receipt};
pub use receive::{Received, SignedBy, receive};
pub use refused::{Answer, Refused};
pub use send::{Outbound, Outgoing, Sent, send};
pub use transmission::{ReceiptRequest, Transmission};

/// What we call ourselves to partners.
const PRODUCT: &str = "Loket";
