//! A private Redis server.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{sleep, timeout};

use crate::certificates::Certificates;
use crate::resp::{self, Reply};
use crate::supervised::Supervised;
use crate::{port, programs};

/// How long a start may take, loading what was saved included.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a replica may take to catch up, and the pause between two looks at whether it has.
const COPY_LIMIT: Duration = Duration::from_secs(30);
const COPY_POLL: Duration = Duration::from_millis(10);
/// How often a start is tried, each time on another port, in case somebody else took the port in between.
const START_ATTEMPTS: u32 = 3;

/// When Redis writes to its append-only file what it acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Persistence {
    /// Never: a restart begins empty.
    #[default]
    None,
    /// To the file at once, to the disk when the kernel likes (`appendfsync no`).
    KernelDecides,
    /// To the disk once a second (`appendfsync everysec`).
    EverySecond,
    /// To the disk before it answers (`appendfsync always`): what the promises of the protocol stand on.
    Always,
}

/// How a private server is set up.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// What survives a restart; nothing by default.
    pub persistence: Persistence,
    /// The server it copies, by TLS if it has certificates itself.
    pub replica_of: Option<SocketAddr>,
    /// Whether it is a node of a cluster; see [`RedisCluster`](crate::cluster::RedisCluster).
    pub cluster: bool,
    /// With these it listens for TLS too, and a node of a cluster speaks TLS with the others.
    pub tls: Option<Arc<Certificates>>,
    /// More settings by name, as in `redis.conf`.
    pub settings: Vec<(String, String)>,
}

/// A Redis server of one's own, on a loopback port, without password and with `noeviction`. Dropping it ends it and removes its
/// data. It starts in some 50 ms, so each test has one.
#[derive(Debug)]
pub struct PrivateRedis {
    supervised: Supervised,
    options: RedisOptions,
    addr: SocketAddr,
    tls_addr: SocketAddr,
    cluster_bus: SocketAddr,
}

impl PrivateRedis {
    /// Starts a new server.
    ///
    /// # Errors
    ///
    /// When Redis is not installed or does not start.
    pub async fn start(options: RedisOptions) -> Result<Self> {
        let (addr, tls_addr, cluster_bus) = (port::free()?, port::free()?, port::free()?);
        let mut server = Self { supervised: Supervised::new("redis")?, options, addr, tls_addr, cluster_bus };
        for _ in 1..START_ATTEMPTS {
            match server.restart().await {
                Ok(()) => return Ok(server),
                Err(_) if server.pid().is_none() => {
                    server.addr = port::free()?;
                    server.tls_addr = port::free()?;
                    server.cluster_bus = port::free()?;
                }
                Err(error) => return Err(error),
            }
        }
        server.restart().await?;
        Ok(server)
    }

