//! `flashdeal serve`, which is also what `flashdeal` alone does.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use flashdeal_app::settings::{RawSettings, Settings};
use flashdeal_app::startup::{Environment, Running, start};
use flashdeal_app::telemetry::init_log;

/// Serve the API, the deal board and the docs until a signal ends it. What flashdeal does without a command.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) settings: RawSettings,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal serve
  flashdeal serve --bind 127.0.0.1:0          a free port; the log says which
  flashdeal serve --reservation-ttl 2m --rate-limit off
  flashdeal serve --bind 0.0.0.0:8080 \\
      --auth jwt --jwt-algorithm EdDSA --jwt-audience shop \\
      --jwt-key-file key.pem
  FLASHDEAL_WEBHOOK_SECRET=whsec_… \\
      flashdeal serve --webhook-url https://shop.example/hooks
                                              sold orders are pushed there

SIGTERM and SIGINT end it: no new requests, the ones under way may finish, within ten seconds. With SIGTERM \
/health/ready says 503 for two seconds before that, so that a balancer looks elsewhere first.
Exit status: 0 ended by a signal, 1 could not go on, 2 settings that cannot be used.";

pub(super) fn run(raw: &RawSettings, warning: Option<String>) -> ExitCode {
    let settings = match Settings::parse(raw) {
        Ok(settings) => settings,
        Err(faults) => {
            eprintln!("flashdeal: {faults}\n\nflashdeal --help tells what each of them is for.");
            return ExitCode::from(2);
        }
    };
    init_log(settings.log_format);
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    match with_spans(|| serve(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Sends spans to a collector meanwhile, if one is named.
#[cfg(feature = "otlp")]
fn with_spans(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let spans = flashdeal_app::telemetry::otlp::Spans::start()?;
    let done = work();
    if let Some(spans) = spans {
        spans.stop();
    }
    done
}

/// There is nothing in this build that could send them.
#[cfg(not(feature = "otlp"))]
fn with_spans(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
        tracing::warn!("OTEL_EXPORTER_OTLP_ENDPOINT is set, but this build sends no spans: build with --features otlp");
    }
    work()
}

fn serve(settings: &Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let running = start(settings, Environment::default()).await?;
        announce(&running);
        let signal = signals.recv().await;
        tracing::info!("stopping: not ready any more, the requests under way may finish");
        running.drain();
        if signal == Signal::Terminate {
            // A second signal, or somebody at the keyboard, does not wait for balancers.
            let _ = tokio::time::timeout(NOTICE, signals.recv()).await;
        }
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

/// How long a server that is told to end says that it is not ready and serves all the same: so long a balancer may take to look
/// elsewhere. Without it, those who connect at that moment are refused.
const NOTICE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Terminate,
    Interrupt,
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

    async fn recv(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}
