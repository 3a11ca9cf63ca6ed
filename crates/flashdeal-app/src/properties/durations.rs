//! Durations and budgets, and the settings that are made of them.

use std::time::Duration;

use flashdeal_domain::HoldTime;

use crate::settings::{RawSettings, Settings, parse_budget, parse_duration};

use super::{lines, text};

/// What is taken is within its bounds, and means the same when it is written out again. What is not is told without being
/// shown where it may be a secret.
pub(super) fn durations(data: &[u8]) {
    let ([first, second, third], rest) = lines(data);
    let (duration, budget, deadline) = (text(first), text(second), text(third));
    if let Some(parsed) = parse_duration(duration) {
        assert_eq!(parse_duration(&written(parsed)), Some(parsed), "{duration:?} is {parsed:?}");
    }
    if let Ok(Some(parsed)) = parse_budget(budget) {
        assert!((Duration::from_secs(1)..=Duration::from_hours(24)).contains(&parsed.window), "{budget:?}");
        let again = format!("{}/{}", parsed.requests, written(parsed.window));
        assert_eq!(parse_budget(&again), Ok(Some(parsed)), "{budget:?}");
    }
    settings(duration, budget, deadline, text(rest));
}

fn written(duration: Duration) -> String {
    format!("{}s {}ns", duration.as_secs(), duration.subsec_nanos())
}

fn settings(duration: &str, budget: &str, deadline: &str, url: &str) {
    let raw = RawSettings {
        bind: "127.0.0.1:0".to_owned(),
        reservation_ttl: duration.to_owned(),
        rate_limit: budget.to_owned(),
        request_deadline: deadline.to_owned(),
        database_url: Some(format!("{url}secret")),
        redis_url: Some(format!("{url}secret")),
        ..RawSettings::default()
    };
    match Settings::parse(&raw) {
        Ok(settings) => {
            assert!(
                (1..=HoldTime::MAX.as_millis()).contains(&u128::try_from(settings.hold_time.as_millis()).unwrap_or(0))
            );
            assert!((Duration::from_millis(100)..=Duration::from_mins(1)).contains(&settings.request_deadline));
        }
        Err(faults) => {
            assert!(!faults.0.is_empty());
            let secret = format!("{url}secret");
            // The other settings are shown, and may have anything in them, also by the way in which they are shown.
            let shown_by_others = [duration, budget, deadline].iter().any(|text| format!("{text:?}").contains(&secret));
            assert!(shown_by_others || !faults.to_string().contains(&secret), "{faults}");
        }
    }
}
