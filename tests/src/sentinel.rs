//! A sentinel of a private Redis.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{sleep, timeout};

use crate::certificates::Certificates;
use crate::redis::{PrivateRedis, RedisOptions};
use crate::resp::{self, Reply};
use crate::supervised::Supervised;
use crate::{port, programs};

/// How long a start, or hearing of a replica, may take.
const LIMIT: Duration = Duration::from_secs(30);
/// The pause between two looks.
const POLL: Duration = Duration::from_millis(20);
/// What the sentinel calls the master.
const NAME: &str = "sale";

/// A master with one replica, and a sentinel that needs nobody's consent to make that the master when it has not heard of the
/// old one for half a second. Dropping it ends all of them.
#[derive(Debug)]
pub struct WatchedRedis {
    master: PrivateRedis,
    replica: PrivateRedis,
    sentinel: Sentinel,
}

#[derive(Debug)]
struct Sentinel {
    _process: Supervised,
    addr: SocketAddr,
    tls_addr: SocketAddr,
}

impl WatchedRedis {
    /// Starts the three, and returns when a failover would find the replica. With certificates, all of them encrypt what they say
    /// to each other.
    ///
    /// # Errors
    ///
    /// When one does not start, or they do not know of each other within 30 seconds.
    pub async fn start(options: RedisOptions) -> Result<Self> {
        let master = PrivateRedis::start(options.clone()).await?;
        let replica =
            PrivateRedis::start(RedisOptions { replica_of: Some(master.peer_addr()), ..options.clone() }).await?;
        let sentinel = Sentinel::start(master.peer_addr(), options.tls.as_deref()).await?;
        let watched = Self { master, replica, sentinel };
        timeout(LIMIT, watched.wait_until_known()).await.context("the sentinel does not find the replica")??;
        Ok(watched)
    }

    /// The server that was made the master: which one leads changes when it is killed.
    #[must_use]
    pub fn master(&self) -> &PrivateRedis {
        &self.master
    }

    /// The server that was made the replica.
    #[must_use]
    pub fn replica(&self) -> &PrivateRedis {
        &self.replica
    }

    /// The URL of whoever is the master, as flashdeal takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/{NAME}", self.sentinel.addr)
    }

    /// The same by TLS, to the sentinel and to whom it names.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("rediss+sentinel://{}/{NAME}", self.sentinel.tls_addr)
    }

    async fn wait_until_known(&self) -> Result<()> {
        loop {
            let replication = self.replica.command(&["INFO", "replication"]).await?;
            let copies = replication.text().is_some_and(|info| info.contains("master_link_status:up"));
            let known = resp::command(self.sentinel.addr, &["SENTINEL", "REPLICAS", NAME]).await?;
            // It is chosen only if the sentinel has heard from it itself, and that its link is up.
            let chosen = format!("{known:?}").contains(r#"Text("master-link-status"), Text("ok")"#);
            if copies && chosen {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }
}

impl Sentinel {
    async fn start(master: SocketAddr, tls: Option<&Certificates>) -> Result<Self> {
        let process = Supervised::new("sentinel")?;
        let (addr, tls_addr) = (port::free()?, port::free()?);
        let settings = process.folder().path().join("sentinel.conf");
        let encrypted = tls.map_or_else(String::new, |tls| {
            let settings = tls.redis_settings().map(|(name, value)| format!("{name} \"{value}\"\n"));
            format!("tls-port {}\n{}", tls_addr.port(), settings.concat())
        });
        let text = format!(
            "bind 127.0.0.1\nport {}\n{encrypted}sentinel monitor {NAME} {} {} 1\n\
             sentinel down-after-milliseconds {NAME} 500\nsentinel failover-timeout {NAME} 3000\n",
            addr.port(),
            master.ip(),
            master.port(),
        );
        std::fs::write(&settings, text).context("cannot write the sentinel's settings")?;
        let mut command = Command::new(programs::redis_server()?);
        command.arg(&settings).arg("--sentinel");
        process.spawn(&mut command)?;
        let pong = Reply::Text("PONG".to_owned());
        let ready = async || resp::command(addr, &["PING"]).await.is_ok_and(|reply| reply == pong);
        process.wait_until(LIMIT, ready).await?;
        Ok(Self { _process: process, addr, tls_addr })
    }
}
