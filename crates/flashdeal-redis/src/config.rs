//! Where Redis is and how long to wait for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{ConnectionInfo, IntoConnectionInfo};

use crate::clock::LedgerClock;
use crate::error::ConnectError;

/// How to reach Redis, and the bounds of a call.
///
/// ```
/// use std::time::Duration;
/// use flashdeal_redis::RedisConfig;
///
/// let config = RedisConfig::parse("redis://127.0.0.1:6379")?.with_time_limit(Duration::from_millis(500));
/// # let _ = config;
/// # Ok::<(), flashdeal_redis::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct RedisConfig {
    pub(crate) topology: Topology,
    pub(crate) time_limit: Duration,
    pub(crate) clock: Arc<LedgerClock>,
}

/// What stands behind the URL. The addresses are URLs of single servers.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Topology {
    Standalone(String),
    Cluster(Vec<String>),
    Sentinel {
        sentinels: Vec<String>,
        master: String,
        /// A URL whose scheme, credentials and database are those of the Redis servers; its host is not used.
        node: String,
    },
}

impl RedisConfig {
    /// How long a call may take, if nothing else is said.
    pub const TIME_LIMIT: Duration = Duration::from_secs(1);

    /// Understands these URLs, each with optional `user:password@` before the host:
    ///
    /// - `redis://host:port/db`: one server; `redis+unix:///path` for a socket;
    /// - `redis+cluster://host:port,host:port` (or `redis-cluster://`): a Redis Cluster, by some of its nodes;
    /// - `redis+sentinel://host:port,host:port/master-name` (or `redis-sentinel://`), with `/db` after it if need be: the
    ///   master that the sentinels name. The credentials are those of the master; sentinels are asked without.
    ///
    /// `rediss` in place of `redis` is TLS, with the certificates the system trusts, or those in the PEM file that the environment
    /// variable `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// [`ConnectError::Url`] with the sentence that says what is wrong. Nothing is opened yet.
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        Ok(Self { topology: topology(url)?, time_limit: Self::TIME_LIMIT, clock: Arc::new(LedgerClock::new()) })
    }

    /// How long one call to Redis may take, connecting included, before it is
    /// [unavailable](flashdeal_domain::StoreError::Unavailable).
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// For tests: a clock for the gates that can be moved or stopped. All instances on one Redis must share it.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<LedgerClock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where it leads, without credentials: for the log.
    #[must_use]
    pub fn address(&self) -> String {
        let hosts = |urls: &[String]| -> String {
            let hosts: Vec<_> = urls.iter().map(|url| without_credentials(url)).collect();
            hosts.join(",")
        };
        match &self.topology {
            Topology::Standalone(url) => without_credentials(url).to_owned(),
            Topology::Cluster(nodes) => hosts(nodes),
            Topology::Sentinel { sentinels, master, .. } => format!("{} ({master})", hosts(sentinels)),
        }
    }

    pub(crate) fn encrypts(&self) -> bool {
        let url = match &self.topology {
            Topology::Standalone(url) | Topology::Sentinel { node: url, .. } => Some(url),
            Topology::Cluster(nodes) => nodes.first(),
        };
        url.is_some_and(|url| url.starts_with("rediss"))
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("address", &self.address())
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

fn without_credentials(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

fn topology(url: &str) -> Result<Topology, ConnectError> {
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| wrong("it must begin with redis://, rediss:// or one of their forms"))?;
    let (base, form) = scheme.split_once(['+', '-']).unwrap_or((scheme, ""));
    match (base, form) {
        ("redis" | "rediss", "") | ("redis", "unix") => {
            connection_info(url)?;
            Ok(Topology::Standalone(url.to_owned()))
        }
        ("redis" | "rediss", "cluster") => cluster(base, rest),
        ("redis" | "rediss", "sentinel") => sentinel(base, rest),
        _ => Err(wrong(
            "the scheme must be redis, rediss, redis+unix, redis+cluster, rediss+cluster, redis+sentinel or rediss+sentinel",
        )),
    }
}

fn cluster(base: &str, rest: &str) -> Result<Topology, ConnectError> {
    let (credentials, hosts) = split_credentials(rest);
    let hosts = hosts.split(['/', '?']).next().unwrap_or(hosts);
    let nodes = node_urls(base, credentials, hosts, "")?;
    Ok(Topology::Cluster(nodes))
}

fn sentinel(base: &str, rest: &str) -> Result<Topology, ConnectError> {
    let (credentials, rest) = split_credentials(rest);
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (master, database) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        return Err(wrong("a sentinel URL needs the master's name: redis+sentinel://host:26379/name"));
    }
    let node = format!("{base}://{credentials}localhost/{database}");
    connection_info(&node)?;
    Ok(Topology::Sentinel { sentinels: node_urls(base, "", hosts, "")?, master: master.to_owned(), node })
}

