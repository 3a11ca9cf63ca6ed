//! Searches the checkout protocol for a broken promise.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Parser;
use flashdeal_model::report::{Search, print, search};
use flashdeal_model::{Config, Rules};

/// Searches the checkout protocol for a broken promise: every order of every step, with every fault.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Three buyers instead of two: 98 million states that are not alike, ten minutes, 1.3 GB
    #[arg(long, conflicts_with = "world")]
    large: bool,

    /// Three buyers with two concurrent checkouts each, and every fault of the gate in one world: hours, and gigabytes
    #[arg(long, conflicts_with_all = ["world", "large"])]
    deeper: bool,

    /// Only this world
    #[arg(long, value_parser = Config::NAMES)]
    world: Option<String>,

    /// Take a rule of the protocol away, and see what it was for
    #[arg(long, value_name = "RULE", value_parser = Rules::NAMES)]
    without: Option<String>,

    /// Threads to search with
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Stop after about this many steps
    #[arg(long)]
    steps: Option<NonZeroUsize>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let rules = args.without.as_deref().and_then(Rules::without).unwrap_or_default();
    let names: Vec<&str> = match &args.world {
        Some(name) => vec![name],
        None if args.deeper => vec![Config::DEEPER],
        None if args.large => Config::LARGE.to_vec(),
        None => Config::SMALL.to_vec(),
    };
    let how = Search {
        threads: usize::from(args.threads),
        // Whoever looks for a trace wants a short one.
        depth_first: (args.large || args.deeper) && args.without.is_none(),
        until: None,
        limit: args.steps,
    };
    let mut all_kept = true;
    for name in names {
        let Some(config) = Config::named(name, rules) else { continue };
        let report = search(config, &how);
        all_kept &= report.broken.is_empty();
        if writeln!(io::stdout(), "{name}: {}", print(config, &report)).is_err() {
            // Whoever read this has seen enough.
            break;
        }
    }
    if all_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
