//! Histories of the real thing under faults, each of which must have an order that explains every answer.

use std::time::Duration;

use flashdeal_tests::process::flashdeal_binary;
use flashdeal_tests::storm::histories;
use flashdeal_tests::storm::options::{FaultKind, Options};

const FAULTS: [FaultKind; 9] = [
    FaultKind::AppKill,
    FaultKind::AppFreeze,
    FaultKind::RedisKill,
    FaultKind::Flush,
    FaultKind::PostgresKill,
    FaultKind::LostCommit,
    FaultKind::LostReply,
    FaultKind::Cut,
    FaultKind::Partition,
];

async fn explained(seed: u64, ttl: Duration, count: usize) {
    let options = Options {
        ttl,
        longest_freeze: Duration::from_secs(1),
        pauses: (Duration::from_millis(200), Duration::from_millis(1200)),
        keep: env!("CARGO_TARGET_TMPDIR").into(),
        ..Options::short(flashdeal_binary().unwrap(), seed, &FAULTS)
    };
    let checked = histories::run(options, count, 200).await.unwrap();
    assert!(checked.sound(), "{checked}");
    assert!(checked.counts.faults > 0, "{checked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_lasting_holds_are_linearizable() {
    explained(31, Duration::from_mins(10), 14).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_lapsing_holds_are_linearizable() {
    explained(32, Duration::from_millis(1500), 6).await;
}