    /// Where it listens. It stays the same over restarts.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.addr)
    }

    /// Where it listens for TLS, if it was given certificates.
    #[must_use]
    pub fn tls_addr(&self) -> SocketAddr {
        self.tls_addr
    }

    /// The process and its log.
    #[must_use]
    pub fn supervised(&self) -> &Supervised {
        &self.supervised
    }

    /// Where those who watch it or copy it reach it, and send clients to: by TLS if it was given certificates.
    pub(crate) fn peer_addr(&self) -> SocketAddr {
        if self.options.tls.is_some() { self.tls_addr } else { self.addr }
    }

    /// Where the other nodes of a cluster tell clients that it is, and where they reach it.
    pub(crate) fn cluster_ports(&self) -> [u16; 2] {
        [self.peer_addr().port(), self.cluster_bus.port()]
    }

    /// Sends one command, such as `&["HGETALL", "key"]`.
    ///
    /// # Errors
    ///
    /// When Redis does not answer within 10 seconds, or refuses: the message is its own.
    pub async fn command(&self, arguments: &[&str]) -> Result<Reply> {
        match resp::command(self.addr, arguments).await? {
            Reply::Error(message) => bail!("{message}"),
            reply => Ok(reply),
        }
    }

    /// Makes it forget everything, as an operator's mistake would. The process and its `run_id` stay.
    ///
    /// # Errors
    ///
    /// As for [`command`](Self::command).
    pub async fn flush(&self) -> Result<()> {
        self.command(&["FLUSHALL"]).await.map(drop)
    }

    /// Makes a replica a primary with what it has; it stays one over restarts.
    ///
    /// # Errors
    ///
    /// As for [`command`](Self::command).
    pub async fn promote(&mut self) -> Result<()> {
        self.options.replica_of = None;
        self.command(&["REPLICAOF", "NO", "ONE"]).await.map(drop)
    }

    /// Waits until `replica`, which copies it, has everything that it has: copies are made after the answer.
    ///
    /// # Errors
    ///
    /// When one of them does not answer, or it does not catch up within 30 seconds.
    pub async fn wait_until_copied_by(&self, replica: &Self) -> Result<()> {
        let copied = async {
            loop {
                let offset = self.replication("master_repl_offset:").await?;
                if offset.is_some() && offset == replica.replication("slave_repl_offset:").await? {
                    return Ok(());
                }
                sleep(COPY_POLL).await;
            }
        };
        timeout(COPY_LIMIT, copied).await.context("the replica does not catch up")?
    }

    /// A value of `INFO replication`.
    async fn replication(&self, name: &str) -> Result<Option<String>> {
        let info = self.command(&["INFO", "replication"]).await?;
        Ok(info.text().unwrap_or_default().lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned))
    }

    /// Kills the server at once (SIGKILL), as a crash would. It returns when it is gone.
    ///
    /// # Errors
    ///
    /// When it is not running.
    pub async fn kill9(&self) -> Result<()> {
        self.supervised.kill9().await
    }

    /// Starts the server again after [`kill9`](Self::kill9), in the same folder on the same port, and returns when it has
    /// loaded what it had saved and answers.
    ///
    /// # Errors
    ///
    /// When it is running already, ends at once, or does not answer within 30 seconds.
    pub async fn restart(&self) -> Result<()> {
        self.supervised.spawn(&mut self.server_command()?)?;
        let ready = async || match resp::command(self.addr, &["PING"]).await {
            Ok(Reply::Text(pong)) => pong == "PONG",
            // It wants to know who is asking before it says so.
            Ok(Reply::Error(refusal)) => refusal.starts_with("NOAUTH"),
            _ => false,
        };
        self.supervised.wait_until(START_LIMIT, ready).await
    }

    /// Stops the server (SIGSTOP): connections stay open and nobody answers, until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.supervised.pause();
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.supervised.resume();
    }

    /// The process id of the server while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.supervised.pid()
    }

    fn server_command(&self) -> Result<Command> {
        let mut command = Command::new(programs::redis_server()?);
        let mut set = |name: &str, value: &str| {
            command.args([format!("--{name}").as_str(), value]);
        };
        set("bind", "127.0.0.1");
        set("port", &self.addr.port().to_string());
        set("save", "");
        set("maxmemory-policy", "noeviction");
        // Otherwise a primary waits 5 seconds for more replicas before it sends the first copy.
        set("repl-diskless-sync-delay", "0");
        let fsync = match self.options.persistence {
            Persistence::None => None,
            Persistence::KernelDecides => Some("no"),
            Persistence::EverySecond => Some("everysec"),
            Persistence::Always => Some("always"),
        };
        if let Some(fsync) = fsync {
            set("appendonly", "yes");
            set("appendfsync", fsync);
        }
        if self.options.cluster {
            set("cluster-enabled", "yes");
            set("cluster-port", &self.cluster_bus.port().to_string());
            set("cluster-node-timeout", "1000");
        }
        if let Some(tls) = &self.options.tls {
            set("tls-port", &self.tls_addr.port().to_string());
            for (name, value) in tls.redis_settings() {
                set(name, &value);
            }
            if self.options.cluster {
                set("tls-cluster", "yes");
            }
        }
        for (name, value) in &self.options.settings {
            set(name, value);
        }
        if let Some(primary) = self.options.replica_of {
            command.args(["--replicaof", &primary.ip().to_string(), &primary.port().to_string()]);
        }
        Ok(command)
    }
}

/// The URL of a Redis at `addr`, for example that of a [`Proxy`](crate::proxy::Proxy).
#[must_use]
pub fn url(addr: SocketAddr) -> String {
    format!("redis://{addr}")
}
