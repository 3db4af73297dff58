//! Reading TOML so that every mistake is reported at once, each with its line, its key and a suggestion.
//!
//! A [`Section`] is one table. Each kind of channel reads its own sections key by key; what is left over when it calls
//! [`Section::finish`] is an unknown key. Mistakes gather in one [`Report`].

mod report;
mod section;
mod units;

pub use report::{Fault, Report};
pub use section::{Section, parse};
pub use units::{parse_duration, parse_size};
