//! What a setting may be: every text becomes a value, or a fault that says what is allowed.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::middleware::client_ip::TrustedProxies;
use crate::middleware::rate_limit::Budget;

use super::{Mode, RawSettings};

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSettings(pub Vec<String>);

impl std::error::Error for BadSettings {}

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these settings need mending before flashdeal can start:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  - {fault}"))
    }
}

/// The faults found so far.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<String>);

impl Faults {
    /// The value of a setting, or a fault that names it.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(allowed) => {
                self.0.push(format!("{name} is {text:?}: it {allowed}"));
                None
            }
        }
    }

    pub(super) fn mode(&mut self, raw: &RawSettings) -> Option<Mode> {
        let missing = |given, missing| {
            format!(
                "{given} is set but {missing} is not: set both for the distributed mode, or neither for the embedded one"
            )
        };
        match (filled(raw.database_url.as_ref()), filled(raw.redis_url.as_ref())) {
            (None, None) => Some(Mode::Embedded { data_dir: raw.data_dir.clone() }),
            (Some(database_url), Some(redis_url)) => {
                let schemes = [
                    ("--database-url / DATABASE_URL", database_url, &["postgres://", "postgresql://"][..]),
                    (
                        "--redis-url / REDIS_URL",
                        redis_url,
                        &["redis://", "rediss://", "redis+", "rediss+", "redis-", "rediss-"][..],
                    ),
                ];
                let mut sound = true;
                for (name, url, schemes) in schemes {
                    if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
                        // The value may hold a password, so it is not shown.
                        self.0.push(format!("{name} must begin with {}", schemes.join(" or ")));
                        sound = false;
                    }
                }
                sound.then(|| Mode::Distributed {
                    database_url: database_url.to_owned(),
                    redis_url: redis_url.to_owned(),
                })
            }
            (Some(_), None) => {
                self.0.push(missing("--database-url / DATABASE_URL", "--redis-url / REDIS_URL"));
                None
            }
            (None, Some(_)) => {
                self.0.push(missing("--redis-url / REDIS_URL", "--database-url / DATABASE_URL"));
                None
            }
        }
    }
}

/// A variable set to nothing counts as not set.
pub(super) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

pub(super) fn parse_bind(text: &str) -> Result<SocketAddr, &'static str> {
    let named = || text.strip_prefix("localhost:").and_then(|port| format!("127.0.0.1:{port}").parse().ok());
    text.parse().ok().or_else(named).ok_or("must be an address and a port, such as 127.0.0.1:8080 or [::]:8080")
}

pub(super) fn parse_workers(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().ok().filter(|workers: &NonZeroUsize| workers.get() <= 1024).ok_or("must be a number from 1 to 1024")
}

pub(crate) fn parse_budget(text: &str) -> Result<Option<Budget>, &'static str> {
    const ALLOWED: &str = "must be requests per window, such as 100/15m, with a window from 1s to 24h, or off";
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let (requests, window) = text.split_once('/').ok_or(ALLOWED)?;
    let requests: NonZeroU32 = requests.trim().parse().map_err(|_| ALLOWED)?;
    let allowed = Duration::from_secs(1)..=Duration::from_hours(24);
    let window = parse_duration(window).filter(|window| allowed.contains(window)).ok_or(ALLOWED)?;
    Ok(Some(Budget { requests, window }))
}

pub(crate) fn parse_proxies(text: &str) -> Result<TrustedProxies, &'static str> {
    const ALLOWED: &str = "must be addresses or CIDRs, comma-separated, such as 10.0.0.0/8,2001:db8::/32";
    let one = |text: &str| text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from));
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(one).collect::<Option<Vec<_>>>().map(TrustedProxies::new).ok_or(ALLOWED)
}

/// `500ms`, `2s`, `15m`, `1h 30m`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let span: jiff::SignedDuration = text.trim().parse().ok()?;
    Duration::try_from(span).ok()
}
