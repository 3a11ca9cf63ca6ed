//! The log, and (with the feature `otlp`) spans: what happened, and on behalf of which request.

mod format;
pub(crate) mod mark;
#[cfg(feature = "otlp")]
pub mod otlp;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Format;

use crate::settings::LogFormat;
use format::Marked;

/// What is logged unless `FLASHDEAL_LOG` says otherwise. The framework calls it an error when a caller's request is none.
const LOGGED: &str = "info,actix_http::h1=off";

/// Sets up the log of this process, on standard error. `FLASHDEAL_LOG` says how much; `None` is text on a terminal, else JSON.
///
/// # Panics
/// If the process has a log already.
pub fn init_log(format: Option<LogFormat>) {
    let filter = EnvFilter::try_from_env("FLASHDEAL_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.event_format(Marked::text(Format::default().with_ansi(terminal))).init(),
        LogFormat::Json => {
            let lines = Format::default().json().flatten_event(true);
            log.json().event_format(Marked::json(lines)).init();
        }
    }
}
