//! The one list of readers, first come, first asked.

use loket_core::reader::Readers;

/// Every reader of this program.
pub(crate) fn all() -> Readers {
    Readers::new(vec![
        Box::new(loket_channel_email::reader::EmailReader),
        Box::new(loket_channel_webform::reader::FormReader),
        Box::new(loket_edi_x12::X12Reader),
        Box::new(loket_edi_edifact::EdifactReader),
        Box::new(loket_edi_xml::XmlOrderReader),
        Box::new(loket_channel_email::reader::TextReader),
    ])
}
