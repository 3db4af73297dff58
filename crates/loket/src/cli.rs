//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use loket_core::case::{CaseNumber, CaseStatus};
use loket_core::classify::Class;
use loket_core::delivery::Tenant;
use loket_core::outbound::OutboundState;
use loket_core::time::Timestamp;
use uuid::Uuid;

/// Takes in what customers send by every channel, and makes one case of each request.
///
/// Results are JSON lines on standard output; logs and messages for people go to standard error. The exit status is 0 when all
/// went well, 1 when something failed, 2 when the command line was not understood.
#[derive(Debug, Parser)]
#[command(name = "loket", version, propagate_version = true)]
pub(crate) struct Cli {
    /// The configuration file
    #[arg(long, global = true, env = "LOKET_CONFIG", value_name = "FILE", default_value = "loket.toml")]
    pub(crate) config: PathBuf,

    /// What to log, in place of what the configuration says (error, warn, info, debug, trace, or a filter)
    #[arg(long, global = true, env = "LOKET_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon: channels, pipeline, query API and forms, until SIGTERM or SIGINT
    Run,
    /// Check the configuration and report every mistake in it
    Check,
    /// Show what is in the store, what is waiting, and whether the daemon answers
    Status(Shown),
    /// Read files as the readers see them and print a line per message; stores nothing and needs no store
    Read(Read),
    /// Take files or folders (.eml, mbox, Maildir) into the journal and on to cases
    Import(Import),
    /// Read and judge stored deliveries again with today's readers and classifier, and show what differs
    Replay(Replay),
    /// List cases, newest first
    Cases(Cases),
    /// Show one case with its messages and events
    Case(Case),
    /// Show and resolve deliveries that were set aside
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Show what goes out (acknowledgements, replies, answers to partners), and send again what failed
    #[command(subcommand)]
    Outbound(Outbound),
    /// Delete a case for good: messages, bytes, orders and events; it does not come back with a redelivery
    Delete(Delete),
    /// Make, list and revoke keys for the query API
    #[command(subcommand)]
    Key(Key),
    /// Classify JSON lines {"id", "subject"?, "text"} from standard input
    Classify,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Shown {
    /// A table for people in place of JSON lines
    #[arg(long)]
    pub(crate) table: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Read as this media type (message/rfc822, text/plain, application/json, …) in place of recognizing the content
    #[arg(long = "as", value_name = "MEDIA/TYPE")]
    pub(crate) media_type: Option<String>,
    /// The files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The channel that the files belong to, as in the configuration: email.NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: String,
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Only deliveries of this channel
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// Only what was received from then on (2026-11-24 or 2026-11-24T09:30:00Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    /// Show the differences and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cases {
    /// Only of this class (inquiry, order, complaint)
    #[arg(long)]
    pub(crate) class: Option<Class>,
    /// Only in this status (open, closed)
    #[arg(long)]
    pub(crate) status: Option<CaseStatus>,
    /// So many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) tenant: OfTenant,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct Case {
    /// Its number, as said on the phone: 100-425
    pub(crate) number: CaseNumber,
    #[command(flatten)]
    pub(crate) tenant: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct OfTenant {
    /// Whose
    #[arg(long, value_name = "NAME", default_value = Tenant::DEFAULT)]
    tenant: String,
}

impl OfTenant {
    /// The tenant.
    pub(crate) fn get(&self) -> Tenant {
        Tenant::new(&self.tenant)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List deliveries that were set aside, newest first
    List {
        #[command(flatten)]
        tenant: OfTenant,
        /// So many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        limit: u32,
    },
    /// Show one, with the reason
    Show {
        /// The delivery's id
        id: Uuid,
        #[command(flatten)]
        tenant: OfTenant,
        /// Write its bytes as they came, and nothing else
        #[arg(long)]
        raw: bool,
    },
    /// Put them back to work
    Retry(Ids),
    /// Take them out of the way for good; the bytes are kept
    Discard(Ids),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Outbound {
    /// List what goes out, newest first
    List {
        /// Only in this state (waiting, sent, failed, withheld)
        #[arg(long)]
        state: Option<OutboundState>,
        /// Only of this case
        #[arg(long)]
        case: Option<CaseNumber>,
        #[command(flatten)]
        tenant: OfTenant,
        /// So many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        limit: u32,
    },
    /// Show one, with what is sent
    Show {
        /// Its id
        id: Uuid,
        #[command(flatten)]
        tenant: OfTenant,
    },
    /// Send again what failed or was withheld
    Retry {
        /// The ids
        #[arg(required_unless_present = "all")]
        ids: Vec<Uuid>,
        /// All that failed
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        tenant: OfTenant,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The case's number, as said on the phone: 100-425
    pub(crate) number: CaseNumber,
    /// Do it without asking
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) tenant: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Ids {
    /// The deliveries' ids
    #[arg(required_unless_present = "all")]
    pub(crate) ids: Vec<Uuid>,
    /// All that are there
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) tenant: OfTenant,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key and print it; it is shown this once and kept only as a hash
    Create {
        /// What to call it, e.g. the tool that uses it
        #[arg(long)]
        name: String,
        /// It may change things as well as query
        #[arg(long)]
        write: bool,
        #[command(flatten)]
        tenant: OfTenant,
    },
    /// List keys, newest first
    List,
    /// Revoke a key from now on
    Revoke {
        /// The key's id
        id: Uuid,
    },
}
