//! How far behind the endpoints are: gauges that every instance has, whichever delivers.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::OrderFeed;
use flashdeal_domain::ports::Reader;
use tokio::sync::watch;
use tokio::time::timeout;

/// From one look to the next.
const PERIOD: Duration = Duration::from_secs(5);

/// Looks at these readers until the server stops.
pub(super) async fn look_at_readers(feed: Arc<dyn OrderFeed>, readers: Vec<Reader>, mut stop: watch::Receiver<bool>) {
    // Ends when it is told to, and when nobody is left who could tell.
    while timeout(PERIOD, stop.wait_for(|stop| *stop)).await.is_err() {
        // What cannot be seen stays as it was, and is said to be unknown; the deliveries say what is wrong.
        let standings = feed.standings(Some(&readers)).await.unwrap_or_default();
        for reader in &readers {
            let (endpoint, standing) =
                (reader.to_string(), standings.iter().find(|standing| standing.reader == *reader));
            let unknown = u8::from(standing.is_none());
            metrics::gauge!("flashdeal_webhook_unknown", "endpoint" => endpoint.clone()).set(unknown);
            if let Some(standing) = standing {
                let oldest = standing.oldest.unwrap_or_default();
                metrics::gauge!("flashdeal_webhook_waiting_orders", "endpoint" => endpoint.clone())
                    .set(standing.waiting);
                metrics::gauge!("flashdeal_webhook_waiting_seconds", "endpoint" => endpoint).set(oldest);
            }
        }
    }
}
