//! A short storm of each kind: every promise is kept, and every fault took place.

use flashdeal_tests::process::flashdeal_binary;
use flashdeal_tests::redis::Persistence;
use flashdeal_tests::storm;
use flashdeal_tests::storm::options::{FaultKind, Options};

async fn survive(seed: u64, faults: &[FaultKind], persistence: Persistence) {
    let options = Options { persistence, ..Options::short(flashdeal_binary().unwrap(), seed, faults) };
    let report = storm::run(options).await.unwrap();
    assert!(report.kept(), "{report}");
    assert!(report.counts.orders > 0, "the storm was too heavy for any order\n{report}");
    for kind in faults.iter().filter(|kind| !kind.is_of_buyers()) {
        assert!(report.faults.contains_key(kind), "no {} took place\n{report}", kind.name());
    }
}

use FaultKind::{
    AppFreeze, AppKill, Cut, Duplicates, Flush, HangUps, KeyLoss, LostCommit, LostReply, Partition, PostgresFreeze,
    PostgresKill, Promote, RedisFreeze, RedisKill, ScriptFlush, Slow,
};

// Two at a time: a storm is mostly waiting.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_and_postgres_die_and_freeze() {
    tokio::join!(
        survive(2, &[AppKill, AppFreeze], Persistence::Always),
        survive(7, &[PostgresKill, PostgresFreeze, LostCommit], Persistence::Always),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_its_file_or_loses_its_memory() {
    tokio::join!(
        survive(3, &[RedisKill, RedisFreeze, ScriptFlush, LostReply], Persistence::Always),
        survive(4, &[Flush, KeyLoss, Promote], Persistence::Always),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_its_file_every_second_or_keeps_nothing() {
    tokio::join!(
        survive(5, &[RedisKill], Persistence::EverySecond),
        survive(6, &[RedisKill, Flush], Persistence::None),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_fails_and_buyers_are_careless() {
    tokio::join!(
        survive(1, &[Duplicates], Persistence::Always),
        survive(8, &[Cut, Slow, Partition, Duplicates, HangUps], Persistence::Always),
    );
}
