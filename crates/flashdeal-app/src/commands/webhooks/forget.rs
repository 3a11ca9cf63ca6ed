//! `flashdeal webhooks forget`.

use std::process::ExitCode;

use clap::Args;
use flashdeal_app::settings::parse_endpoints;
use flashdeal_app::startup::Readers;
use flashdeal_domain::ports::Reader;

use super::{Record, Urls};

/// Forget an endpoint that is gone: how far it was, and with that what waits for it.
///
/// If a server has it in --webhook-url again, it is a new one. In PostgreSQL this takes the role that owns the tables, if roles are those
/// of docker/postgres. Servers of a distributed shop may run meanwhile; that of an embedded one must be stopped.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    record: Record,

    #[command(flatten)]
    urls: Urls,

    /// Which, by its name, as `status` has it.
    #[arg(value_name = "NAME", value_parser = |name: &str| Reader::parse(name).map_err(|invalid| invalid.to_string()))]
    endpoint: Reader,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal webhooks forget https://shop.example#0a1b2c3d4e5f
  DATABASE_URL=postgres://flashdeal_migrator:… flashdeal webhooks forget https://shop.example#books

Exit status: 0 it is forgotten, 1 it is not.";

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (name, configured) = (&arguments.endpoint, parse_endpoints(&arguments.urls.webhook_url)?);
    if configured.iter().any(|endpoint| endpoint.name() == name) {
        anyhow::bail!(
            "the endpoint is in --webhook-url / FLASHDEAL_WEBHOOK_URL: take it out there first, or it is begun anew"
        );
    }
    let mut readers = Readers::open(arguments.record.database_url(), &arguments.record.data_dir).await?;
    let done = forget(&mut readers, name).await;
    readers.close().await;
    done
}

async fn forget(readers: &mut Readers, name: &Reader) -> anyhow::Result<ExitCode> {
    if readers.forget(name).await? {
        eprintln!("flashdeal: {name} is forgotten");
        return Ok(ExitCode::SUCCESS);
    }
    if readers.standings().await?.iter().any(|standing| standing.reader == *name) {
        anyhow::bail!("an instance delivers to the endpoint: take it out of its settings first");
    }
    anyhow::bail!("there is no such endpoint: `flashdeal webhooks status` has the names")
}
