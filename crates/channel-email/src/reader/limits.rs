//! How much of a mail is read. What is over a limit is kept in the delivery, named in `warnings` and, for parts, shown as an
//! attachment that says why it was skipped.

/// How deep multiparts may nest.
pub(super) const MAX_DEPTH: usize = 50;
/// How many parts a mail may have.
pub(super) const MAX_PARTS: usize = 1_000;
/// How many wrappings (S/MIME signatures, winmail.dat) of a mail are opened.
pub(super) const MAX_WRAPPED: usize = 64;
/// How many fields of the mail's header are read.
pub(super) const MAX_FIELDS: usize = 2_000;
/// How many fields of a part's header are read.
pub(super) const MAX_PART_FIELDS: usize = 100;
/// How many addresses of one header field are read.
pub(super) const MAX_PARTIES: usize = 10_000;
/// How many of the ids in References are kept, the latest.
pub(super) const MAX_REFERENCES: usize = 100;
/// How long a Message-ID may be, in bytes: a line may not be longer.
pub(super) const MAX_ID: usize = 998;
/// How many characters of a subject are kept.
pub(super) const MAX_SUBJECT: usize = 2_000;
/// How many characters of a display name or a file's name are kept.
pub(super) const MAX_NAME: usize = 500;
/// How many warnings a message carries.
pub(super) const MAX_NOTES: usize = 40;
