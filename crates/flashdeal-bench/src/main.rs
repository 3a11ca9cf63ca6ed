//! `flashdeal-bench`: the server, two baselines and pgbench in turn, one table of medians and ratios.
//!
//! Everything is measured in one run on one machine, interleaved, so that the ratios hold on any machine at any hour. After each
//! round the server's books are compared with what it acknowledged: a fast wrong answer is no answer.

mod baseline;
mod binary;
mod books;
mod cli;
mod clock;
mod load;
mod numbers;
mod pgbench;
mod random;
mod report;
mod scripts;
mod servers;
mod shop;
mod workloads;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use flashdeal_tests::postgres::{PostgresOptions, PrivatePostgres};

use cli::{Cli, Command, Options};
use report::Report;
use servers::Setting;
use workloads::Bench;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Baseline(arguments)) => baseline::serve(arguments).map(|()| true),
        None => measure(cli.options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("flashdeal-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and reports; tells whether all books balanced.
fn measure(options: Options) -> Result<bool> {
    let load_average = load_average()?;
    let binary = match &options.server {
        Some(binary) => fs::canonicalize(binary).with_context(|| format!("there is no {}", binary.display()))?,
        None => binary::build()?,
    };
    let cores = std::thread::available_parallelism().context("cannot count the cores")?.get();
    let workers = options.workers.map_or(cores, usize::from);
    // The generator runs on this thread; the runtime only waits for servers in between.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let postgres = PrivatePostgres::start(PostgresOptions { fsync: true, ..PostgresOptions::default() }).await?;
        let connections = options.connections();
        let bench = Bench { setting: Setting { binary, workers, postgres, connections }, options };
        let rows = bench.run().await?;
        let options = &bench.options;
        let report = Report {
            made_at_unix_ms: clock::unix_millis(),
            cores,
            connections,
            rounds: options.rounds(),
            seconds: options.measure().as_secs_f64(),
            workers,
            quick: options.quick,
            load_average,
            rows,
        };
        report.deliver(options)?;
        Ok(report.is_right())
    })
}

/// Of the last minute.
fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("cannot read the load average")?;
    text.split(' ').next().and_then(|load| load.parse().ok()).context("a load average that is no number")
}
