//! Figures for Prometheus.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::health::{ChannelState, ChannelStatus};
use crate::outbound::OutboundCounts;
use crate::store::Backlog;
use crate::time::Timestamp;

/// The label of figures per channel.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ChannelLabel {
    /// The channel's name.
    pub channel: String,
}

/// The label of messages by how they were linked.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RelationLabel {
    /// `new`, `duplicate`, `revision`, `answer` or `related`.
    pub relation: &'static str,
}

/// Every figure. Cheap to clone; the clones are one set.
#[derive(Clone)]
pub struct Metrics(Arc<Figures>);

/// The figures themselves.
pub struct Figures {
    registry: Registry,
    /// Deliveries committed to the journal.
    pub accepted: Family<ChannelLabel, Counter>,
    /// Deliveries that the journal had already.
    pub known: Family<ChannelLabel, Counter>,
    /// Seconds that one commit of the journal took.
    pub commit_seconds: Histogram,
    /// Deliveries in one commit.
    pub commit_size: Histogram,
    /// Messages filed, by relation.
    pub messages: Family<RelationLabel, Counter>,
    /// Deliveries quarantined.
    pub quarantined: Counter,
    /// Seconds from reception to filing.
    pub filed_seconds: Histogram,
    /// Failed calls of the store.
    pub store_errors: Counter,
    backlog: Gauge,
    backlog_age: Gauge<f64, AtomicU64>,
    outbound: Gauge,
    outbound_age: Gauge<f64, AtomicU64>,
    outbound_failed: Gauge,
    quarantine: Gauge,
    channel_up: Family<ChannelLabel, Gauge>,
    channel_lag: Family<ChannelLabel, Gauge>,
    channel_missing: Family<ChannelLabel, Gauge>,
    channel_success: Family<ChannelLabel, Gauge<f64, AtomicU64>>,
}

impl std::ops::Deref for Metrics {
    type Target = Figures;

    fn deref(&self) -> &Figures {
        &self.0
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("loket");
        let seconds = || Histogram::new(exponential_buckets(0.000_5, 2.0, 18));
        let figures = Figures {
            accepted: Family::default(),
            known: Family::default(),
            commit_seconds: seconds(),
            commit_size: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            messages: Family::default(),
            quarantined: Counter::default(),
            filed_seconds: seconds(),
            store_errors: Counter::default(),
            backlog: Gauge::default(),
            backlog_age: Gauge::default(),
            outbound: Gauge::default(),
            outbound_age: Gauge::default(),
            outbound_failed: Gauge::default(),
            quarantine: Gauge::default(),
            channel_up: Family::default(),
            channel_lag: Family::default(),
            channel_missing: Family::default(),
            channel_success: Family::default(),
            registry: Registry::default(),
        };
        registry.register("deliveries_accepted", "Deliveries committed to the journal", figures.accepted.clone());
        registry.register("deliveries_known", "Deliveries handed over again that the journal had", figures.known.clone());
        registry.register_with_unit(
            "journal_commit",
            "How long a commit of the journal took",
            Unit::Seconds,
            figures.commit_seconds.clone(),
        );
        registry.register("journal_commit_size", "Deliveries in one commit", figures.commit_size.clone());
        registry.register("messages_filed", "Messages filed, by how they were linked", figures.messages.clone());
        registry.register("deliveries_quarantined", "Deliveries set aside", figures.quarantined.clone());
        registry.register_with_unit("filed", "From reception to filing", Unit::Seconds, figures.filed_seconds.clone());
        registry.register("store_errors", "Failed calls of the store", figures.store_errors.clone());
        registry.register("backlog_deliveries", "Accepted and not yet filed", figures.backlog.clone());
        registry.register_with_unit("backlog_age", "Age of the oldest of them", Unit::Seconds, figures.backlog_age.clone());
        registry.register("outbound_waiting", "Acknowledgements, replies and answers that are to be sent", figures.outbound.clone());
        registry.register_with_unit("outbound_age", "Age of the oldest of them", Unit::Seconds, figures.outbound_age.clone());
        registry.register("outbound_failed", "Those that were given up; somebody must look", figures.outbound_failed.clone());
        registry.register("quarantine_deliveries", "Deliveries in quarantine", figures.quarantine.clone());
        registry.register("channel_up", "1 while the channel works or stands by", figures.channel_up.clone());
        registry.register("channel_lag_deliveries", "Deliveries upstream that are not here yet", figures.channel_lag.clone());
        registry.register("channel_missing_deliveries", "Deliveries that should be here and are not", figures.channel_missing.clone());
        registry.register_with_unit(
            "channel_last_success_timestamp",
            "When the upstream last answered as it should",
            Unit::Seconds,
            figures.channel_success.clone(),
        );
        Self(Arc::new(Figures { registry, ..figures }))
    }
}

impl Metrics {
    /// The label of a channel.
    pub fn channel(name: &str) -> ChannelLabel {
        ChannelLabel { channel: name.into() }
    }

    /// All figures in the OpenMetrics text format, with what is waiting and how the channels are right now.
    pub fn render(&self, backlog: Option<&Backlog>, outbound: Option<&OutboundCounts>, channels: &[ChannelStatus]) -> String {
        let age = |oldest: Option<Timestamp>| oldest.map(|oldest| Timestamp::now().since(oldest).as_secs_f64()).unwrap_or_default();
        if let Some(outbound) = outbound {
            self.outbound.set(i64::try_from(outbound.waiting).unwrap_or(i64::MAX));
            self.outbound_failed.set(i64::try_from(outbound.failed).unwrap_or(i64::MAX));
            self.outbound_age.set(age(outbound.oldest));
        }
        if let Some(backlog) = backlog {
            self.backlog.set(i64::try_from(backlog.pending).unwrap_or(i64::MAX));
            self.quarantine.set(i64::try_from(backlog.quarantined).unwrap_or(i64::MAX));
            self.backlog_age.set(age(backlog.oldest));
        }
        self.channel_up.clear();
        self.channel_lag.clear();
        self.channel_missing.clear();
        self.channel_success.clear();
        for status in channels {
            let label = Self::channel(&status.channel);
            let up = matches!(status.state, ChannelState::Up | ChannelState::Standby);
            self.channel_up.get_or_create(&label).set(i64::from(up));
            if let Some(lag) = status.lag {
                self.channel_lag.get_or_create(&label).set(i64::try_from(lag).unwrap_or(i64::MAX));
            }
            if let Some(missing) = status.missing {
                self.channel_missing.get_or_create(&label).set(i64::try_from(missing).unwrap_or(i64::MAX));
            }
            if let Some(success) = status.last_success {
                #[allow(clippy::cast_precision_loss, reason = "seconds since the epoch fit a float with room to spare")]
                self.channel_success.get_or_create(&label).set(success.micros() as f64 / 1e6);
            }
        }
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        text
    }
}
