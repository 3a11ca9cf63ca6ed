//! Calls that are repeated, as every client repeats them.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::reply::Reply;

/// How long the machine may take for whatever is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Repeats a call until it has an answer that is not a 503. Where the call uses `try_send`, a connection that broke is another
/// reason to repeat it.
pub(crate) async fn settled(call: impl AsyncFn() -> anyhow::Result<Reply>) -> Reply {
    let began = Instant::now();
    loop {
        match call().await {
            Ok(reply) if reply.status() != 503 => return reply,
            reply => assert!(began.elapsed() < PATIENCE, "repeating the same request settles it, not {reply:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}
