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

macro_rules! storms {
    ($($name:ident: $seed:literal $persistence:ident [$($kind:ident),+];)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            survive($seed, &[$(FaultKind::$kind),+], Persistence::$persistence).await;
        })+
    };
}

storms! {
    nothing_but_doubles: 1 Always [Duplicates];
    instances_die_and_freeze: 2 Always [AppKill, AppFreeze];
    a_redis_that_keeps_its_file_loses_no_hold: 3 Always [RedisKill, RedisFreeze, ScriptFlush, LostReply];
    redis_loses_its_memory: 4 Always [Flush, KeyLoss, Promote];
    redis_keeps_its_file_every_second: 5 EverySecond [RedisKill];
    redis_keeps_nothing: 6 None [RedisKill, Flush];
    postgres_dies_and_freezes: 7 Always [PostgresKill, PostgresFreeze, LostCommit];
    the_network_fails_and_buyers_are_careless: 8 Always [Cut, Slow, Partition, Duplicates, HangUps];
}
