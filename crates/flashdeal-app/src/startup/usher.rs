//! The usher: calls those who wait, in turn, as units come free.

use std::time::Duration;

use flashdeal_domain::{FlashSale, Round};
use tokio::sync::watch;

use super::uuid_low_bits;

/// From one round to the next, and half as much again at most, so that instances do not march in step.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause while a store is down.
const LONGEST: Duration = Duration::from_secs(5);

/// Rounds of the usher until the server is on its way out: a round that has begun is ended, and none begins.
pub(super) async fn call_in_turn(sale: FlashSale, mut draining: watch::Receiver<bool>) {
    let mut last = Round::default();
    let mut pause = PAUSE;
    let mut some_failed = false;
    loop {
        let jitter = pause / 2 * u32::from(uuid_low_bits()) / u32::from(u8::MAX);
        tokio::select! {
            _ = draining.wait_for(|draining| *draining) => return,
            () = tokio::time::sleep(pause + jitter) => {}
        }
        match sale.usher(last).await {
            Ok(round) => {
                if pause > PAUSE {
                    tracing::info!("those who wait are called again");
                }
                pause = PAUSE;
                if round.failed > 0 && !some_failed {
                    tracing::warn!(
                        lines = round.failed,
                        "some who wait cannot be called: their gates cannot be reached"
                    );
                }
                some_failed = round.failed > 0;
                metrics::gauge!("flashdeal_waiting_lists")
                    .set(f64::from(u32::try_from(round.queues).unwrap_or(u32::MAX)));
                last = round;
            }
            Err(error) => {
                // Said once per outage: an outage is long, a log is read.
                if pause == PAUSE {
                    tracing::warn!(%error, "those who wait cannot be called: a store cannot be reached; it goes on trying");
                }
                pause = (pause * 2).min(LONGEST);
                last = Round::default();
            }
        }
    }
}
