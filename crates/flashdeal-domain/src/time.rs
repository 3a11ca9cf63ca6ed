//! Instants and durations, to the millisecond.

use std::fmt;
use std::time::Duration;

use crate::error::Invalid;

/// An instant in UTC, in milliseconds since 1970. Shown as RFC 3339 with milliseconds: `2026-11-22T12:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

/// How long a hold lasts: 1 millisecond to 24 hours; 10 minutes by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTime(Duration);

impl HoldTime {
    /// The longest a hold may last. A gate may forget a product that nobody called for a day, so no hold outlives one.
    pub const MAX: Duration = Duration::from_hours(24);

    /// A hold time.
    ///
    /// # Errors
    /// [`Invalid`] if `duration` is below one millisecond or above [`Self::MAX`].
    pub fn new(duration: Duration) -> Result<Self, Invalid> {
        if duration >= Duration::from_millis(1) && duration <= Self::MAX {
            Ok(Self(duration))
        } else {
            Err(Invalid::new("must be a duration from 1ms to 24h, such as 10m"))
        }
    }

    /// The duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The duration in whole milliseconds.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Default for HoldTime {
    fn default() -> Self {
        Self(Duration::from_mins(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_with_milliseconds_in_utc() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_795_348_800_007).to_string(), "2026-11-22T12:00:00.007Z");
    }
}
