//! A Redis Cluster, and a master that sentinels name: both serve, and both survive the loss of a node.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use flashdeal_domain::ReservationLedger;
use flashdeal_domain::ports::LedgerError;
use flashdeal_redis::{RedisConfig, RedisStore};
use flashdeal_tests::cluster::RedisCluster;
use flashdeal_tests::redis::{Persistence, PrivateRedis, RedisOptions};
use flashdeal_tests::supervised::Supervised;
use flashdeal_tests::{port, programs, resp};
use tokio::time::sleep;

use crate::support::{Gate, settings, start};

/// `redis+cluster://` with the first three nodes.
fn cluster_url(cluster: &RedisCluster) -> String {
    let nodes: Vec<_> = cluster.urls().iter().take(3).map(|url| url.replace("redis://", "")).collect();
    format!("redis+cluster://{}", nodes.join(","))
}

#[tokio::test]
async fn a_cluster_serves_products_of_every_slot() {
    let cluster = RedisCluster::start(Persistence::None, 0).await.unwrap();
    let config = RedisConfig::parse(&cluster_url(&cluster)).unwrap();
    let mut gates = Vec::new();
    for _ in 0..12 {
        gates.push(Gate::open_at(config.clone(), 100).await);
    }
    for gate in &gates {
        gate.crowd(0..100).await;
        assert_eq!(gate.level().await, (100, 100));
        gate.begin("buyer-7").await;
    }
    let ledger = &gates[0].ledger;
    let all = ledger.products(None, 100).await.unwrap();
    assert_eq!(all.len(), 12);
    let views = ledger.view(&all, Duration::ZERO).await.unwrap();
    assert!(views.iter().all(|view| view.open.is_some() && !view.needs_reopening), "{views:?}");
    for node in cluster.primaries() {
        node.command(&["SCRIPT", "FLUSH"]).await.unwrap();
    }
    for gate in &gates {
        assert_eq!(gate.level().await, (100, 100));
    }
    let store = RedisStore::connect(config).await.unwrap();
    let limit = store.rate_limit(3, Duration::from_mins(1));
    for (client, expected) in [("a", true), ("b", true), ("a", true), ("a", true), ("a", false), ("b", true)] {
        assert_eq!(limit.take(client).await.unwrap().allowed, expected, "{client}");
    }
}

#[tokio::test]
async fn a_cluster_that_lost_a_primary_serves_again() {
    let cluster = RedisCluster::start(Persistence::None, 1).await.unwrap();
    let config = RedisConfig::parse(&cluster_url(&cluster)).unwrap();
    let mut gates = Vec::new();
    // So many that none being on the node that will be lost happens once in half a million runs.
    for _ in 0..32 {
        gates.push(Gate::open_at(config.clone(), 100).await);
    }
    for gate in &gates {
        gate.reserve("ada", 1).await;
    }
    // Copies are made after the answer; give them the moment they need.
    sleep(Duration::from_millis(500)).await;
    cluster.primaries()[0].kill9().await.unwrap();
    let mut promoted = 0;
    for gate in &gates {
        gate.until_it_answers().await;
        match gate.ledger.status(gate.product).await {
            Ok(_) => {}
            Err(LedgerError::Closed { had_state: true }) => {
                promoted += 1;
                gate.reopen().await;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(gate.level().await, (100, 1));
    }
    assert!(promoted > 0, "no product was on the node that was lost");
}

#[tokio::test]
async fn the_master_that_sentinels_name_is_found_again_after_a_failover() {
    let master = start().await;
    let replica = settings(RedisOptions { replica_of: Some(master.addr()), ..RedisOptions::default() }).await;
    let sentinel = Sentinel::start(master.addr()).await;
    while !synchronised(&replica).await {
        sleep(Duration::from_millis(20)).await;
    }
    let url = format!("redis+sentinel://{}/sale", sentinel.addr);
    let gate = Gate::open_at(RedisConfig::parse(&url).unwrap(), 10).await;
    gate.reserve("ada", 4).await;
    while sentinel.ask(&["SENTINEL", "REPLICAS", "sale"]).await == resp::Reply::List(Vec::new()) {
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_millis(300)).await;
    master.kill9().await.unwrap();
    gate.until_it_answers().await;
    let closed = gate.ledger.status(gate.product).await;
    assert!(matches!(closed, Err(LedgerError::Closed { had_state: true })), "{closed:?}");
    gate.reopen().await;
    assert_eq!(gate.level().await, (10, 4));
    let role = replica.command(&["ROLE"]).await.unwrap();
    assert!(format!("{role:?}").contains("master"), "{role:?}");
}

async fn synchronised(replica: &PrivateRedis) -> bool {
    let info = replica.command(&["INFO", "replication"]).await.unwrap();
    info.text().is_some_and(|info| info.contains("master_link_status:up"))
}

/// A sentinel that needs nobody's consent.
struct Sentinel {
    _process: Supervised,
    addr: SocketAddr,
}

impl Sentinel {
    async fn start(master: SocketAddr) -> Self {
        let process = Supervised::new("sentinel").unwrap();
        let addr = port::free().unwrap();
        let settings = process.folder().path().join("sentinel.conf");
        let text = format!(
            "bind 127.0.0.1\nport {}\nsentinel monitor sale {} {} 1\nsentinel down-after-milliseconds sale 500\n\
             sentinel failover-timeout sale 3000\n",
            addr.port(),
            master.ip(),
            master.port(),
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new(programs::redis_server().unwrap());
        command.arg(&settings).arg("--sentinel");
        process.spawn(&mut command).unwrap();
        let ready = async || resp::command(addr, &["PING"]).await.is_ok();
        process.wait_until(Duration::from_secs(30), ready).await.unwrap();
        Self { _process: process, addr }
    }

    async fn ask(&self, command: &[&str]) -> resp::Reply {
        resp::command(self.addr, command).await.unwrap()
    }
}
