//! Buyers against several instances while everything breaks, and a table of what the promises came to. Exits with 1 when one was
//! broken. `--help` tells the rest.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use flashdeal_tests::linear::Verdict;
use flashdeal_tests::redis::Persistence;
use flashdeal_tests::storm::history::History;
use flashdeal_tests::storm::options::{FaultKind, Options, PAUSES};
use flashdeal_tests::storm::{self, histories};

/// How many calls a history has.
const CALLS: usize = 200;
/// Holds that do not lapse within a history, and holds that do.
const LASTING: Duration = Duration::from_mins(10);
const LAPSING: Duration = Duration::from_millis(1500);

/// Storms flashdeal: kills, freezes and cuts its processes and stores while buyers buy, then checks every promise to the unit.
#[derive(Debug, Parser)]
struct Flags {
    /// What goes wrong, comma-separated; `all`, or `none`.
    #[arg(long, default_value = "all")]
    faults: String,
    /// All chance follows from it; from the clock if it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How long it rages, in minutes.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// How Redis keeps its memory.
    #[arg(long, value_enum, default_value_t = Keeps::Always)]
    persistence: Keeps,
    /// Buyers.
    #[arg(long, default_value_t = 24)]
    buyers: u32,
    /// Instances.
    #[arg(long, default_value_t = 2)]
    instances: usize,
    /// How long a hold lasts, in milliseconds.
    #[arg(long, default_value_t = 3000)]
    ttl: u64,
    /// The longest freeze, in milliseconds.
    #[arg(long, default_value_t = 5000)]
    longest_freeze: u64,
    /// Instead of a storm: this many histories of 200 calls each, checked for linearizability. Three in four with holds that do
    /// not lapse meanwhile.
    #[arg(long)]
    histories: Option<usize>,
    /// The folder where histories are kept that could not be explained.
    #[arg(long, default_value = ".")]
    keep: PathBuf,
    /// Instead of a storm: judges histories that were kept, once more.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    check: Vec<PathBuf>,
    /// The `flashdeal` binary; the one of this build if it is not given.
    #[arg(long)]
    binary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Keeps {
    Always,
    Everysec,
    None,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let flags = Flags::parse();
    if !flags.check.is_empty() {
        return check_kept(&flags.check).await;
    }
    let histories = flags.histories;
    let options = options(flags)?;
    eprintln!("seed {}", options.seed);
    if let Some(count) = histories {
        return check_histories(options, count).await;
    }
    let report = storm::run(options).await?;
    println!("\n{report}");
    Ok(if report.kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check_kept(files: &[PathBuf]) -> Result<ExitCode> {
    let mut all_explained = true;
    for file in files {
        let (history, verdict) = histories::judge(History::read(file)?).await?;
        println!("{}: {}", file.display(), histories::tell(&history, &verdict));
        all_explained &= verdict == Verdict::Explained;
    }
    Ok(if all_explained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check_histories(mut options: Options, count: usize) -> Result<ExitCode> {
    // Else most calls would only tell that the servers were away.
    options.pauses = (Duration::from_millis(200), Duration::from_millis(1200));
    options.longest_freeze = options.longest_freeze.min(Duration::from_millis(1500));
    options.faults.retain(|kind| !kind.rolls_back(options.persistence) && !kind.is_of_buyers());
    let lapsing = Options { ttl: LAPSING, ..options.clone() };
    let lasting = histories::run(Options { ttl: LASTING, ..options }, count - count / 4, CALLS).await?;
    println!("holds of {LASTING:?}: {lasting}");
    let lapsing = histories::run(lapsing, count / 4, CALLS).await?;
    println!("holds of {LAPSING:?}: {lapsing}");
    Ok(if lasting.sound() && lapsing.sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options(flags: Flags) -> Result<Options> {
    let duration = Duration::try_from_secs_f64(flags.minutes * 60.0).context("--minutes is no duration")?;
    if flags.instances == 0 {
        bail!("--instances must be at least 1");
    }
    let binary = match flags.binary {
        Some(binary) => binary.canonicalize().context("--binary is not there")?,
        None => binary_of_this_build()?,
    };
    Ok(Options {
        seed: flags.seed.unwrap_or_else(seed_of_the_clock),
        duration,
        faults: faults(&flags.faults)?,
        persistence: match flags.persistence {
            Keeps::Always => Persistence::Always,
            Keeps::Everysec => Persistence::EverySecond,
            Keeps::None => Persistence::None,
        },
        buyers: flags.buyers,
        instances: flags.instances,
        ttl: Duration::from_millis(flags.ttl),
        deadline: Duration::from_secs(2),
        margin: Duration::from_secs(3),
        longest_freeze: Duration::from_millis(flags.longest_freeze),
        pauses: PAUSES,
        binary,
        live: true,
        keep: flags.keep,
    })
}

fn faults(text: &str) -> Result<Vec<FaultKind>> {
    match text {
        "all" => Ok(FaultKind::value_variants().to_vec()),
        "none" => Ok(Vec::new()),
        names => {
            names.split(',').map(|name| FaultKind::from_str(name.trim(), true).map_err(anyhow::Error::msg)).collect()
        }
    }
}

fn binary_of_this_build() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program")?;
    let binary = own.with_file_name("flashdeal");
    if !binary.is_file() {
        bail!("{} is missing: cargo build -p flashdeal-app", binary.display());
    }
    Ok(binary)
}

#[expect(clippy::disallowed_methods, reason = "this is where the seed comes from; it is printed")]
fn seed_of_the_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::from(since.subsec_nanos()))
}
