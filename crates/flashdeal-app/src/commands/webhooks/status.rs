//! `flashdeal webhooks status`.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use flashdeal_app::settings::parse_endpoints;
use flashdeal_app::startup::Readers;
use flashdeal_domain::ports::{Reader, Standing};
use serde_json::{Value, json};

use super::{Record, Urls};

/// Say how far each endpoint is: how many orders wait for it, since when, and what failed last.
///
/// It reads the record alone, of a live shop or a stopped one, embedded or not, and changes nothing. Endpoints are named by their host
/// and a part of a digest, since a URL may hold a secret.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    record: Record,

    #[command(flatten)]
    urls: Urls,

    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal webhooks status                   of ./data, also while it is served
  DATABASE_URL=postgres://… flashdeal webhooks status
  flashdeal webhooks status --json | jq '.[] | select(.waiting > 0)'

A running server shows the same on its /metrics: flashdeal_webhook_waiting_orders and flashdeal_webhook_waiting_seconds.
Exit status: 0 it could be told, 1 it could not.";

/// What is known of one endpoint.
struct Row {
    name: Reader,
    /// Whether `--webhook-url` has it.
    configured: bool,
    /// `None`: no server has begun to tell it anything.
    standing: Option<Standing>,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let endpoints = parse_endpoints(&arguments.urls.webhook_url)?;
    let mut readers = Readers::look_at(arguments.record.database_url(), &arguments.record.data_dir).await?;
    let standings = readers.standings().await?;
    let knows_leases = readers.knows_leases();
    readers.close().await;
    let configured: Vec<Reader> = endpoints.iter().map(|endpoint| endpoint.name().clone()).collect();
    let new = configured.iter().filter(|name| !standings.iter().any(|standing| standing.reader == **name)).cloned();
    let new: Vec<Row> = new.map(|name| Row { name, configured: true, standing: None }).collect();
    let known = standings.into_iter().map(|standing| Row {
        name: standing.reader.clone(),
        configured: configured.contains(&standing.reader),
        standing: Some(standing),
    });
    let rows: Vec<Row> = known.chain(new).collect();
    let text = if arguments.json {
        let rows: Vec<Value> = rows.iter().map(|row| as_json(row, knows_leases)).collect();
        format!("{:#}\n", Value::from(rows))
    } else if rows.is_empty() {
        "there are no webhooks\n".to_owned()
    } else {
        let told_which = !configured.is_empty();
        rows.iter().map(|row| as_text(row, told_which, knows_leases)).collect()
    };
    crate::commands::print(text.as_bytes())
}

fn as_text(row: &Row, told_which: bool, knows_leases: bool) -> String {
    let mut text = format!("{}: ", row.name);
    let Some(standing) = &row.standing else {
        text.push_str("new; a server that has it begins with what is sold from then on\n");
        return text;
    };
    match standing.oldest {
        None => text.push_str("nothing waits"),
        Some(oldest) => text.push_str(&waiting(standing.waiting, oldest)),
    }
    if knows_leases {
        text.push_str(if standing.held { "; an instance delivers" } else { "; no instance delivers" });
    }
    if told_which && !row.configured {
        text.push_str("; not in --webhook-url");
    }
    text.push('\n');
    if let Some((when, why)) = &standing.failure {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "    last failure, {when}: {}", why.escape_debug());
    }
    text
}

/// How many orders wait, in words.
pub(super) fn waiting(orders: u32, oldest: Duration) -> String {
    let more = if orders == Standing::MOST { " or more" } else { "" };
    let (orders, wait) =
        if orders == 1 { ("1 order".to_owned(), "waits") } else { (format!("{orders}{more} orders"), "wait") };
    format!("{orders} {wait}, the oldest sold {} s ago", oldest.as_secs())
}

fn as_json(row: &Row, knows_leases: bool) -> Value {
    let standing = row.standing.as_ref();
    let failure = standing.and_then(|standing| standing.failure.as_ref());
    json!({
        "endpoint": row.name.as_str(),
        "configured": row.configured,
        "waiting": standing.map(|standing| standing.waiting),
        "oldestSeconds": standing.map(|standing| standing.oldest.map_or(0, |oldest| oldest.as_secs())),
        "position": standing.map(|standing| standing.position.0),
        "movedAt": standing.map(|standing| standing.moved_at.to_string()),
        "held": standing.filter(|_| knows_leases).map(|standing| standing.held),
        "lastFailure": failure.map(|(when, why)| json!({ "at": when.to_string(), "why": why })),
    })
}
