//! `flashdeal webhooks test`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use flashdeal_app::environment::{RandomIds, SystemClock};
use flashdeal_app::settings::parse_webhooks;
use flashdeal_app::webhooks::{Event, Sender};
use flashdeal_domain::ports::{Clock, IdSource};

use super::Urls;

/// Send a signed event of the type `ping` to each endpoint, and say what came of it.
///
/// It needs no store and no running server, and changes nothing. An endpoint is to check the signature and answer 2xx.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    urls: Urls,

    /// What they are signed with: `whsec_` and 24 to 64 random bytes in base64.
    #[arg(long, env = "FLASHDEAL_WEBHOOK_SECRET", value_name = "SECRET", hide_env_values = true)]
    webhook_secret: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal webhooks test
  FLASHDEAL_WEBHOOK_SECRET=whsec_… flashdeal webhooks test --webhook-url https://shop.example/hooks

Exit status: 0 all of them took it, 1 one did not, or the settings cannot be used.";

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let secret = arguments.webhook_secret.as_deref();
    let webhooks = parse_webhooks(&arguments.urls.webhook_url, secret)?;
    let webhooks = webhooks.context("there are no webhooks: give --webhook-url / FLASHDEAL_WEBHOOK_URL")?;
    let sender = Sender::new(webhooks.secret, Arc::new(SystemClock)).context("cannot set up the client of webhooks")?;
    let mut taken_by_all = true;
    for endpoint in &webhooks.endpoints {
        let event = Event::ping(RandomIds.next_id(), SystemClock.now())?;
        let sent = sender.send(endpoint, &event).await;
        let (took, name) = (sent.took.as_millis(), endpoint.name());
        let line = match sent.taken {
            Ok(status) => format!("{name}: taken, answered {status} in {took} ms\n"),
            Err(failure) => {
                taken_by_all = false;
                format!("{name}: not taken, {} ({took} ms)\n", failure.why)
            }
        };
        crate::commands::print(line.as_bytes())?;
    }
    Ok(if taken_by_all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
