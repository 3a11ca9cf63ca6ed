//! `flashdeal webhooks`: do they arrive, how far are they, once more from an earlier time, and never again.

mod forget;
mod replay;
mod status;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Test the endpoints of webhooks, see how far each is, go back, or forget one that is gone.
///
/// A server with --webhook-url tells every sold order to the endpoints named there: at least once, in the order of the ledger,
/// through any crash. An endpoint that is new begins with what is sold from then on; `replay` gives it what was sold before.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Test(test::Arguments),
    Status(status::Arguments),
    Replay(replay::Arguments),
    Forget(forget::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  flashdeal webhooks test                     a ping to each endpoint of FLASHDEAL_WEBHOOK_URL
  flashdeal webhooks status                   how far each of them is
  flashdeal webhooks replay --since 2026-11-27T12:00:00Z
  flashdeal webhooks forget https://old.example#0a1b2c3d4e5f
  flashdeal webhooks help replay              more about one of them";

/// Where the record is.
#[derive(Args)]
struct Record {
    /// PostgreSQL, the permanent record: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,

    /// Without it: where the embedded mode keeps its file.
    #[arg(long, env = "FLASHDEAL_DATA_DIR", value_name = "FOLDER", default_value = "./data")]
    data_dir: PathBuf,
}

impl Record {
    /// An empty variable is one that is not set, as for the server.
    fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref().filter(|url| !url.trim().is_empty())
    }
}

/// Which endpoints.
#[derive(Args)]
struct Urls {
    /// The endpoints, comma-separated, as the server has them.
    #[arg(long, env = "FLASHDEAL_WEBHOOK_URL", value_name = "URLS", hide_env_values = true, default_value = "")]
    webhook_url: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match &arguments.command {
            Command::Test(arguments) => test::run(arguments).await,
            Command::Status(arguments) => status::run(arguments).await,
            Command::Replay(arguments) => replay::run(arguments).await,
            Command::Forget(arguments) => forget::run(arguments).await,
        }
    })
}
