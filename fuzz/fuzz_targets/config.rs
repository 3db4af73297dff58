//! Any text as a configuration gives channels or mistakes with their places.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loket_core::config::{Report, parse};

fuzz_target!(|text: &str| {
    let report = Report::new(text);
    let mut root = parse(text, &report);
    for (name, mut section) in root.instances("email") {
        let _ = loket_channel_email::config::read(&name, &mut section);
        section.finish();
    }
    for (name, mut section) in root.instances("webform") {
        let _ = loket_channel_webform::config::read(&name, &mut section);
        section.finish();
    }
    root.finish();
    let _ = report.into_faults();
});
