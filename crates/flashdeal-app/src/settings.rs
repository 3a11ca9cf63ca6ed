//! Settings: flags, each also an environment variable; a `.env` file is read first. All faults are told at once.

mod auth;
mod flags;
mod judging;
mod origins;
mod webhooks;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use flashdeal_domain::HoldTime;

use judging::{Faults, filled, parse_bind, parse_workers};

pub use crate::access::{Algorithm, BadKey, KeySource, Keys, Role};
pub use crate::middleware::client_ip::TrustedProxies;
pub use crate::middleware::cors::Origins;
pub use crate::middleware::rate_limit::Budget;
pub use crate::webhooks::Webhooks;
pub use auth::Auth;
pub use flags::RawSettings;
pub use judging::BadSettings;
pub(crate) use judging::{parse_budget, parse_duration, parse_proxies};
#[cfg(any(test, fuzzing))]
pub(crate) use origins::parse_origins;
pub use webhooks::{parse_endpoints, parse_webhooks};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// Where the stores are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// One file in this folder.
    Embedded {
        /// The folder.
        data_dir: PathBuf,
    },
    /// PostgreSQL and Redis.
    Distributed {
        /// The record.
        database_url: String,
        /// The gate.
        redis_url: String,
    },
}

/// Settings that can be used as they are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub bind: SocketAddr,
    /// Where the stores are.
    pub mode: Mode,
    /// How long a hold lasts.
    pub hold_time: HoldTime,
    /// The rate limit, or none.
    pub budget: Option<Budget>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Whose pages may call the API.
    pub cors_origins: Origins,
    /// HTTP worker threads.
    pub workers: NonZeroUsize,
    /// How long a request may wait for the stores.
    pub request_deadline: Duration,
    /// Who may do what.
    pub auth: Auth,
    /// To whom sold orders are told; `None`: to nobody.
    pub webhooks: Option<Webhooks>,
    /// How log lines look; `None`: as fits where they go.
    pub log_format: Option<LogFormat>,
}

