//! Pages of lists that are ordered by time and id, newest first. A cursor names the last item of a page (keyset paging), so new
//! items at the head of the list move nothing that is still to come.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use loket_core::store::Page;
use loket_core::time::Timestamp;
use uuid::Uuid;

use crate::problem::Problem;
use crate::query::Query;

const DEFAULT: u32 = 50;
const MOST: u32 = 500;

/// The form of the cursors that this program writes. One that it cannot read is refused and never guessed at.
const VERSION: u8 = 1;
/// Version, list, microseconds, id.
const LENGTH: usize = 1 + 1 + 8 + 16;

/// Which list a cursor belongs to: in another one it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Cases = 1,
    Quarantine = 2,
    Orders = 3,
    Outbound = 4,
}

/// The page that a request asks for.
pub(crate) struct Paging {
    list: List,
    limit: u32,
    after: Option<(Timestamp, Uuid)>,
}

impl Paging {
    pub(crate) fn of(query: &Query, list: List) -> Result<Self, Problem> {
        Ok(Self { list, limit: limit(query)?, after: query.read("cursor", |text| read(text, list))? })
    }

    /// The page for the store: one more than asked for tells whether there are more.
    pub(crate) fn page(&self) -> Page {
        Page { after: self.after, limit: self.limit + 1 }
    }

    /// Takes the one that is too many off again; the cursor of the next page, if there is one.
    pub(crate) fn cut<T>(&self, found: &mut Vec<T>, key: impl FnOnce(&T) -> (Timestamp, Uuid)) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if found.len() <= limit {
            return None;
        }
        found.truncate(limit);
        found.last().map(|last| write(self.list, key(last)))
    }
}

/// How many the request wants.
pub(crate) fn limit(query: &Query) -> Result<u32, Problem> {
    let read = |text: &str| {
        let wrong = || format!("`{text}` is not a number from 1 to {MOST}");
        text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(wrong)
    };
    Ok(query.read("limit", read)?.unwrap_or(DEFAULT))
}

fn write(list: List, (at, id): (Timestamp, Uuid)) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend([VERSION, list as u8]);
    bytes.extend(at.micros().to_be_bytes());
    bytes.extend(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(text: &str, list: List) -> Result<(Timestamp, Uuid), String> {
    let wrong = || "this is no cursor of this list; take it from `next`, or begin without one".to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let bytes: [u8; LENGTH] = bytes.try_into().map_err(|_| wrong())?;
    let [VERSION, kind, rest @ ..] = bytes else { return Err(wrong()) };
    if kind != list as u8 {
        return Err(wrong());
    }
    let (micros, id) = rest.split_at(8);
    let micros = micros.try_into().map_err(|_| wrong())?;
    let id = Uuid::from_slice(id).map_err(|_| wrong())?;
    Ok((Timestamp::from_micros(i64::from_be_bytes(micros)), id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_come_back_and_belong_to_one_list(micros in any::<i64>(), id in any::<u128>()) {
            let key = (Timestamp::from_micros(micros), Uuid::from_u128(id));
            let text = write(List::Cases, key);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            prop_assert_eq!(read(&text, List::Cases), Ok(key));
            prop_assert!(read(&text, List::Quarantine).is_err());
        }

        #[test]
        fn anything_else_is_refused(text in "\\PC{0,60}") {
            prop_assert!(read(&text, List::Cases).is_err());
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = URL_SAFE_NO_PAD.decode(write(List::Cases, (Timestamp::default(), Uuid::nil()))).unwrap();
        bytes[0] = VERSION + 1;
        assert!(read(&URL_SAFE_NO_PAD.encode(bytes), List::Cases).is_err());
    }
}
