//! Settings: flags, each also an environment variable; a `.env` file is read first. All faults are told at once.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use flashdeal_domain::HoldTime;

pub use crate::access::{Algorithm, KeySource};
pub use crate::middleware::client_ip::TrustedProxies;
pub use crate::middleware::rate_limit::Budget;

/// The flags as they were written. [`Settings::parse`] judges them.
#[derive(Debug, Clone, Default, Args)]
pub struct RawSettings {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(long, env = "FLASHDEAL_BIND", value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    pub bind: String,

    /// PostgreSQL, the permanent record: `postgres://user:password@host/database`. Needs --redis-url too.
    #[arg(long, help_heading = "Stores", env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Redis, the gate: `redis://host:port`. Needs --database-url too.
    #[arg(long, help_heading = "Stores", env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// Where the embedded mode keeps its file.
    #[arg(long, help_heading = "Stores", env = "FLASHDEAL_DATA_DIR", value_name = "FOLDER", default_value = "./data")]
    pub data_dir: PathBuf,

    /// How long a reservation lasts: 1ms to 24h.
    #[arg(long, env = "FLASHDEAL_RESERVATION_TTL", value_name = "DURATION", default_value = "10m")]
    pub reservation_ttl: String,

    /// Requests per window and client over /api: 100/15m, 20/1s, or off.
    #[arg(long, env = "FLASHDEAL_RATE_LIMIT", value_name = "N/DURATION", default_value = "100/15m")]
    pub rate_limit: String,

    /// Proxies whose X-Forwarded-For is believed, comma-separated: 10.0.0.0/8,192.0.2.7
    #[arg(long, env = "FLASHDEAL_TRUSTED_PROXIES", value_name = "CIDRS", default_value = "")]
    pub trusted_proxies: String,

    /// HTTP worker threads; one per core by default.
    #[arg(long, env = "FLASHDEAL_WORKERS", value_name = "N")]
    pub workers: Option<String>,

    /// How long a request may wait for the stores before it is answered 503: 100ms to 60s.
    #[arg(long, env = "FLASHDEAL_REQUEST_DEADLINE", value_name = "DURATION", default_value = "2s")]
    pub request_deadline: String,

    /// Who may do what: none (anyone is who they say; loopback binds only) or jwt (the token's sub is the user).
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_AUTH", value_name = "MODE", default_value = "none")]
    pub auth: String,

    /// Serve without authentication on an address that is not loopback; for a network that only a balancer can reach.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_INSECURE_NO_AUTH", action = clap::ArgAction::SetTrue, value_parser = clap::builder::FalseyValueParser::new())]
    pub insecure_no_auth: bool,

    /// With jwt: the one algorithm tokens are signed with: HS256, RS256, ES256 or `EdDSA`.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_JWT_ALGORITHM", value_name = "ALG")]
    pub jwt_algorithm: Option<String>,

    /// With jwt: the audience (aud) a token must be for.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_JWT_AUDIENCE", value_name = "AUD")]
    pub jwt_audience: Option<String>,

    /// With HS256: the shared secret, at least 32 bytes. Better in a file: --jwt-key-file.
    #[arg(
        long,
        help_heading = "Who may do what",
        env = "FLASHDEAL_JWT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub jwt_secret: Option<String>,

    /// With jwt: a file with the HS256 secret, or with the public key in PEM.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_JWT_KEY_FILE", value_name = "FILE")]
    pub jwt_key_file: Option<PathBuf>,

    /// With jwt: a file with a JSON Web Key Set; the token's kid chooses the key.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_JWT_JWKS_FILE", value_name = "FILE")]
    pub jwt_jwks_file: Option<PathBuf>,

    /// text or json; text on a terminal, else json.
    #[arg(long, env = "FLASHDEAL_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

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

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Everyone is who they say.
    None,
    /// A token says who one is.
    Jwt {
        /// The one algorithm.
        algorithm: Algorithm,
        /// Where the key is.
        key: KeySource,
        /// The `aud` a token must be for.
        audience: String,
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
    /// HTTP worker threads.
    pub workers: NonZeroUsize,
    /// How long a request may wait for the stores.
    pub request_deadline: Duration,
    /// Who may do what.
    pub auth: Auth,
    /// How log lines look; `None`: as fits where they go.
    pub log_format: Option<LogFormat>,
}

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

impl Settings {
    /// Judges all of the settings before anything is opened.
    ///
    /// # Errors
    /// [`BadSettings`] with every fault there is.
    pub fn parse(raw: &RawSettings) -> Result<Self, BadSettings> {
        let mut faults = Faults(Vec::new());
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
        let log_format = match filled(raw.log_format.as_ref()) {
            Some(text) => faults.take("--log-format / FLASHDEAL_LOG_FORMAT", text, |text| {
                LogFormat::from_str(text, true).map(Some).map_err(|_| "must be text or json")
            }),
            None => Some(None),
        };
        match (bind, mode, hold_time, budget, proxies, workers, deadline, auth, log_format) {
            (
                Some(bind),
                Some(mode),
                Some(hold_time),
                Some(budget),
                Some(trusted_proxies),
                Some(workers),
                Some(deadline),
                Some(auth),
                Some(log_format),
            ) => Ok(Self {
                bind,
                mode,
                hold_time,
                budget,
                trusted_proxies,
                workers,
                request_deadline: deadline,
                auth,
                log_format,
            }),
            _ => Err(BadSettings(faults.0)),
        }
    }
}

struct Faults(Vec<String>);

impl Faults {
    fn take<T>(&mut self, name: &str, text: &str, parse: impl Fn(&str) -> Result<T, &'static str>) -> Option<T> {
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(allowed) => {
                self.0.push(format!("{name} is {text:?}: it {allowed}"));
                None
            }
        }
    }

    fn auth(&mut self, raw: &RawSettings, bind: Option<SocketAddr>) -> Option<Auth> {
        match raw.auth.trim().to_ascii_lowercase().as_str() {
            "" | "none" => {
                let exposed = bind.is_some_and(|bind| !bind.ip().is_loopback());
                if exposed && !raw.insecure_no_auth {
                    self.0.push(
                        "--bind is reachable from other machines while --auth is none: set FLASHDEAL_AUTH=jwt, or pass \
                         --insecure-no-auth (FLASHDEAL_INSECURE_NO_AUTH=true) if only a proxy of yours can reach it"
                            .to_owned(),
                    );
                    return None;
                }
                Some(Auth::None)
            }
            "jwt" => self.jwt(raw),
            _ => {
                self.0.push(format!("--auth / FLASHDEAL_AUTH is {:?}: it must be none or jwt", raw.auth));
                None
            }
        }
    }

    fn jwt(&mut self, raw: &RawSettings) -> Option<Auth> {
        let algorithm = filled(raw.jwt_algorithm.as_ref()).unwrap_or("");
        let algorithm = self.take("--jwt-algorithm / FLASHDEAL_JWT_ALGORITHM", algorithm, |text| match text {
            "HS256" => Ok(Algorithm::Hs256),
            "RS256" => Ok(Algorithm::Rs256),
            "ES256" => Ok(Algorithm::Es256),
            "EdDSA" => Ok(Algorithm::EdDsa),
            _ => Err("must be HS256, RS256, ES256 or EdDSA"),
        });
        let audience = filled(raw.jwt_audience.as_ref()).map(str::to_owned);
        if audience.is_none() {
            self.0.push("--jwt-audience / FLASHDEAL_JWT_AUDIENCE is required with --auth jwt".to_owned());
        }
        let sources = [
            filled(raw.jwt_secret.as_ref()).map(|secret| KeySource::Secret(secret.to_owned())),
            raw.jwt_key_file.clone().map(KeySource::File),
            raw.jwt_jwks_file.clone().map(KeySource::Jwks),
        ];
        let mut sources = sources.into_iter().flatten();
        let key = match (sources.next(), sources.next()) {
            (Some(KeySource::Secret(_)), None) if !matches!(algorithm, None | Some(Algorithm::Hs256)) => {
                self.0.push("--jwt-secret / FLASHDEAL_JWT_SECRET goes with HS256 only: use --jwt-key-file".to_owned());
                None
            }
            (Some(key), None) => Some(key),
            _ => {
                self.0.push(
                    "give exactly one of --jwt-secret, --jwt-key-file, --jwt-jwks-file with --auth jwt".to_owned(),
                );
                None
            }
        };
        Some(Auth::Jwt { algorithm: algorithm?, key: key?, audience: audience? })
    }

    fn mode(&mut self, raw: &RawSettings) -> Option<Mode> {
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
fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn parse_bind(text: &str) -> Result<SocketAddr, &'static str> {
    let named = || text.strip_prefix("localhost:").and_then(|port| format!("127.0.0.1:{port}").parse().ok());
    text.parse().ok().or_else(named).ok_or("must be an address and a port, such as 127.0.0.1:8080 or [::]:8080")
}

fn parse_workers(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().ok().filter(|workers: &NonZeroUsize| workers.get() <= 1024).ok_or("must be a number from 1 to 1024")
}

fn parse_budget(text: &str) -> Result<Option<Budget>, &'static str> {
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

fn parse_proxies(text: &str) -> Result<TrustedProxies, &'static str> {
    const ALLOWED: &str = "must be addresses or CIDRs, comma-separated, such as 10.0.0.0/8,2001:db8::/32";
    let one = |text: &str| text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from));
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(one).collect::<Option<Vec<_>>>().map(TrustedProxies::new).ok_or(ALLOWED)
}

