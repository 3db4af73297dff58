//! Orders, as stored.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::case::CaseNumber;
use crate::delivery::Tenant;
use crate::order::{Decision, Order};
use crate::outbound::NewOutbound;
use crate::time::Timestamp;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Nobody has decided on it.
    Open,
    /// As ordered.
    Accepted,
    /// With changes.
    Changed,
    /// Not at all.
    Rejected,
    /// The buyer cancelled it.
    Cancelled,
    /// A later revision took its place.
    Superseded,
}

impl OrderStatus {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Open, "open"),
        (Self::Accepted, "accepted"),
        (Self::Changed, "changed"),
        (Self::Rejected, "rejected"),
        (Self::Cancelled, "cancelled"),
        (Self::Superseded, "superseded"),
    ];

    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Open => 0,
            Self::Accepted => 1,
            Self::Changed => 2,
            Self::Rejected => 3,
            Self::Cancelled => 4,
            Self::Superseded => 5,
        }
    }

    pub(crate) fn from_code(code: i16) -> Option<Self> {
        Self::ALL.iter().map(|(status, _)| *status).find(|status| status.code() == code)
    }
}

impl std::str::FromStr for OrderStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found
            .map(|(status, _)| *status)
            .ok_or_else(|| format!("`{text}` is not an order's status; write open, accepted, changed, rejected, cancelled or superseded"))
    }
}

/// Which orders.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// With this PO number, in any spelling.
    pub po_number: Option<String>,
    /// Of the customer with this address.
    pub buyer: Option<String>,
    /// In this status.
    pub status: Option<OrderStatus>,
    /// Of this case.
    pub case: Option<CaseNumber>,
    /// Received from then on.
    pub since: Option<Timestamp>,
    /// Received before then.
    pub until: Option<Timestamp>,
}

/// One revision of an order, as stored.
#[derive(Clone, Debug, Serialize)]
pub struct OrderRecord {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: Tenant,
    /// The case that it is in.
    pub case: Option<CaseNumber>,
    /// The message that says it.
    pub message: Uuid,
    /// Who buys, where known.
    pub customer: Option<Uuid>,
    /// Which revision of the order it is, from 1.
    pub revision: u32,
    /// Where it stands.
    pub status: OrderStatus,
    /// When it reached us.
    pub received_at: Timestamp,
    /// What was decided, once it was.
    pub decision: Option<Decision>,
    /// The order as that message says it.
    pub order: Order,
}

/// A decision to be kept.
#[derive(Clone, Debug)]
pub struct DecidedOrder {
    /// The order.
    pub order: OrderRecord,
    /// What was decided.
    pub decision: Decision,
    /// What goes to the buyer, where there is a way.
    pub answer: Option<NewOutbound>,
}
