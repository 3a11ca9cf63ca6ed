//! A private Redis Cluster.

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

/// Three primaries that share all slots, each with the same number of replicas. Dropping it ends all of it.
#[derive(Debug)]
pub struct RedisCluster {
    primaries: Vec<PrivateRedis>,
    replicas: Vec<PrivateRedis>,
}

impl RedisCluster {
    /// Starts the nodes and returns when all of them agree that the cluster is complete, after one to three seconds.
    ///
    /// # Errors
    ///
    /// When a node does not start, or they do not agree within 30 seconds.
    pub async fn start(persistence: Persistence, replicas_per_primary: usize) -> Result<Self> {
        let options = RedisOptions { persistence, cluster: true, ..RedisOptions::default() };
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
                let (addr, bus) = (other.addr(), other.cluster_bus());
                let ip = addr.ip().to_string();
                let ports = [addr.port().to_string(), bus.port().to_string()];
                let [port, bus_port] = &ports;
                node.command(&["CLUSTER", "MEET", &ip, port, bus_port]).await?;
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
