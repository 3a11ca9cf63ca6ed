//! `flashdeal`: flash sales over HTTP. `flashdeal --help` lists every setting.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use flashdeal_app::settings::{LogFormat, RawSettings, Settings};
use flashdeal_app::startup::{Environment, Running, start};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The flash-sale engine: reserve, check out, never oversell.
#[derive(Parser)]
#[command(name = "flashdeal", version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    settings: RawSettings,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal                                   a sale on this machine, kept in ./data
  flashdeal --bind 0.0.0.0:8080 --rate-limit 300/1m
  DATABASE_URL=postgres://… REDIS_URL=redis://… flashdeal
                                              one of any number of instances

Every flag is also an environment variable; a .env file in the working folder is read first.";

fn main() -> ExitCode {
    // The environment is read before any thread could see it change.
    let dotenv = dotenvy::dotenv();
    let cli = Cli::parse();
    let settings = match Settings::parse(&cli.settings) {
        Ok(settings) => settings,
        Err(faults) => {
            eprintln!("flashdeal: {faults}");
            return ExitCode::from(2);
        }
    };
    init_log(settings.log_format);
    if let Err(error) = dotenv.as_ref().map(drop).or_else(|error| if error.not_found() { Ok(()) } else { Err(error) }) {
        tracing::warn!(%error, "the .env file cannot be read; it is left out");
    }
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let running = start(settings, Environment::default()).await?;
        announce(&running);
        signals.recv().await;
        tracing::info!("stopping: no new requests, the ones under way may finish");
        running.stop().await?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Where it is and where to look next: a banner for people, a log line for machines.
fn announce(running: &Running) {
    for warning in running.warnings() {
        tracing::warn!("{warning}");
    }
    let (mode, address) = (running.mode(), running.address());
    if std::io::stdout().is_terminal() {
        println!(
            "\n  flashdeal {} · {mode}\n\n  Deal board   http://{address}/\n  API docs     http://{address}/docs\n  \
             Health       http://{address}/health/ready\n  Metrics      http://{address}/metrics\n\n  Ctrl-C stops it.\n",
            env!("CARGO_PKG_VERSION")
        );
    } else {
        tracing::info!(%address, mode, version = env!("CARGO_PKG_VERSION"), "serving");
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn init_log(format: Option<LogFormat>) {
    let filter = EnvFilter::try_from_env("FLASHDEAL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(terminal).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
