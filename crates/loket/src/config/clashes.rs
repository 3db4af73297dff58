//! What is right in each table alone and wrong together.

use std::collections::HashMap;

use loket_channel_email::config::EmailConfig;
use loket_channel_webform::config::FormConfig;
use loket_core::config::Section;

/// Reports channels that use the same exclusive resource, and channels that allow more than the intake takes.
pub(super) fn check(root: &mut Section, emails: &[EmailConfig], forms: &[FormConfig], most: u64) {
    let section = root.table("email");
    let mut holders: HashMap<String, &str> = HashMap::new();
    for email in emails {
        for resource in email.resources() {
            if let Some(other) = holders.get(&resource) {
                section.fault(
                    &email.name,
                    format!("email.{other} and email.{} both use the {resource}; one channel must have it alone", email.name),
                );
            }
            holders.entry(resource).or_insert(&email.name);
        }
        too_large(&section, &email.name, email.max_payload, most);
    }
    let section = root.table("webform");
    for form in forms {
        too_large(&section, &form.name, form.max_payload, most);
    }
}

fn too_large(section: &Section, name: &str, allowed: u64, most: u64) {
    if allowed > most {
        section.fault(
            name,
            format!("`max_payload` allows {allowed} bytes, more than the {most} of [intake] max_payload; raise that or lower this"),
        );
    }
}
