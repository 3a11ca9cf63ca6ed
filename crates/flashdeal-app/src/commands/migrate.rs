//! `flashdeal migrate`: brings the database's schema up to date, and nothing else.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use flashdeal_postgres::{PostgresConfig, run_pending_migrations};

/// Apply the migrations that PostgreSQL does not have yet, and end.
///
/// A server does the same when it starts, if its role may change the schema. With this the server needs no such right: run it as
/// the role that owns the tables before a new version is started, then start that as a role that can only sell. Running it again,
/// or several at once, is harmless. The embedded store needs no such step.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// PostgreSQL, by a role that may change the schema: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal migrate --database-url postgres://flashdeal_migrator:…@db/flashdeal
  DATABASE_URL=postgres://flashdeal_migrator:…@db/flashdeal flashdeal migrate
  DATABASE_URL=postgres://flashdeal_app:…@db/flashdeal REDIS_URL=redis://… flashdeal
                                              then serve as a role that can only sell

docker/postgres has both roles and their grants.
Exit status: 0 the schema is up to date, 1 it could not be brought up to date.";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // It says which migrations were applied.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let config = PostgresConfig::new(&arguments.database_url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime
        .block_on(run_pending_migrations(&config))
        .context("cannot bring the schema up to date: may this role change it?")?;
    super::print(b"the schema is up to date\n")
}
