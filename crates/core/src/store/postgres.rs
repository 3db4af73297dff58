//! PostgreSQL: any number of instances. `synchronous_commit` is switched on for every connection, whatever the server says.

use std::str::FromStr;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgHasArrayType, PgPoolOptions};
use sqlx::{Encode, Pool, QueryBuilder, Transaction, Type};
use uuid::Uuid;

use super::{StoreError, StoreSettings};

#[path = "sql/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "compiled once for each database: the same statements, other types")]
mod sql;

pub(super) use sql::SqlStore as Postgres;

type Db = sqlx::Postgres;

const KIND: &str = "postgres";
/// What made the schema, in order; never changed once released.
const MIGRATIONS: [(&str, &str); 2] = [
    ("init", include_str!("../../../../migrations/postgres/0001_init.sql")),
    ("orders and outbound", include_str!("../../../../migrations/postgres/0002_orders_and_outbound.sql")),
];
const FOR_UPDATE: &str = "FOR UPDATE";
const FOR_UPDATE_SKIP_LOCKED: &str = "FOR UPDATE SKIP LOCKED";
/// Values in one list of a statement: an array, so that one statement serves any number.
const CHUNK: usize = 1_000;
/// Microseconds since 1970 by the database's clock, the one that all instances share.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
/// What the database says about its durability, and the only answer that keeps our promise.
const DURABLE: &[(&str, &str)] = &[
    ("SELECT 'synchronous_commit = ' || setting FROM pg_settings WHERE name = 'synchronous_commit'", "synchronous_commit = on"),
    ("SELECT 'fsync = ' || setting FROM pg_settings WHERE name = 'fsync'", "fsync = on"),
    ("SELECT 'full_page_writes = ' || setting FROM pg_settings WHERE name = 'full_page_writes'", "full_page_writes = on"),
];

impl Postgres {
    pub(super) async fn open(url: &str, settings: &StoreSettings) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| StoreError::Permanent(format!("the store's URL is not understood: {error}")))?
            .application_name("loket")
            .options([
                ("synchronous_commit", "on"),
                ("statement_timeout", "60s"),
                ("lock_timeout", "20s"),
                // An instance that is suspended in the middle of a transaction must not hold the others up for long.
                ("idle_in_transaction_session_timeout", "30s"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections.max(2))
            .acquire_timeout(settings.connect_timeout)
            .connect_with(options)
            .await
            .map_err(sql::store_error)?;
        sql::migrate(&pool).await?;
        Self::new(pool.clone(), pool).await
    }
}

/// sqlx takes an advisory lock around it.
async fn run_migrations(migrator: &Migrator, pool: &Pool<Db>) -> Result<(), MigrateError> {
    migrator.run(pool).await
}

async fn begin(write: &Pool<Db>) -> Result<Transaction<'static, Db>, StoreError> {
    write.begin().await.map_err(sql::store_error)
}

/// Whether a SQLSTATE says that waiting may help: connection, rollback (serialization, deadlock), resources, lock, shutdown,
/// system, query cancelled; a transaction that was ended for being idle; a server that only reads.
fn transient(code: &str) -> bool {
    ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)) || ["25P03", "25006"].contains(&code)
}

/// Appends a test for being one of these values.
fn push_in<T>(query: &mut QueryBuilder<Db>, values: &[T])
where
    T: Clone + for<'a> Encode<'a, Db> + Type<Db> + PgHasArrayType,
{
    query.push(" = ANY(").push_bind(values.to_vec()).push(")");
}

/// Rows are an array for each column.
fn rows_at_a_time(left: usize) -> usize {
    left.min(CHUNK)
}

/// Appends rows as something to insert, or as the table `new`.
fn push_rows(query: &mut QueryBuilder<Db>, columns: &[&str], rows: Vec<Vec<sql::Value>>, named: bool) {
    let mut arrays: Vec<Array> = rows.first().into_iter().flatten().map(Array::like).collect();
    for row in rows {
        for (array, value) in arrays.iter_mut().zip(row) {
            array.push(value);
        }
    }
    query.push(if named { "UNNEST(" } else { "SELECT * FROM UNNEST(" });
    let mut first = true;
    for array in arrays {
        if !std::mem::take(&mut first) {
            query.push(", ");
        }
        array.bind(query);
    }
    query.push(")");
    if named {
        query.push(" AS new (").push(columns.join(", ")).push(")");
    }
}

/// One column of many rows.
enum Array {
    Id(Vec<Option<Uuid>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Big(Vec<Option<i64>>),
    Int(Vec<Option<i32>>),
    Small(Vec<Option<i16>>),
    Real(Vec<Option<f64>>),
    Flag(Vec<Option<bool>>),
}

impl Array {
    fn like(value: &sql::Value) -> Self {
        match value {
            sql::Value::Id(_) => Self::Id(Vec::new()),
            sql::Value::Text(_) => Self::Text(Vec::new()),
            sql::Value::Bytes(_) => Self::Bytes(Vec::new()),
            sql::Value::Big(_) => Self::Big(Vec::new()),
            sql::Value::Int(_) => Self::Int(Vec::new()),
            sql::Value::Small(_) => Self::Small(Vec::new()),
            sql::Value::Real(_) => Self::Real(Vec::new()),
            sql::Value::Flag(_) => Self::Flag(Vec::new()),
        }
    }

    fn push(&mut self, value: sql::Value) {
        match (self, value) {
            (Self::Id(list), sql::Value::Id(value)) => list.push(value),
            (Self::Text(list), sql::Value::Text(value)) => list.push(value),
            (Self::Bytes(list), sql::Value::Bytes(value)) => list.push(value),
            (Self::Big(list), sql::Value::Big(value)) => list.push(value),
            (Self::Int(list), sql::Value::Int(value)) => list.push(Some(value)),
            (Self::Small(list), sql::Value::Small(value)) => list.push(Some(value)),
            (Self::Real(list), sql::Value::Real(value)) => list.push(Some(value)),
            (Self::Flag(list), sql::Value::Flag(value)) => list.push(Some(value)),
            (_, other) => debug_assert!(false, "a column of mixed kinds: {other:?}"),
        }
    }

    fn bind(self, query: &mut QueryBuilder<Db>) {
        match self {
            Self::Id(list) => query.push_bind(list),
            Self::Text(list) => query.push_bind(list),
            Self::Bytes(list) => query.push_bind(list),
            Self::Big(list) => query.push_bind(list),
            Self::Int(list) => query.push_bind(list),
            Self::Small(list) => query.push_bind(list),
            Self::Real(list) => query.push_bind(list),
            Self::Flag(list) => query.push_bind(list),
        };
    }
}

/// Appends a query for the first `limit` rows of `select` (ordered by `order`) for each token in a column.
fn push_each(query: &mut QueryBuilder<Db>, select: &str, column: &str, tokens: &[[u8; 16]], since: i64, order: &str, limit: usize) {
    query.push("SELECT found.* FROM UNNEST(").push_bind(tokens.to_vec()).push(") AS wanted (token) CROSS JOIN LATERAL (");
    query.push(select).push(format!(" WHERE {column} = wanted.token AND m.received_at >= ")).push_bind(since);
    query.push(format!(" ORDER BY {order} LIMIT {limit}) AS found"));
}
