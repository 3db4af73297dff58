//! Many rows in one statement.
//!
//! How rows become a table in a statement is the database's own business (`push_rows`). Whatever the number of rows, there are
//! few different statements, so that they stay prepared.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::super::{Db, push_rows, rows_at_a_time};
use super::rows::DbRow;
use super::text::stored;
use super::*;

/// One value of a row.
#[derive(Clone, Debug)]
pub(in crate::store) enum Value {
    Id(Option<Uuid>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Big(Option<i64>),
    Int(i32),
    Small(i16),
    Real(f64),
    Flag(bool),
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $made:expr;)+) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $made
            }
        })+
    };
}

value_from! {
    Uuid => |id| Self::Id(Some(id));
    Option<Uuid> => |id| Self::Id(id);
    &str => |text| Self::Text(Some(stored(text).into_owned()));
    Option<&str> => |text| Self::Text(text.map(|text| stored(text).into_owned()));
    Vec<u8> => |bytes| Self::Bytes(Some(bytes));
    &[u8] => |bytes| Self::Bytes(Some(bytes.to_vec()));
    Option<&[u8]> => |bytes| Self::Bytes(bytes.map(<[u8]>::to_vec));
    i64 => |number| Self::Big(Some(number));
    Option<i64> => |number| Self::Big(number);
    i32 => |number| Self::Int(number);
    i16 => |number| Self::Small(number);
    f64 => |number| Self::Real(number);
    bool => |flag| Self::Flag(flag);
}

/// A table of rows on its way into a statement. Each row has a value for each column, of one kind in each column.
pub(in crate::store) struct Rows {
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Rows {
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(row.into());
    }

    /// Inserts them in order; answers what `returning` says, e.g. `ON CONFLICT DO NOTHING RETURNING id`.
    pub(super) async fn insert(self, tx: &mut Tx, table: &str, returning: &str) -> Result<Vec<DbRow>> {
        let head = format!("INSERT INTO {table} ({}) ", self.columns.join(", "));
        self.run(tx, &head, returning, false).await
    }

    /// Runs an UPDATE whose FROM they are, as the table `new`: `update` ends before it, `only` begins after it.
    pub(super) async fn update(self, tx: &mut Tx, update: &str, only: &str) -> Result<()> {
        self.run(tx, &format!("{update} FROM "), only, true).await.map(drop)
    }

    async fn run(self, tx: &mut Tx, head: &str, tail: &str, named: bool) -> Result<Vec<DbRow>> {
        let mut answers = Vec::new();
        let mut left = self.rows.len();
        let mut rows = self.rows.into_iter();
        while left > 0 {
            let count = rows_at_a_time(left);
            left -= count;
            let mut query = QueryBuilder::<Db>::new(head);
            push_rows(&mut query, self.columns, rows.by_ref().take(count).collect(), named);
            query.push(" ").push(tail);
            answers.extend(query.build().fetch_all(&mut **tx).await.map_err(store_error)?);
        }
        Ok(answers)
    }
}
