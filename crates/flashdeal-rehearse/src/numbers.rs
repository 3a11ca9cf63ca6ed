//! Numbers to be drawn, read and compared, none of them money.

use std::time::Duration;

/// For charts and shares: exact up to 2^53.
#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a number to be read, not to be counted with")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// A length as the counters have it.
pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// `SplitMix64`: small, quick, the same numbers for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0, which it may be, to 1, which it is not.
    pub(crate) fn fraction(&mut self) -> f64 {
        float(self.next() >> 11) / float(1 << 53)
    }

    /// Either bound and anything between.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        low.saturating_add(u32::try_from(self.next() % span).unwrap_or(0))
    }
}

/// Milliseconds and seconds as people read them.
pub(crate) fn shown(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        0.0..10.0 => format!("{millis:.1} ms"),
        10.0..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
