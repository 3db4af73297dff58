//! The one list of channels: what the configuration names, ready to run. A new kind of channel adds its lines here.

use std::collections::HashMap;

use loket_channel_webform::config::FormConfig;
use loket_core::channel::Channel;
use loket_core::delivery::Tenant;
use loket_core::outbound::{Answer, ByItself};

use crate::config::Config;

/// A channel that works by itself: it pulls, or it listens.
pub(crate) struct Worker {
    /// `KIND.NAME`, as in the configuration.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) tenant: Tenant,
    /// Differs when the configuration of the channel does.
    pub(crate) fingerprint: String,
    make: Box<dyn Fn() -> Box<dyn Channel> + Send>,
}

impl Worker {
    /// The channel, not running yet.
    pub(crate) fn channel(&self) -> Box<dyn Channel> {
        (self.make)()
    }
}

/// The channels that work by themselves.
pub(crate) fn workers(config: &Config) -> Vec<Worker> {
    let emails = config.emails.iter().map(|email| {
        let email = email.clone();
        Worker {
            name: format!("email.{}", email.name),
            tenant: email.tenant.clone(),
            fingerprint: format!("{email:?}"),
            make: Box::new(move || loket_channel_email::channel(email.clone())),
        }
    });
    let partners = config.partners.iter().map(|partner| {
        let partner = partner.clone();
        Worker {
            name: format!("edi.{}", partner.name),
            tenant: partner.tenant.clone(),
            fingerprint: format!("{partner:?}"),
            make: Box::new(move || loket_channel_edi::channel(partner.clone())),
        }
    });
    let outgoing = config.outgoing.iter().map(|outgoing| {
        let outgoing = outgoing.clone();
        Worker {
            name: format!("outgoing.{}", outgoing.name),
            tenant: outgoing.tenant.clone(),
            fingerprint: format!("{outgoing:?}"),
            make: Box::new(move || loket_channel_email::outgoing::channel(outgoing.clone())),
        }
    });
    emails.chain(partners).chain(outgoing).collect()
}

/// How what comes by each channel is answered.
pub(crate) fn answers(config: &Config) -> HashMap<String, Answer> {
    let mut answers = HashMap::new();
    for outgoing in &config.outgoing {
        for channel in &outgoing.channels {
            let by_itself = if outgoing.acknowledge.contains(channel) { ByItself::Acknowledgement } else { ByItself::Nothing };
            let sender = format!("outgoing.{}", outgoing.name);
            answers.insert(channel.clone(), Answer { sender, by_itself, order_responses: false });
        }
    }
    answers.extend(config.partners.iter().map(|partner| (format!("edi.{}", partner.name), partner.answer())));
    answers
}

/// The forms, by the names of their channels; the HTTP listener serves them.
pub(crate) fn forms(config: &Config) -> Vec<(String, FormConfig)> {
    config.forms.iter().map(|form| (format!("webform.{}", form.name), form.clone())).collect()
}

/// Every channel's name with its tenant.
pub(crate) fn names(config: &Config) -> Vec<(String, Tenant)> {
    let workers = workers(config).into_iter().map(|worker| (worker.name, worker.tenant));
    let forms = forms(config).into_iter().map(|(name, form)| (name, form.tenant));
    workers.chain(forms).collect()
}

/// The channel that somebody means by a name, which may leave out the kind. The error lists what there is.
pub(crate) fn find(config: &Config, wanted: &str) -> Result<(String, Tenant), String> {
    let all = names(config);
    let same = |name: &str| name == wanted || name.split_once('.').is_some_and(|(_, short)| short == wanted);
    let mut found: Vec<_> = all.iter().filter(|(name, _)| same(name)).collect();
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one.clone()),
        (Some(one), Some(other)) => Err(format!("`{wanted}` could be {} or {}; write the one that is meant", one.0, other.0)),
        (None, _) => {
            let list: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
            let list = if list.is_empty() { "none at all".into() } else { list.join(", ") };
            Err(format!("the configuration has no channel `{wanted}`; it has {list}"))
        }
    }
}
