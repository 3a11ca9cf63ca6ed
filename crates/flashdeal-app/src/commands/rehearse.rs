//! `flashdeal rehearse`: virtual buyers against a server, and a report that checks its books.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use flashdeal_domain::{Price, Units};
use flashdeal_rehearse::{Arrivals, Plan, Progress, Quantities, Report, parse_duration, parse_share};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Rehearse a sale before the day: virtual buyers against a server, a report, and books that must balance.
///
/// Puts a product up, lets buyers come, look, hold, and check out, cancel or walk away, as good clients do. The product and
/// its orders stay; holds of those who walked away lapse. Ctrl-C ends it and gives the report so far.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The server, without /api. One that is not on this machine needs --yes-this-is-my-server.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,

    /// How many buyers come: 1 to 1000000.
    #[arg(long, value_name = "N", default_value_t = 5000)]
    buyers: u32,

    /// How many units there are.
    #[arg(long, value_name = "N", default_value = "500", value_parser = parse_units)]
    stock: Units,

    /// How buyers come: burst (most at the opening), ramp (more and more), poisson (evenly, by chance).
    #[arg(long, value_name = "KIND", default_value = "burst")]
    arrivals: Arrivals,

    /// Within what time they come: 500ms, 30s, 5m, up to 24h.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    over: Duration,

    /// The share of holders who check out, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value = "0.6", value_parser = parse_share)]
    checkout_rate: f64,

    /// The share of holders who give their units back, 0 to 1. The others walk away, and their holds lapse.
    #[arg(long, value_name = "SHARE", default_value = "0.1", value_parser = parse_share)]
    cancel_rate: f64,

    /// How many units a buyer wants: a number, or evenly one of a range.
    #[arg(long, value_name = "N..M", default_value = "1")]
    quantity: Quantities,

    /// What a unit costs.
    #[arg(long, value_name = "PRICE", default_value = "499.90", value_parser = parse_price)]
    price: Price,

    /// How long a holder thinks, at most; half of it at least.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = parse_duration)]
    think: Duration,

    /// How many calls are under way at the same time at most: 1 to 10000. Raise it if the report says that buyers waited.
    #[arg(long, value_name = "N", default_value_t = 256)]
    concurrency: u32,

    /// The same seed makes the same buyers with the same wishes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Write the report to this file too, as one HTML page with charts that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// What to send as bearer with every request: an admin key. A token of --auth jwt is one buyer, so it is of no use here.
    #[arg(long, env = "FLASHDEAL_REHEARSE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,

    /// Needed for a server that is not on this machine: it is yours, and nobody is buying there now.
    #[arg(long)]
    yes_this_is_my_server: bool,
}

const EXAMPLES: &str = "\
Examples:
  FLASHDEAL_RATE_LIMIT=off flashdeal          in one terminal, then in another:
  flashdeal rehearse
  flashdeal rehearse --buyers 20000 --stock 200 \\
      --arrivals burst --over 60s --html report.html
  flashdeal rehearse https://staging.shop.example \\
      --arrivals ramp --quantity 1..3 --yes-this-is-my-server

All buyers have one address, so a server with its rate limit on turns most of them away with 429.
Exit status: 0 the books balance, 1 they do not or could not be checked, 2 it could not run.";

fn parse_units(text: &str) -> Result<Units, String> {
    let units = text.parse::<u32>().ok().and_then(|units| Units::new(units).ok());
    units.ok_or_else(|| format!("must be from 0 to {}", Units::MAX))
}

fn parse_price(text: &str) -> Result<Price, String> {
    Price::parse(text).map_err(|error| error.to_string())
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    match rehearse(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("flashdeal: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn rehearse(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let html = arguments.html.clone();
    let plan = plan(arguments);
    plan.check().map_err(anyhow::Error::msg)?;
    // Before the rehearsal: nobody wants to learn afterwards that the report has nowhere to go.
    let page = html.as_ref().map(|path| File::create(path).with_context(|| format!("cannot write {}", path.display())));
    let page = page.transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let Some(report) = runtime.block_on(with_signals(plan))? else { return Ok(ExitCode::from(130)) };
    if let (Some(mut page), Some(path)) = (page, html) {
        page.write_all(report.html().as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("The page is in {}", path.display());
    }
    super::print(report.to_string().as_bytes())?;
    Ok(if report.books.balance() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plan(arguments: Arguments) -> Plan {
    Plan {
        base_url: arguments.url,
        token: arguments.token,
        is_my_server: arguments.yes_this_is_my_server,
        buyers: arguments.buyers,
        stock: arguments.stock,
        price: arguments.price,
        quantity: arguments.quantity,
        arrivals: arguments.arrivals,
        over: arguments.over,
        checkout_rate: arguments.checkout_rate,
        cancel_rate: arguments.cancel_rate,
        think: arguments.think,
        concurrency: arguments.concurrency,
        seed: arguments.seed,
    }
}

/// The first signal asks for the report so far, the second ends it without one.
async fn with_signals(plan: Plan) -> anyhow::Result<Option<Report>> {
    let (mut first, mut second) = (interrupts()?, interrupts()?);
    let stop = async move {
        first.recv().await;
    };
    let enough = async move {
        second.recv().await;
        second.recv().await;
    };
    let progress = Progress::on_stderr(plan.buyers);
    tokio::select! {
        report = flashdeal_rehearse::run(plan, progress, stop) => Ok(Some(report?)),
        () = enough => Ok(None),
    }
}

fn interrupts() -> anyhow::Result<Signal> {
    signal(SignalKind::interrupt()).context("cannot listen for signals")
}
