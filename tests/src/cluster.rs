//! A private Redis Cluster.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{sleep, timeout};

use crate::redis::{Persistence, PrivateRedis, RedisOptions};
use crate::resp::Reply;

/// How long the nodes may take to agree.
const AGREE_LIMIT: Duration = Duration::from_secs(30);
/// The pause between two looks at whether they do.
const POLL: Duration = Duration::from_millis(20);
/// The slots of each primary, first and last.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// The clusters of a test binary that nobody has: see [`RedisCluster::lent`].
static IDLE: Mutex<Vec<RedisCluster>> = Mutex::new(Vec::new());

/// Three primaries that share all slots, each with the same number of replicas. Dropping it ends all of it.
#[derive(Debug)]
pub struct RedisCluster {
    primaries: Vec<PrivateRedis>,
    replicas: Vec<PrivateRedis>,
}

/// A cluster that one test has to itself, until it is dropped and the next test gets it.
#[derive(Debug)]
pub struct LentCluster {
    cluster: Option<RedisCluster>,
    kept: AtomicBool,
}

impl RedisCluster {
    /// Starts the nodes and returns when all of them agree that the cluster is complete, after one to three seconds.
    ///
    /// # Errors
    ///
    /// When a node does not start, or they do not agree within 30 seconds.
    pub async fn start(persistence: Persistence, replicas_per_primary: usize) -> Result<Self> {
        Self::start_with(RedisOptions { persistence, ..RedisOptions::default() }, replicas_per_primary).await
    }

    /// The same of nodes with these options.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn start_with(mut options: RedisOptions, replicas_per_primary: usize) -> Result<Self> {
        options.cluster = true;
        // What other primaries serve goes on while one is lost: what production is told, too (docker/compose.cluster.yaml).
        options.settings.push(("cluster-require-full-coverage".to_owned(), "no".to_owned()));
        let mut cluster = Self { primaries: Vec::new(), replicas: Vec::new() };
        for _ in SLOTS {
            cluster.primaries.push(PrivateRedis::start(options.clone()).await?);
        }
        for _ in 0..SLOTS.len() * replicas_per_primary {
            cluster.replicas.push(PrivateRedis::start(options.clone()).await?);
        }
        cluster.meet().await?;
        cluster.replicate().await?;
        cluster.wait_until_agreed().await?;
        Ok(cluster)
    }

    /// An empty cluster of primaries alone that remembers nothing over a restart. It was used before, if one is idle: starting
    /// one for each of a hundred tests would take minutes.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn lent() -> Result<LentCluster> {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let cluster = match idle {
            Some(cluster) => cluster,
            None => Self::start(Persistence::None, 0).await?,
        };
        cluster.flush().await?;
        Ok(LentCluster { cluster: Some(cluster), kept: AtomicBool::new(false) })
    }

    /// The nodes that were made primaries: which node leads may change when one is killed.
    #[must_use]
    pub fn primaries(&self) -> &[PrivateRedis] {
        &self.primaries
    }

    /// The nodes that were made replicas. The replicas of primary `p` are number `p`, `p + 3`, and so on.
    #[must_use]
    pub fn replicas(&self) -> &[PrivateRedis] {
        &self.replicas
    }

    /// The URLs of all nodes, primaries first.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes().map(PrivateRedis::url).collect()
    }

    /// The URL of the whole, as flashdeal takes it: by the nodes that were made primaries.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+cluster://{}", self.hosts(PrivateRedis::addr))
    }

    /// The same by TLS.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("rediss+cluster://{}", self.hosts(PrivateRedis::tls_addr))
    }

    /// Which of the nodes that were made primaries serves a key.
    ///
    /// # Errors
    ///
    /// When none of them does, or one does not answer.
    pub async fn primary_of(&self, key: &str) -> Result<&PrivateRedis> {
        for node in &self.primaries {
            // The others say who does: MOVED.
            if node.command(&["EXISTS", key]).await.is_ok() {
                return Ok(node);
            }
        }
        bail!("no primary serves {key}")
    }

    /// Makes it forget everything but that it is a cluster.
    ///
    /// # Errors
    ///
    /// When a node that was made a primary refuses or does not answer.
    pub async fn flush(&self) -> Result<()> {
        for node in &self.primaries {
            node.flush().await?;
        }
        Ok(())
    }

    /// Kills every node at once (SIGKILL).
    ///
    /// # Errors
    ///
    /// When one is not running.
    pub async fn kill9(&self) -> Result<()> {
        self.pause();
        for node in self.nodes() {
            node.kill9().await?;
        }
        Ok(())
    }

    /// Starts all nodes again after [`kill9`](Self::kill9), and returns when they serve as before.
    ///
    /// # Errors
    ///
    /// When one does not start, or they do not agree within 30 seconds.
    pub async fn restart(&self) -> Result<()> {
        for node in self.nodes() {
            node.restart().await?;
        }
        self.wait_until_agreed().await
    }

    /// Stops every node (SIGSTOP).
    pub fn pause(&self) {
        self.nodes().for_each(PrivateRedis::pause);
    }

    /// Lets paused nodes go on. It takes them some seconds to find that all of them are there.
    pub fn resume(&self) {
        self.nodes().for_each(PrivateRedis::resume);
    }

    /// Waits until every running node knows every other one and finds all slots served, and every replica has its copy.
    ///
    /// # Errors
    ///
    /// When they do not within 30 seconds.
    pub async fn wait_until_agreed(&self) -> Result<()> {
        let size = self.nodes().count();
        let agreed = async {
            for node in self.nodes().filter(|node| node.pid().is_some()) {
                while !agrees(node, size).await? {
                    sleep(POLL).await;
                }
            }
            Ok(())
        };
        timeout(AGREE_LIMIT, agreed).await.context("the nodes of the cluster do not agree")?
    }

    fn hosts(&self, addr: impl Fn(&PrivateRedis) -> SocketAddr) -> String {
        let hosts: Vec<String> = self.primaries.iter().map(|node| addr(node).to_string()).collect();
        hosts.join(",")
    }

    fn nodes(&self) -> impl Iterator<Item = &PrivateRedis> {
        self.primaries.iter().chain(&self.replicas)
    }

    async fn meet(&self) -> Result<()> {
        for ((number, node), (first, last)) in self.primaries.iter().enumerate().zip(SLOTS) {
            node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]).await?;
            // Epochs that differ from the start spare the nodes the settling of a conflict.
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]).await?;
        }
        // Everybody meets everybody: waiting for gossip to spread would take seconds.
        for (number, node) in self.nodes().enumerate() {
            for other in self.nodes().skip(number + 1) {
                let ip = other.addr().ip().to_string();
                let [port, bus_port] = other.cluster_ports().map(|port| port.to_string());
                node.command(&["CLUSTER", "MEET", &ip, &port, &bus_port]).await?;
            }
        }
        Ok(())
    }

    async fn replicate(&self) -> Result<()> {
        for (replica, primary) in self.replicas.iter().zip(self.primaries.iter().cycle()) {
            let id = primary.command(&["CLUSTER", "MYID"]).await?;
            let id = id.text().context("a node without id")?;
            // Refused until the replica has heard of the primary.
            let asked = async {
                while replica.command(&["CLUSTER", "REPLICATE", id]).await.is_err() {
                    sleep(POLL).await;
                }
            };
            timeout(AGREE_LIMIT, asked).await.context("a replica does not find its primary")?;
        }
        Ok(())
    }
}

