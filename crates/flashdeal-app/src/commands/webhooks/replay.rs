//! `flashdeal webhooks replay`.

use std::process::ExitCode;

use clap::Args;
use flashdeal_app::settings::parse_endpoints;
use flashdeal_app::startup::Readers;
use flashdeal_domain::Timestamp;
use flashdeal_domain::ports::Reader;

use super::status::waiting;
use super::{Record, Urls};

/// Take endpoints back in time: they are told again of everything that was sold since, in its order.
///
/// What they are told again has the `webhook-id` it had, so a receiver that looks at it takes nothing twice. An endpoint that no server
/// has told anything yet is begun there. Servers of a distributed shop may run meanwhile; that of an embedded one must be stopped.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    record: Record,

    #[command(flatten)]
    urls: Urls,

    /// One endpoint by its name, as `status` has it, instead of all of --webhook-url.
    #[arg(long, value_name = "NAME", value_parser = |name: &str| Reader::parse(name).map_err(|invalid| invalid.to_string()))]
    endpoint: Option<Reader>,

    /// Since when: `2026-11-27T12:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = |time: &str| Timestamp::parse(time).map_err(|invalid| invalid.to_string()))]
    since: Timestamp,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal webhooks replay --since 2026-11-27T12:00:00Z
  DATABASE_URL=postgres://… flashdeal webhooks replay --since 1970-01-01T00:00:00Z \\
      --webhook-url https://shop.example/hooks        all there ever was, to one of them

Exit status: 0 they go back, 1 they could not be told to.";

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let endpoints = parse_endpoints(&arguments.urls.webhook_url)?;
    let names: Vec<Reader> = match &arguments.endpoint {
        Some(name) => vec![name.clone()],
        None => endpoints.iter().map(|endpoint| endpoint.name().clone()).collect(),
    };
    if names.is_empty() {
        anyhow::bail!("which endpoints? give --webhook-url / FLASHDEAL_WEBHOOK_URL, or --endpoint");
    }
    let mut readers = Readers::open(arguments.record.database_url(), &arguments.record.data_dir).await?;
    let known = match &arguments.endpoint {
        // A slip of the pen would be a reader for ever.
        Some(name) if !endpoints.iter().any(|endpoint| endpoint.name() == name) => {
            readers.standings().await?.iter().any(|standing| standing.reader == *name)
        }
        _ => true,
    };
    let done = if known {
        rewind(&mut readers, &names, arguments.since).await
    } else {
        Err(anyhow::anyhow!(
            "there is no such endpoint: `flashdeal webhooks status` has the names; of a new one give --webhook-url"
        ))
    };
    readers.close().await;
    done
}

async fn rewind(readers: &mut Readers, names: &[Reader], since: Timestamp) -> anyhow::Result<ExitCode> {
    if names.len() == 1 && !readers.standings().await?.iter().any(|standing| names.contains(&standing.reader)) {
        eprintln!(
            "flashdeal: {} is new: no server has told it anything yet",
            names.iter().map(Reader::as_str).collect::<String>()
        );
    }
    for name in names {
        readers.rewind(name, since).await?;
    }
    for standing in readers.standings().await?.into_iter().filter(|standing| names.contains(&standing.reader)) {
        let told = standing.oldest.map_or("nothing waits".to_owned(), |oldest| waiting(standing.waiting, oldest));
        crate::commands::print(format!("{}: {told}\n", standing.reader).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}
