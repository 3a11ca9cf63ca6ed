//! Bringing the database to this version's schema.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::Text;
use diesel_async::{AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::config::PostgresConfig;
use crate::connection::Connector;
use crate::error::ConnectError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Names the lock that lets one instance migrate at a time: any number that nothing else in the database uses.
const LOCK: i64 = 0x_666c_6173_6864_6561;
/// How long an instance waits for the others to finish, and how long one migration may wait for a table.
const PATIENCE: Duration = Duration::from_mins(2);

/// Applies the migrations that the database does not have yet; does nothing if it has all of them.
///
/// Safe with any number of instances starting at once: one migrates, the others wait for it, at most two minutes. The lock
/// belongs to that one's connection, so an instance that is lost half way takes it along; each migration is a transaction.
/// Where nothing is pending, the right to read is enough: a role that may not change the schema can run the server.
///
/// # Errors
/// [`ConnectError`].
pub async fn run_pending_migrations(config: &PostgresConfig) -> Result<(), ConnectError> {
    if nothing_is_pending(config).await? {
        return Ok(());
    }
    migrate(config, |harness| {
        let applied = harness.run_pending_migrations(MIGRATIONS)?;
        Ok(applied.iter().map(ToString::to_string).collect())
    })
    .await
}

/// Undoes every migration, last one first: all products and orders are gone after it.
///
/// # Errors
/// [`ConnectError`].
pub async fn revert_all_migrations(config: &PostgresConfig) -> Result<(), ConnectError> {
    migrate(config, |harness| {
        let reverted = harness.revert_all_migrations(MIGRATIONS)?;
        Ok(reverted.iter().map(ToString::to_string).collect())
    })
    .await
}

/// A migration that was applied, as diesel remembers it.
#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Whether the database has every migration already. False when it cannot be told, say because none was ever applied.
async fn nothing_is_pending(config: &PostgresConfig) -> Result<bool, ConnectError> {
    let ours = versions()?;
    let connection = Connector::new(config)?.connect().await.map_err(|why| ConnectError::Unreachable(why.into()))?;
    let (mut postgres, _open) = connection.into_parts();
    let read = diesel::sql_query("SELECT version FROM __diesel_schema_migrations");
    let Ok(applied) = read.load::<Applied>(&mut postgres).await else {
        return Ok(false);
    };
    Ok(ours.iter().all(|version| applied.iter().any(|applied| applied.version == *version)))
}

fn versions() -> Result<Vec<String>, ConnectError> {
    let ours = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(ConnectError::Migration)?;
    Ok(ours.iter().map(|migration| migration.name().version().to_string()).collect())
}

type Harness = AsyncMigrationHarness<diesel_async::AsyncPgConnection>;
type Done = diesel::migration::Result<Vec<String>>;

/// diesel's harness blocks its thread and works on a multi-thread runtime only, so it gets one to itself: callers may be on
/// any runtime.
async fn migrate(config: &PostgresConfig, work: fn(&mut Harness) -> Done) -> Result<(), ConnectError> {
    let connector = Connector::new(config)?;
    let task = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("migrations")
            .enable_all()
            .build()
            .map_err(|error| ConnectError::Migration(Box::new(error)))?;
        runtime.block_on(under_lock(&connector, work))
    });
    task.await.map_err(|error| ConnectError::Migration(Box::new(error)))?
}

async fn under_lock(connector: &Connector, work: fn(&mut Harness) -> Done) -> Result<(), ConnectError> {
    let connection = connector.connect().await.map_err(|why| ConnectError::Unreachable(why.into()))?;
    let (mut postgres, _open) = connection.into_parts();
    let patience = PATIENCE.as_millis();
    // The server ends the session, and with it the lock, of an instance that stops half way (idle_session_timeout came with
    // PostgreSQL 14).
    let lock = format!(
        "SET statement_timeout = {patience};
         SET lock_timeout = {patience};
         SET idle_in_transaction_session_timeout = {patience};
         SELECT set_config(name, '{patience}', false) FROM pg_settings WHERE name = 'idle_session_timeout';
         SELECT pg_advisory_lock({LOCK})"
    );
    postgres.batch_execute(&lock).await.map_err(|error| ConnectError::Migration(Box::new(error)))?;
    let mut harness = AsyncMigrationHarness::new(postgres);
    let done = work(&mut harness).map_err(ConnectError::Migration)?;
    if !done.is_empty() {
        tracing::info!(migrations = done.join(", "), "the database's schema was changed");
    }
    // A dropped connection gives the lock back too, but only when the server notices.
    let mut postgres = harness.into_inner();
    postgres
        .batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"))
        .await
        .map_err(|error| ConnectError::Migration(Box::new(error)))
}