impl LentCluster {
    /// Nobody gets it afterwards: for a test that kills or pauses nodes.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::SeqCst);
    }
}

impl Deref for LentCluster {
    type Target = RedisCluster;

    #[expect(clippy::expect_used, reason = "it is empty only while it is dropped")]
    fn deref(&self) -> &RedisCluster {
        self.cluster.as_ref().expect("it is lent")
    }
}

impl Drop for LentCluster {
    fn drop(&mut self) {
        // Whoever failed may still be at it.
        if !std::thread::panicking() && !self.kept.load(Ordering::SeqCst) {
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).extend(self.cluster.take());
        }
    }
}

/// Whether `node` finds all slots served, knows `size` nodes, none of them by a mere handshake, and has its primary's data.
async fn agrees(node: &PrivateRedis, size: usize) -> Result<bool> {
    let info = node.command(&["CLUSTER", "INFO"]).await?;
    let nodes = node.command(&["CLUSTER", "NODES"]).await?;
    let (info, nodes) = (info.text().unwrap_or_default(), nodes.text().unwrap_or_default());
    let Reply::List(role) = node.command(&["ROLE"]).await? else { bail!("ROLE answers no list") };
    // A replica that has not caught up yet may not take over.
    let copied = match role.first().and_then(Reply::text) {
        Some("slave") => role.get(3).and_then(Reply::text) == Some("connected"),
        _ => true,
    };
    let known = nodes.lines().count() == size && !nodes.contains("handshake");
    Ok(known && copied && info.contains("cluster_state:ok"))
}
