//! The templates that are built in.

/// Their names, as in a folder of one's own but for the ending, and their texts.
pub(super) const ALL: [(&str, &str); 16] = [
    ("ack.nl.inquiry", include_str!("builtin/ack.nl.inquiry.txt")),
    ("ack.nl.order", include_str!("builtin/ack.nl.order.txt")),
    ("ack.nl.complaint", include_str!("builtin/ack.nl.complaint.txt")),
    ("reply.nl", include_str!("builtin/reply.nl.txt")),
    ("ack.en.inquiry", include_str!("builtin/ack.en.inquiry.txt")),
    ("ack.en.order", include_str!("builtin/ack.en.order.txt")),
    ("ack.en.complaint", include_str!("builtin/ack.en.complaint.txt")),
    ("reply.en", include_str!("builtin/reply.en.txt")),
    ("ack.de.inquiry", include_str!("builtin/ack.de.inquiry.txt")),
    ("ack.de.order", include_str!("builtin/ack.de.order.txt")),
    ("ack.de.complaint", include_str!("builtin/ack.de.complaint.txt")),
    ("reply.de", include_str!("builtin/reply.de.txt")),
    ("ack.fr.inquiry", include_str!("builtin/ack.fr.inquiry.txt")),
    ("ack.fr.order", include_str!("builtin/ack.fr.order.txt")),
    ("ack.fr.complaint", include_str!("builtin/ack.fr.complaint.txt")),
    ("reply.fr", include_str!("builtin/reply.fr.txt")),
];