impl Settings {
    /// Judges all of the settings before anything is opened.
    ///
    /// # Errors
    /// [`BadSettings`] with every fault there is.
    pub fn parse(raw: &RawSettings) -> Result<Self, BadSettings> {
        let mut faults = Faults::default();
        let bind = faults.take("--bind / FLASHDEAL_BIND", &raw.bind, parse_bind);
        let mode = faults.mode(raw);
        let hold_time = faults.take("--reservation-ttl / FLASHDEAL_RESERVATION_TTL", &raw.reservation_ttl, |text| {
            parse_duration(text)
                .and_then(|duration| HoldTime::new(duration).ok())
                .ok_or("must be a duration from 1ms to 24h, such as 10m")
        });
        let budget = faults.take("--rate-limit / FLASHDEAL_RATE_LIMIT", &raw.rate_limit, parse_budget);
        let proxies = faults.take("--trusted-proxies / FLASHDEAL_TRUSTED_PROXIES", &raw.trusted_proxies, parse_proxies);
        let workers = match filled(raw.workers.as_ref()) {
            Some(text) => faults.take("--workers / FLASHDEAL_WORKERS", text, parse_workers),
            None => Some(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
        };
        let deadline = faults.take("--request-deadline / FLASHDEAL_REQUEST_DEADLINE", &raw.request_deadline, |text| {
            let allowed = Duration::from_millis(100)..=Duration::from_mins(1);
            parse_duration(text)
                .filter(|deadline| allowed.contains(deadline))
                .ok_or("must be a duration from 100ms to 60s, such as 2s")
        });
        let auth = faults.auth(raw, bind);
        let origins = faults.origins(raw, auth.as_ref());
        let webhooks = faults.webhooks(raw);
        let log_format = match filled(raw.log_format.as_ref()) {
            Some(text) => faults.take("--log-format / FLASHDEAL_LOG_FORMAT", text, |text| {
                LogFormat::from_str(text, true).map(Some).map_err(|_| "must be text or json")
            }),
            None => Some(None),
        };
        match (bind, mode, hold_time, budget, proxies, origins, workers, deadline, auth, webhooks, log_format) {
            (
                Some(bind),
                Some(mode),
                Some(hold_time),
                Some(budget),
                Some(trusted_proxies),
                Some(cors_origins),
                Some(workers),
                Some(deadline),
                Some(auth),
                Some(webhooks),
                Some(log_format),
            ) => Ok(Self {
                bind,
                mode,
                hold_time,
                budget,
                trusted_proxies,
                cors_origins,
                workers,
                request_deadline: deadline,
                auth,
                webhooks,
                log_format,
            }),
            _ => Err(BadSettings(faults.0)),
        }
    }

    /// What is hardly meant so, a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let usual = self.budget.is_some_and(|budget| Ok(Some(budget)) == parse_budget(RawSettings::USUAL_BUDGET));
        let programs = matches!(self.auth, Auth::Keys(_)) && self.trusted_proxies.is_none();
        let cut_off = format!(
            "FLASHDEAL_AUTH=keys is for programs of the shop, and each address has {} requests: a backend is cut off after them. \
             Set FLASHDEAL_RATE_LIMIT to what it needs, or off",
            RawSettings::USUAL_BUDGET
        );
        (usual && programs).then_some(cut_off).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawSettings {
        RawSettings {
            bind: "127.0.0.1:0".to_owned(),
            data_dir: "./data".into(),
            reservation_ttl: "10m".to_owned(),
            rate_limit: "100/15m".to_owned(),
            auth: "none".to_owned(),
            request_deadline: "2s".to_owned(),
            ..RawSettings::default()
        }
    }

    fn locked(settings: RawSettings) -> RawSettings {
        RawSettings {
            auth: "jwt".to_owned(),
            jwt_algorithm: Some("HS256".to_owned()),
            jwt_audience: Some("shop".to_owned()),
            jwt_secret: Some("0123456789abcdef0123456789abcdef".to_owned()),
            ..settings
        }
    }

    #[test]
    fn the_defaults_are_sound() {
        let settings = Settings::parse(&raw()).unwrap();
        assert_eq!(settings.hold_time, HoldTime::default());
        let budget = settings.budget.unwrap();
        assert_eq!((budget.requests.get(), budget.window), (100, Duration::from_mins(15)));
        assert!(matches!(settings.mode, Mode::Embedded { .. }));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let bad = RawSettings {
            bind: "nowhere".to_owned(),
            database_url: Some("postgres://u:passw0rd@h/d".to_owned()),
            reservation_ttl: "-5m".to_owned(),
            rate_limit: "0/15m".to_owned(),
            trusted_proxies: "10.0.0.0/33".to_owned(),
            cors_origins: "https://shop.example/deals".to_owned(),
            workers: Some("0".to_owned()),
            request_deadline: "1h".to_owned(),
            webhook_url: "ftp://shop.example".to_owned(),
            webhook_secret: Some("passw0rd".to_owned()),
            log_format: Some("xml".to_owned()),
            ..raw()
        };
        let faults = Settings::parse(&bad).unwrap_err();
        assert_eq!(faults.0.len(), 11, "{faults}");
        assert!(faults.to_string().contains("REDIS_URL") && !faults.to_string().contains("passw0rd"));
    }

    #[test]
    fn blank_variables_count_as_unset_and_one_url_alone_is_refused() {
        let blank = Some(String::new());
        let settings = RawSettings { database_url: blank.clone(), redis_url: blank, ..raw() };
        assert!(matches!(Settings::parse(&settings).unwrap().mode, Mode::Embedded { .. }));
        let alone = RawSettings { redis_url: Some("redis://h".to_owned()), ..raw() };
        assert!(Settings::parse(&alone).unwrap_err().to_string().contains("DATABASE_URL"));
    }

    #[test]
    fn an_open_door_needs_an_explicit_word() {
        let open = RawSettings { bind: "0.0.0.0:8080".to_owned(), ..raw() };
        assert!(Settings::parse(&open).unwrap_err().to_string().contains("--insecure-no-auth"));
        assert!(Settings::parse(&RawSettings { insecure_no_auth: true, ..open.clone() }).is_ok());
        let locked = locked(open);
        assert!(matches!(Settings::parse(&locked).unwrap().auth, Auth::Jwt { .. }));
        let two_keys = RawSettings { jwt_key_file: Some("key.pem".into()), ..locked.clone() };
        assert!(Settings::parse(&two_keys).is_err());
        let none = RawSettings { jwt_algorithm: Some("none".to_owned()), ..locked };
        assert!(Settings::parse(&none).is_err());
    }

    #[test]
    fn keys_are_asked_for_or_not_there() {
        let key = || Some("0123456789abcdef01234567".to_owned());
        let keys = |auth: &str| RawSettings { auth: auth.to_owned(), admin_keys: key(), ..raw() };
        assert!(matches!(Settings::parse(&keys("keys")).unwrap().auth, Auth::Keys(_)));
        let both = RawSettings { admin_keys: key(), ..locked(raw()) };
        assert!(matches!(Settings::parse(&both).unwrap().auth, Auth::Jwt { keys, .. } if !keys.is_empty()));
        // Somebody who has keys believes that the door is locked.
        assert!(Settings::parse(&keys("none")).unwrap_err().to_string().contains("FLASHDEAL_AUTH=keys"));
        let without = RawSettings { admin_keys: None, ..keys("keys") };
        assert!(Settings::parse(&without).unwrap_err().to_string().contains("FLASHDEAL_ADMIN_KEYS"));
        let bad = RawSettings { shop_keys: key(), read_keys: Some("short".to_owned()), ..keys("keys") };
        let faults = Settings::parse(&bad).unwrap_err();
        assert_eq!(faults.0.len(), 2, "{faults}");
        assert!(!faults.to_string().contains("0123456789") && !faults.to_string().contains("short"), "{faults}");
    }

    #[test]
    fn programs_that_have_the_budget_of_a_buyer_are_warned_of() {
        let keys =
            RawSettings { auth: "keys".to_owned(), shop_keys: Some("0123456789abcdef01234567".to_owned()), ..raw() };
        let warned = |raw: RawSettings| Settings::parse(&raw).unwrap().warnings().len();
        assert_eq!(warned(keys.clone()), 1);
        for meant in ["off", "101/15m", "100/1m"] {
            assert_eq!(warned(RawSettings { rate_limit: meant.to_owned(), ..keys.clone() }), 0, "{meant}");
        }
        assert_eq!(warned(RawSettings { trusted_proxies: "10.0.0.0/8".to_owned(), ..keys }), 0);
        assert_eq!(warned(raw()), 0);
        assert_eq!(warned(locked(raw())), 0);
    }

    #[test]
    fn pages_of_anybody_need_a_lock_or_an_explicit_word() {
        assert_eq!(Settings::parse(&raw()).unwrap().cors_origins, Origins::Own);
        let any = RawSettings { cors_origins: " * ".to_owned(), ..raw() };
        assert!(Settings::parse(&any).unwrap_err().to_string().contains("--cors-origins is *"));
        let open = RawSettings { insecure_no_auth: true, ..any.clone() };
        assert_eq!(Settings::parse(&open).unwrap().cors_origins, Origins::Any);
        assert_eq!(Settings::parse(&locked(any)).unwrap().cors_origins, Origins::Any);
    }

    #[test]
    fn durations_and_budgets_read_as_people_write_them() {
        for (text, ms) in
            [("10m", 600_000), ("90s", 90_000), ("250ms", 250), ("1h 30m", 5_400_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(parse_budget("off"), Ok(None));
        for bad in ["", "100", "100/", "/15m", "100/0s", "-1/1m", "4294967296/1m", "100/2d"] {
            assert!(parse_budget(bad).is_err(), "{bad}");
        }
        assert!(parse_proxies("10.0.0.0/8, 192.0.2.7,2001:db8::/32").is_ok());
    }
}
