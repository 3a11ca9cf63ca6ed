//! Connections to the file, and its tables.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::OpenError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Marks the file as ours: "fdeal" as an integer.
const APPLICATION_ID: i32 = 0x0fde_a100;

/// Once, before anything else: the mode stays with the file.
const WAL: &str = "PRAGMA journal_mode = WAL;";

/// Of each connection. FULL: a commit is on the disk when it returns, power cuts included. Memory is bounded: a small page
/// cache and no mapping of the file. A checkpoint moves at most some megabytes, so it is over in milliseconds.
const PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA busy_timeout = 1000;
    PRAGMA cache_size = -8192;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 33554432;
";

const GUEST_PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;";

const APPLICATION_ID_OF: &str = "SELECT application_id AS value FROM pragma_application_id";

const READER_PRAGMAS: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -2048;";

/// Moves everything into the database's file and empties the log.
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE);";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A connection for the one writer.
pub(crate) fn writer(file: &Path) -> Result<SqliteConnection, Failure> {
    let path = file.to_str().ok_or("its path is not Unicode")?;
    let mut conn = SqliteConnection::establish(path)?;
    conn.batch_execute(WAL)?;
    conn.batch_execute(PRAGMAS)?;
    Ok(conn)
}

/// A connection that only reads.
pub(crate) fn reader(file: &Path) -> Result<SqliteConnection, Failure> {
    let mut conn = writer(file)?;
    conn.batch_execute(READER_PRAGMAS)?;
    Ok(conn)
}

/// A connection to a file that is another process's: it can read, and nothing else. It has no part in keeping the file in order,
/// which is its owner's business.
pub(crate) fn guest(file: &Path) -> Result<SqliteConnection, Failure> {
    let path = file.to_str().ok_or("its path is not Unicode")?;
    // What would end the path in a URI, or be decoded there.
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let mut conn = SqliteConnection::establish(&format!("file:{path}?mode=ro"))?;
    conn.batch_execute(GUEST_PRAGMAS)?;
    Ok(conn)
}

/// Whether a file is one of ours, and has tables.
pub(crate) fn is_ours(conn: &mut SqliteConnection) -> QueryResult<bool> {
    Ok(pragma(conn, APPLICATION_ID_OF)? == APPLICATION_ID)
}

/// Brings the tables up to date.
pub(crate) fn migrate(conn: &mut SqliteConnection, file: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Database { file: file.to_owned(), source };
    own(conn, file)?;
    let known = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(failed)?;
    let known: Vec<_> = known.iter().map(|migration| migration.name().version().as_owned()).collect();
    let applied = conn.applied_migrations().map_err(failed)?;
    if let Some(unknown) = applied.iter().find(|version| !known.contains(version)) {
        return Err(OpenError::NewerSchema { file: file.to_owned(), migration: unknown.to_string() });
    }
    conn.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    Ok(())
}

/// Marks a new file as ours; refuses one that is another program's.
fn own(conn: &mut SqliteConnection, file: &Path) -> Result<(), OpenError> {
    let failed = |error: diesel::result::Error| OpenError::Database { file: file.to_owned(), source: error.into() };
    let id: i32 = pragma(conn, APPLICATION_ID_OF).map_err(failed)?;
    let tables: i32 = pragma(conn, "SELECT count(*) AS value FROM sqlite_schema").map_err(failed)?;
    match (id, tables) {
        (APPLICATION_ID, _) => Ok(()),
        (_, 0) => conn.batch_execute(&format!("PRAGMA application_id = {APPLICATION_ID}")).map_err(failed),
        _ => Err(OpenError::NotADatabase { file: file.to_owned() }),
    }
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    value: i32,
}

fn pragma(conn: &mut SqliteConnection, query: &str) -> QueryResult<i32> {
    diesel::sql_query(query).get_result::<Value>(conn).map(|row| row.value)
}

/// At a clean end: leaves one file, so that the folder can be copied.
pub(crate) fn checkpoint(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.batch_execute(CHECKPOINT)
}
