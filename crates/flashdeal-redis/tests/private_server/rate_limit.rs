//! The shared rate limit, over two instances.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use flashdeal_domain::StoreError;
use flashdeal_redis::{RedisStore, SharedRateLimit};
use flashdeal_tests::redis::PrivateRedis;
use tokio::time::{Instant, sleep};

use crate::support::{config, start};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const ANOTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

async fn limits(server: &PrivateRedis, limit: u64, window: Duration) -> [SharedRateLimit; 2] {
    let connect = async || RedisStore::connect(config(server)).await.unwrap().rate_limit(limit, window);
    [connect().await, connect().await]
}

#[tokio::test]
async fn request_101_is_the_first_refused_over_two_instances() {
    let server = start().await;
    let limits = limits(&server, 100, Duration::from_mins(15)).await;
    for (n, limit) in (1..=100).zip(limits.iter().cycle()) {
        let decision = limit.take(CLIENT).await.unwrap();
        assert!(decision.allowed, "request {n}");
        assert_eq!(decision.remaining, 100 - n);
        assert!(decision.reset_after > Duration::from_secs(890));
    }
    for limit in limits.iter().cycle().take(10) {
        let decision = limit.take(CLIENT).await.unwrap();
        assert!(!decision.allowed && decision.remaining == 0);
    }
    assert!(limits[0].take(ANOTHER).await.unwrap().allowed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_at_once_is_let_through_exactly_as_often_as_is_allowed() {
    let server = start().await;
    let limits = limits(&server, 100, Duration::from_mins(15)).await;
    let calls: Vec<_> = (0..1000)
        .zip(limits.iter().cycle())
        .map(|(_, limit)| {
            let limit = limit.clone();
            tokio::spawn(async move { limit.take(CLIENT).await.unwrap() })
        })
        .collect();
    let mut remaining = Vec::new();
    for call in calls {
        let decision = call.await.unwrap();
        if decision.allowed {
            remaining.push(decision.remaining);
        }
    }
    remaining.sort_unstable();
    assert_eq!(remaining, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_window_opens_with_the_first_request_and_ends() {
    const WINDOW: Duration = Duration::from_secs(3);
    let server = start().await;
    let [limit, _] = limits(&server, 2, WINDOW).await;
    // On a busy machine a window may end before it is used up: then there is another client's.
    for client in 1..=20 {
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 1, client));
        let take = async || limit.take(client).await.unwrap().allowed;
        let opened = Instant::now();
        let first = [take().await, take().await, take().await, take().await];
        if opened.elapsed() >= WINDOW {
            continue;
        }
        assert_eq!(first, [true, true, false, false]);
        let reopened = loop {
            let asked = Instant::now();
            if take().await {
                break asked;
            }
            assert!(opened.elapsed() < 20 * WINDOW, "it does not end");
            sleep(Duration::from_millis(50)).await;
        };
        let took = opened.elapsed();
        // The two clocks may disagree a little.
        assert!(took + Duration::from_millis(50) > WINDOW, "it ended after {took:?}");
        let second = [take().await, take().await];
        if reopened.elapsed() < WINDOW {
            assert_eq!(second, [true, false]);
            return;
        }
    }
    panic!("no four requests came within a window");
}

/// A high limit is decided without asking while it is far away, and exactly when it comes near.
#[tokio::test]
async fn a_high_limit_is_kept_over_two_instances() {
    let server = start().await;
    let limits = limits(&server, 20_000, Duration::from_mins(15)).await;
    let (mut allowed, mut local) = (0, 0);
    for (n, limit) in (0..24_000).zip(limits.iter().cycle()) {
        let decision = limit.take(CLIENT).await.unwrap();
        allowed += u32::from(decision.allowed);
        local += u32::from(decision.local && decision.allowed);
        if n % 1000 == 0 {
            sleep(Duration::from_millis(25)).await;
        }
    }
    assert_eq!(allowed, 20_000);
    assert!(local > 13_000, "only {local} were decided without asking");
}

#[tokio::test]
async fn without_redis_nobody_decides_and_with_it_again_they_do() {
    let server = start().await;
    let limits = limits(&server, 20_000, Duration::from_mins(15)).await;
    assert!(limits[0].take(CLIENT).await.unwrap().allowed);
    server.kill9().await.unwrap();
    let mut last = limits[0].take(CLIENT).await;
    for _ in 0..100 {
        if last.is_err() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
        last = limits[0].take(CLIENT).await;
    }
    assert!(matches!(last, Err(StoreError::Unavailable { .. })), "{last:?}");
    server.restart().await.unwrap();
    for _ in 0..100 {
        if limits[0].take(CLIENT).await.is_ok() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the limit does not come back");
}
