//! A Redis Cluster, and a master that sentinels name: both serve, and both survive the loss of a node.

use std::time::Duration;

use flashdeal_domain::ReservationLedger;
use flashdeal_domain::ports::LedgerError;
use flashdeal_redis::{RedisConfig, RedisStore};
use flashdeal_tests::cluster::RedisCluster;
use flashdeal_tests::deploy::{REDIS_USER, redis_rules};
use flashdeal_tests::redis::{Persistence, RedisOptions};
use flashdeal_tests::sentinel::WatchedRedis;

use crate::support::Gate;

#[tokio::test]
async fn a_cluster_serves_products_of_every_slot() {
    let cluster = RedisCluster::start(Persistence::None, 0).await.unwrap();
    // As somebody with no more rights than are needed.
    let rules = redis_rules().unwrap();
    let user: Vec<&str> = ["ACL", "SETUSER", "flashdeal"].into_iter().chain(rules.iter().map(String::as_str)).collect();
    for node in cluster.primaries() {
        node.command(&user).await.unwrap();
    }
    let url = cluster.url().replace("://", &format!("://{REDIS_USER}@"));
    let config = RedisConfig::parse(&url).unwrap();
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
    for (client, expected) in [(1, true), (2, true), (1, true), (1, true), (1, false), (2, true)] {
        assert_eq!(limit.take([10, 0, 0, client].into()).await.unwrap().allowed, expected, "{client}");
    }
}

#[tokio::test]
async fn a_cluster_that_lost_a_primary_serves_again() {
    let cluster = RedisCluster::start(Persistence::None, 1).await.unwrap();
    let config = RedisConfig::parse(&cluster.url()).unwrap();
    let mut gates = Vec::new();
    // So many that none being on the node that will be lost happens once in half a million runs.
    for _ in 0..32 {
        gates.push(Gate::open_at(config.clone(), 100).await);
    }
    for gate in &gates {
        gate.reserve("ada", 1).await;
    }
    cluster.primaries()[0].wait_until_copied_by(&cluster.replicas()[0]).await.unwrap();
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
    let redis = WatchedRedis::start(RedisOptions::default()).await.unwrap();
    let gate = Gate::open_at(RedisConfig::parse(&redis.url()).unwrap(), 10).await;
    gate.reserve("ada", 4).await;
    redis.master().wait_until_copied_by(redis.replica()).await.unwrap();
    redis.master().kill9().await.unwrap();
    gate.until_it_answers().await;
    let closed = gate.ledger.status(gate.product).await;
    assert!(matches!(closed, Err(LedgerError::Closed { had_state: true })), "{closed:?}");
    gate.reopen().await;
    assert_eq!(gate.level().await, (10, 4));
    let role = redis.replica().command(&["ROLE"]).await.unwrap();
    assert!(format!("{role:?}").contains("master"), "{role:?}");
}
