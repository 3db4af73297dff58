//! SQLite: one process, one file. WAL with `synchronous=FULL`: a commit that returned survives a power cut.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Encode, Pool, QueryBuilder, Transaction, Type};

use super::{StoreError, StoreSettings};

#[path = "sql/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "compiled once for each database: the same statements, other types")]
mod sql;

pub(super) use sql::SqlStore as Sqlite;

type Db = sqlx::Sqlite;

const KIND: &str = "sqlite";
/// What made the schema, in order; never changed once released.
const MIGRATIONS: [(&str, &str); 2] = [
    ("init", include_str!("../../../../migrations/sqlite/0001_init.sql")),
    ("orders and outbound", include_str!("../../../../migrations/sqlite/0002_orders_and_outbound.sql")),
];
/// One writer at a time: nothing to lock or skip row by row.
const FOR_UPDATE: &str = "";
const FOR_UPDATE_SKIP_LOCKED: &str = "";
/// Values in one list of a statement.
const CHUNK: usize = 64;
/// Microseconds since 1970.
const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
/// What the database says about its durability, and the only answer that keeps our promise.
const DURABLE: &[(&str, &str)] = &[
    ("SELECT 'journal_mode = ' || journal_mode FROM pragma_journal_mode", "journal_mode = wal"),
    ("SELECT 'synchronous = ' || synchronous FROM pragma_synchronous", "synchronous = 2"),
];

impl Sqlite {
    pub(super) async fn open(url: &str, settings: &StoreSettings) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| StoreError::Permanent(format!("the store's URL is not understood: {error}")))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(200)
            // A compressed mail fills half of such a page; measured against 4 and 16 KB.
            .page_size(8192)
            // The log is written back into the file after 32 MB, and shrinks to 64 MB when a long reader let it grow.
            .pragma("wal_autocheckpoint", "4000")
            .pragma("journal_size_limit", "67108864")
            .pragma("cache_size", "-16000")
            .pragma("temp_store", "memory")
            .pragma("mmap_size", "0");
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(StoreError::Permanent("a store in memory keeps nothing: the store's URL has to name a file".into()));
        }
        make_file(options.get_filename())?;
        // Connections to a file do not age, and a look at one before each use finds nothing.
        let pool = || SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        let write = pool()
            .max_connections(1)
            .acquire_timeout(settings.connect_timeout.max(Duration::from_secs(30)))
            .connect_with(options.clone())
            .await
            .map_err(sql::store_error)?;
        sql::migrate(&write).await?;
        let read = pool()
            .max_connections(settings.connections.max(1))
            .acquire_timeout(settings.connect_timeout)
            .connect_with(options.read_only(true).pragma("query_only", "on").pragma("cache_size", "-4000"))
            .await
            .map_err(sql::store_error)?;
        Self::new(read, write).await
    }
}

/// Makes the file and its folder where they are not there, for nobody else to read. SQLite gives its log the same mode.
fn make_file(file: &Path) -> Result<(), StoreError> {
    let cannot = |path: &Path, error: std::io::Error| StoreError::Unavailable(format!("cannot create {}: {error}", path.display()));
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(cannot(file, error)),
        _ => Ok(()),
    }
}

/// sqlx takes no lock on SQLite: the write lock of a transaction around it keeps a second process waiting.
async fn run_migrations(migrator: &Migrator, pool: &Pool<Db>) -> Result<(), MigrateError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    migrator.run_direct(None, &mut *tx, false).await?;
    Ok(tx.commit().await?)
}

async fn begin(write: &Pool<Db>) -> Result<Transaction<'static, Db>, StoreError> {
    loop {
        match write.begin_with("BEGIN IMMEDIATE").await {
            // SQLite rolls back by itself when the disk is full or fails; sqlx then believes for ever that a transaction is open.
            // A new connection knows better (and may be in the same trouble by the time that it is our turn).
            Err(sqlx::Error::InvalidSavePointStatement) => {
                write.acquire().await.map_err(sql::store_error)?.close().await.map_err(sql::store_error)?;
            }
            begun => return begun.map_err(sql::store_error),
        }
    }
}

/// Whether SQLite's own error code says that waiting may help: busy, locked, out of memory, read-only, I/O, full, cannot open.
fn transient(code: &str) -> bool {
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14))
}

/// Appends a test for being one of these values. The list is filled up to a power of two with its last value.
fn push_in<T>(query: &mut QueryBuilder<Db>, values: &[T])
where
    T: Clone + for<'a> Encode<'a, Db> + Type<Db>,
{
    query.push(" IN (");
    let mut list = query.separated(", ");
    for value in filled(values) {
        list.push_bind(value.clone());
    }
    query.push(")");
}

/// The values, and the last one again up to a power of two.
fn filled<T>(values: &[T]) -> impl Iterator<Item = &T> {
    let size = if values.is_empty() { 0 } else { values.len().next_power_of_two() };
    values.iter().chain(values.last().into_iter().cycle()).take(size)
}

/// As many as in a list, or the powers of two that the rest is made of.
fn rows_at_a_time(left: usize) -> usize {
    if left >= CHUNK { CHUNK } else { 1 << left.max(1).ilog2() }
}

/// Appends rows as something to insert, or as the table `new`.
fn push_rows(query: &mut QueryBuilder<Db>, columns: &[&str], rows: Vec<Vec<sql::Value>>, named: bool) {
    if named {
        let names = columns.iter().enumerate().map(|(index, name)| format!("column{} AS {name}", index + 1));
        query.push("(SELECT ").push(names.collect::<Vec<_>>().join(", ")).push(" FROM (");
    }
    query.push_values(rows, |mut tuple, row| {
        for value in row {
            match value {
                sql::Value::Id(value) => tuple.push_bind(value),
                sql::Value::Text(value) => tuple.push_bind(value),
                sql::Value::Bytes(value) => tuple.push_bind(value),
                sql::Value::Big(value) => tuple.push_bind(value),
                sql::Value::Int(value) => tuple.push_bind(value),
                sql::Value::Small(value) => tuple.push_bind(value),
                sql::Value::Real(value) => tuple.push_bind(value),
                sql::Value::Flag(value) => tuple.push_bind(value),
            };
        }
    });
    if named {
        query.push(")) AS new");
    }
}

/// Appends a query for the first `limit` rows of `select` (ordered by `order`) for each token in a column.
fn push_each(query: &mut QueryBuilder<Db>, select: &str, column: &str, tokens: &[[u8; 16]], since: i64, order: &str, limit: usize) {
    let mut first = true;
    for (index, token) in filled(tokens).enumerate() {
        query.push(if std::mem::take(&mut first) { "" } else { " UNION ALL " });
        // What only fills the statement up finds nothing.
        let token: &[u8] = if index < tokens.len() { token } else { &[] };
        query.push(format!("SELECT * FROM ({select} WHERE {column} = ")).push_bind(token.to_vec());
        query.push(" AND m.received_at >= ").push_bind(since).push(format!(" ORDER BY {order} LIMIT {limit})"));
    }
}
