//! What is right in each table alone and wrong together.

use std::collections::HashMap;

use loket_channel_edi::config::EdiConfig;
use loket_channel_email::config::EmailConfig;
use loket_channel_email::outgoing::OutgoingConfig;
use loket_channel_webform::config::FormConfig;
use loket_core::config::Section;
use loket_core::delivery::Tenant;

use crate::masters::MasterConfig;

/// The tables that could clash.
pub(super) struct Tables<'a> {
    pub(super) emails: &'a [EmailConfig],
    pub(super) forms: &'a [FormConfig],
    pub(super) partners: &'a [EdiConfig],
    pub(super) outgoing: &'a [OutgoingConfig],
    pub(super) masters: &'a [MasterConfig],
}

/// Reports tables that use the same exclusive resource, channels that allow more than the intake takes, and answers to channels that
/// are not there.
pub(super) fn check(root: &mut Section, tables: &Tables<'_>, most: u64) {
    let mut holders = Holders::default();
    let section = root.table("email");
    for email in tables.emails {
        holders.add(&section, "email", &email.name, email.resources());
        too_large(&section, &email.name, email.max_payload, most);
    }
    let section = root.table("edi");
    for partner in tables.partners {
        holders.add(&section, "edi", &partner.name, partner.resources());
        too_large(&section, &partner.name, partner.max_payload, most);
    }
    let section = root.table("webform");
    for form in tables.forms {
        too_large(&section, &form.name, form.max_payload, most);
    }
    let section = root.table("master");
    for master in tables.masters {
        let whose = vec![format!("master data of tenant {}", master.tenant())];
        holders.add(&section, "master", master.name().trim_start_matches("master."), whose);
    }
    let section = root.table("outgoing");
    let names = channels(tables);
    for outgoing in tables.outgoing {
        holders.add(&section, "outgoing", &outgoing.name, outgoing.resources());
        for channel in &outgoing.channels {
            match names.get(channel.as_str()) {
                None => section.fault(&outgoing.name, format!("`channels` names {channel}, which is not in the configuration")),
                Some(tenant) if **tenant != outgoing.tenant => {
                    section.fault(
                        &outgoing.name,
                        format!("`channels` names {channel}, which is tenant {tenant}'s and not {}'s", outgoing.tenant),
                    );
                }
                Some(_) => {}
            }
        }
    }
}

/// The channels whose cases can be answered by mail, with their tenants.
fn channels<'a>(tables: &Tables<'a>) -> HashMap<String, &'a Tenant> {
    let emails = tables.emails.iter().map(|email| (format!("email.{}", email.name), &email.tenant));
    let forms = tables.forms.iter().map(|form| (format!("webform.{}", form.name), &form.tenant));
    emails.chain(forms).collect()
}

/// Who has which resource.
#[derive(Default)]
struct Holders(HashMap<String, String>);

impl Holders {
    fn add(&mut self, section: &Section, kind: &str, name: &str, resources: Vec<String>) {
        let whole = format!("{kind}.{name}");
        for resource in resources {
            if let Some(other) = self.0.get(&resource) {
                section.fault(name, format!("{other} and {whole} both use the {resource}; one channel must have it alone"));
            }
            self.0.entry(resource).or_insert_with(|| whole.clone());
        }
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
