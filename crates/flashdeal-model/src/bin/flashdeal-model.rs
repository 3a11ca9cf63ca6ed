//! Searches the checkout protocol for a broken promise.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use flashdeal_model::report::{Search, print, search};
use flashdeal_model::{Config, Rules};

/// Searches the checkout protocol for a broken promise: every order of every step, with every fault.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Three buyers with two concurrent checkouts each, and every fault: hundreds of millions of states, many gigabytes
    #[arg(long, conflicts_with = "world")]
    large: bool,

    /// Only this one of the small worlds
    #[arg(long, value_parser = Config::NAMES)]
    world: Option<String>,

    /// Take a rule of the protocol away, and see what it was for
    #[arg(long, value_name = "RULE", value_parser = Rules::NAMES)]
    without: Option<String>,

    /// Threads to search with
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Stop after this many minutes
    #[arg(long)]
    minutes: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let rules = args.without.as_deref().and_then(Rules::without).unwrap_or_default();
    let names: Vec<&str> = match (args.large, &args.world) {
        (true, _) => vec!["large"],
        (false, Some(name)) => vec![name],
        (false, None) => Config::SMALL.to_vec(),
    };
    let how = Search {
        threads: usize::from(args.threads),
        depth_first: args.large && args.without.is_none(),
        until: None,
        limit: args.minutes.map(|minutes| Duration::from_secs(minutes * 60)),
    };
    let mut all_kept = true;
    for name in names {
        let Some(config) = Config::named(name, rules) else { continue };
        let report = search(config, &how);
        all_kept &= report.broken.is_empty();
        println!("{name}: {}", print(config, &report));
    }
    if all_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