/// `user:password@` with the `@`, or nothing; and what follows.
fn split_credentials(rest: &str) -> (&str, &str) {
    rest.rfind('@').and_then(|at| rest.split_at_checked(at.saturating_add(1))).unwrap_or(("", rest))
}

fn node_urls(base: &str, credentials: &str, hosts: &str, path: &str) -> Result<Vec<String>, ConnectError> {
    hosts
        .split(',')
        .map(|host| {
            if host.is_empty() {
                return Err(wrong("it needs at least one host:port, separated by commas"));
            }
            let url = format!("{base}://{credentials}{host}{path}");
            connection_info(&url)?;
            Ok(url)
        })
        .collect()
}

pub(crate) fn connection_info(url: &str) -> Result<ConnectionInfo, ConnectError> {
    url.into_connection_info().map_err(|error| wrong(&error.to_string()))
}

fn wrong(sentence: &str) -> ConnectError {
    ConnectError::Url(sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Topology {
        RedisConfig::parse(url).unwrap().topology
    }

    #[test]
    fn one_server() {
        for url in ["redis://localhost", "rediss://u:p@h:6380/2", "redis+unix:///run/redis.sock"] {
            assert!(parsed(url) == Topology::Standalone(url.to_owned()), "{url}");
        }
    }

    #[test]
    fn a_cluster_by_its_nodes() {
        let nodes = ["redis://u:p@a:7000", "redis://u:p@[::1]:7001"].map(str::to_owned);
        assert!(parsed("redis+cluster://u:p@a:7000,[::1]:7001") == Topology::Cluster(nodes.to_vec()));
        let tls = Topology::Cluster(vec!["rediss://a:7000".to_owned()]);
        assert!(parsed("rediss-cluster://a:7000/") == tls);
    }

    #[test]
    fn sentinels_and_their_master() {
        let expected = Topology::Sentinel {
            sentinels: vec!["redis://a:26379".to_owned(), "redis://b:26379".to_owned()],
            master: "sale".to_owned(),
            node: "redis://:secret@localhost/3".to_owned(),
        };
        assert!(parsed("redis+sentinel://:secret@a:26379,b:26379/sale/3") == expected);
    }

    #[test]
    fn what_is_not_a_redis_url_is_refused_with_a_sentence() {
        for url in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis+cluster://",
            "redis+cluster://a:1,,b:2",
            "redis+sentinel://a:26379",
            "redis://h:port",
        ] {
            assert!(matches!(RedisConfig::parse(url), Err(ConnectError::Url(_))), "{url}");
        }
    }

    #[test]
    fn credentials_never_reach_the_log() {
        for url in
            ["redis://user:secret@h:1", "redis+cluster://user:secret@h:1,i:2", "redis+sentinel://user:secret@h:1/m"]
        {
            let config = RedisConfig::parse(url).unwrap();
            assert!(!format!("{config:?} {}", config.address()).contains("secret"));
        }
    }
}
