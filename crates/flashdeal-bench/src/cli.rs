//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::baseline;

/// Measures the server against two baselines and pgbench, in one run, and prints one table of medians and ratios.
#[derive(Debug, Parser)]
#[command(name = "flashdeal-bench", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves a baseline; started by the benchmark itself.
    #[command(hide = true)]
    Baseline(baseline::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p flashdeal-bench
  cargo run --release -p flashdeal-bench -- --quick --only hot,checkout
  cargo run --release -p flashdeal-bench -- --mode embedded --html report.html --json report.json

It needs PostgreSQL and Redis installed, starts private ones, and leaves nothing behind.
Exit status: 0 measured, 1 could not be measured, 2 some books did not balance. A missed goal is no error.";

/// What is measured, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// One round of one second each, and smaller crowds: to see that it works, not for numbers.
    #[arg(long)]
    pub(crate) quick: bool,

    /// How often each is measured; the medians count.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: Option<u32>,

    /// How long each is measured in each round.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: Option<u64>,

    /// Connections, each with one request under way.
    #[arg(long, value_name = "N", default_value = "128", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) connections: u16,

    /// Worker threads of the server and of the baselines; one per core by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// Only these workloads.
    #[arg(long, value_name = "WORKLOAD", value_delimiter = ',')]
    pub(crate) only: Vec<Workload>,

    /// Which stores the server has.
    #[arg(long, value_name = "MODE", default_value = "both")]
    pub(crate) mode: Mode,

    /// Measure this server instead of building one.
    #[arg(long, value_name = "FILE")]
    pub(crate) server: Option<PathBuf>,

    /// Write everything that was measured as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Write a chart and the table as one HTML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// Which stores the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Embedded,
    Distributed,
    Both,
}

/// What the crowd does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Everyone reserves the same product
    Hot,
    /// 10,000 products, all wanted alike
    Even,
    /// 10,000 products, few of them wanted much
    Zipf,
    /// 99 % are refused
    SoldOut,
    /// Reserve 60, status 25, cancel 5, checkout 10
    Mixed,
    /// Everyone reads the counters
    Status,
    /// Everyone pays for the same product
    Checkout,
    /// Reserve with 1,000 and with 1,000,000 live holds on the product
    Growth,
    /// 100,000 holds lapse within a second while others reserve
    Wave,
    /// Latency at half of the maximum rate
    Half,
    /// Redis writing its file before it answers, and without a file
    Aof,
    /// This load generator compared with wrk, on the echo; only when it is named
    Wrk,
}

impl Options {
    pub(crate) fn wants(&self, workload: Workload) -> bool {
        if self.only.is_empty() { workload != Workload::Wrk } else { self.only.contains(&workload) }
    }

    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    pub(crate) fn measure(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(if self.quick { 1 } else { 3 }))
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_millis(if self.quick { 200 } else { 500 })
    }

    pub(crate) fn connections(&self) -> usize {
        usize::from(self.connections)
    }

    /// A size, or the smaller one of a quick run.
    pub(crate) fn size(&self, full: u64, quick: u64) -> u64 {
        if self.quick { quick } else { full }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["flashdeal-bench", "--quick", "--only", "hot,sold-out", "--mode", "embedded"])
            .unwrap();
        assert!(cli.options.wants(Workload::SoldOut) && !cli.options.wants(Workload::Even));
        assert_eq!((cli.options.rounds(), cli.options.mode), (1, Mode::Embedded));
    }

    #[test]
    fn everything_is_measured_unless_told_otherwise() {
        let options = Cli::try_parse_from(["flashdeal-bench"]).unwrap().options;
        assert!(options.wants(Workload::Wave) && !options.wants(Workload::Wrk));
        assert_eq!((options.rounds(), options.measure()), (3, Duration::from_secs(3)));
    }
}