/// `500ms`, `2s`, `15m`, `1h 30m`.
fn parse_duration(text: &str) -> Option<Duration> {
    let span: jiff::SignedDuration = text.trim().parse().ok()?;
    Duration::try_from(span).ok()
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
            database_url: Some("postgres://u:secret@h/d".to_owned()),
            reservation_ttl: "-5m".to_owned(),
            rate_limit: "0/15m".to_owned(),
            trusted_proxies: "10.0.0.0/33".to_owned(),
            workers: Some("0".to_owned()),
            request_deadline: "1h".to_owned(),
            log_format: Some("xml".to_owned()),
            ..raw()
        };
        let faults = Settings::parse(&bad).unwrap_err();
        assert_eq!(faults.0.len(), 8, "{faults}");
        assert!(faults.to_string().contains("REDIS_URL") && !faults.to_string().contains("secret"));
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
        let locked = RawSettings {
            auth: "jwt".to_owned(),
            jwt_algorithm: Some("HS256".to_owned()),
            jwt_audience: Some("shop".to_owned()),
            jwt_secret: Some("0123456789abcdef0123456789abcdef".to_owned()),
            ..open
        };
        assert!(matches!(Settings::parse(&locked).unwrap().auth, Auth::Jwt { .. }));
        let two_keys = RawSettings { jwt_key_file: Some("key.pem".into()), ..locked.clone() };
        assert!(Settings::parse(&two_keys).is_err());
        let none = RawSettings { jwt_algorithm: Some("none".to_owned()), ..locked };
        assert!(Settings::parse(&none).is_err());
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
