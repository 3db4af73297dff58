//! How each channel is doing, for `/readyz`, `/v1/channels`, `/metrics` and `loket status`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::time::Timestamp;

/// What a channel does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelState {
    /// Not running yet.
    #[default]
    Starting,
    /// Working.
    Up,
    /// Another instance serves it; this one stands by.
    Standby,
    /// It failed and is tried again.
    Retrying,
    /// The configuration or the upstream refuses it; somebody must act.
    Failed,
    /// Stopped on purpose.
    Stopped,
}

/// One channel's health, as last reported.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChannelStatus {
    /// Its name, e.g. `email.support`.
    pub channel: String,
    /// Whose it is.
    pub tenant: String,
    /// What it does now.
    pub state: ChannelState,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Its last success upstream: a poll without error, a form posted.
    pub last_success: Option<Timestamp>,
    /// Its last error, with what to do about it.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
    /// Deliveries accepted since the start.
    pub accepted: u64,
    /// Deliveries that were there already, since the start.
    pub known: u64,
    /// How many deliveries the upstream has that are not here yet, if it can be known.
    pub lag: Option<u64>,
    /// Deliveries that the upstream has, that should be here, and are not: an alarm when above zero.
    pub missing: Option<u64>,
}

/// All channels' health. Cheap to clone; the clones are one board.
#[derive(Clone, Default)]
pub struct HealthBoard(Arc<Mutex<BTreeMap<String, ChannelStatus>>>);

impl HealthBoard {
    /// The place where one channel reports; puts it on the board.
    pub fn channel(&self, name: &str, tenant: &str) -> ChannelHealth {
        let health = ChannelHealth { board: self.clone(), name: name.into() };
        health.update(|status| {
            status.channel = name.into();
            status.tenant = tenant.into();
            status.since.get_or_insert_with(Timestamp::now);
        });
        health
    }

    /// Takes a channel off the board (it left the configuration).
    pub fn remove(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Every channel's health by name.
    pub fn all(&self) -> Vec<ChannelStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Where one channel reports how it is doing.
#[derive(Clone)]
pub struct ChannelHealth {
    board: HealthBoard,
    name: Arc<str>,
}

impl ChannelHealth {
    fn update(&self, change: impl FnOnce(&mut ChannelStatus)) {
        let mut board = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(board.entry(self.name.to_string()).or_default());
    }

    /// It is in this state now.
    pub fn state(&self, state: ChannelState) {
        self.update(|status| {
            if status.state != state {
                status.state = state;
                status.since = Some(Timestamp::now());
            }
        });
    }

    /// The upstream answered as it should: up, and a success now.
    pub fn success(&self) {
        self.state(ChannelState::Up);
        self.update(|status| status.last_success = Some(Timestamp::now()));
    }

    /// Something failed.
    pub fn error(&self, error: impl Into<String>) {
        let error = error.into();
        self.update(|status| {
            status.last_error = Some(error);
            status.last_error_at = Some(Timestamp::now());
        });
    }

    /// Deliveries were accepted, or were there already.
    pub fn counted(&self, accepted: u64, known: u64) {
        self.update(|status| {
            status.accepted += accepted;
            status.known += known;
        });
    }

    /// How many deliveries the upstream has that are not here yet.
    pub fn lag(&self, lag: u64) {
        self.update(|status| status.lag = Some(lag));
    }

    /// How many deliveries should be here and are not.
    pub fn missing(&self, missing: u64) {
        self.update(|status| status.missing = Some(missing));
    }
}
