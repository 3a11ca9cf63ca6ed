//! The one place that asks for the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, for durations.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures the time there is")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a report says when it was made, and deadlines are compared with it")]
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
