//! A gate on a private Redis, with a clock of its own.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::{BeginOutcome, Caller, Hold, LedgerError, ReserveCall, ReserveOutcome};
use flashdeal_domain::{
    Epoch, HoldTime, ProductId, RecordState, ReservationId, ReservationLedger, Terms, Units, UserId, Version,
};
use flashdeal_redis::{LedgerClock, RedisConfig, RedisLedger, RedisStore};
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};
use tokio::time::sleep;
use uuid::Uuid;

pub(crate) async fn start() -> PrivateRedis {
    settings(RedisOptions::default()).await
}

pub(crate) async fn settings(options: RedisOptions) -> PrivateRedis {
    PrivateRedis::start(options).await.unwrap()
}

pub(crate) fn config(server: &PrivateRedis) -> RedisConfig {
    RedisConfig::parse(&server.url()).unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test is its own source of ids")]
fn id() -> Uuid {
    Uuid::now_v7()
}

pub(crate) struct Gate {
    pub(crate) ledger: RedisLedger,
    pub(crate) clock: Arc<LedgerClock>,
    pub(crate) product: ProductId,
    total: u32,
    epoch: std::sync::atomic::AtomicI64,
}

impl Gate {
    /// A gate on this server whose clock stands still.
    pub(crate) async fn open(server: &PrivateRedis, total: u32) -> Self {
        Self::open_at(config(server), total).await
    }

    pub(crate) async fn open_at(config: RedisConfig, total: u32) -> Self {
        let clock = Arc::new(LedgerClock::standing(1_795_348_800_000));
        let store = RedisStore::connect(config.with_clock(Arc::clone(&clock))).await.unwrap();
        let gate = Self { ledger: store.ledger(), clock, product: ProductId::from_uuid(id()), total, epoch: 0.into() };
        gate.reopen().await;
        gate
    }

    /// Another product of the same store, open too.
    pub(crate) async fn beside(&self) -> Self {
        let (ledger, clock) = (self.ledger.clone(), Arc::clone(&self.clock));
        let gate = Self { ledger, clock, product: ProductId::from_uuid(id()), total: self.total, epoch: 0.into() };
        gate.reopen().await;
        gate
    }

    /// Opens it under the next epoch.
    pub(crate) async fn reopen(&self) {
        let epoch = self.epoch.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let token = self.ledger.claim_opening(self.product).await.unwrap();
        let record = Self::record(epoch, epoch, self.total);
        assert!(self.ledger.open(self.product, token, record).await.unwrap());
    }

    pub(crate) fn record(epoch: i64, version: i64, total: u32) -> RecordState {
        RecordState {
            epoch: Epoch(epoch),
            version: Version(version),
            total: Units::new(total).unwrap(),
            terms: Terms::NONE,
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("flashdeal:{{{}}}", self.product)
    }

    pub(crate) fn key(&self, part: &str) -> String {
        format!("{}:{part}", self.name())
    }

    pub(crate) fn call(&self, name: &str, quantity: u32) -> ReserveCall {
        ReserveCall {
            product: self.product,
            user: user(name),
            quantity: Units::new(quantity).unwrap(),
            candidate: ReservationId::from_uuid(id()),
            ttl: HoldTime::default(),
            key: None,
            caller: Caller::Buyer,
        }
    }

    pub(crate) async fn reserve(&self, name: &str, quantity: u32) -> Hold {
        match self.ledger.reserve(self.call(name, quantity)).await.unwrap() {
            ReserveOutcome::Held { hold, .. } => hold,
            other => panic!("{name} does not hold {quantity}: {other:?}"),
        }
    }

    /// `buyer-0` and so on, one unit each, all at once.
    pub(crate) async fn crowd(&self, numbers: Range<u32>) {
        let calls: Vec<_> = numbers
            .map(|n| {
                let (ledger, call) = (self.ledger.clone(), self.call(&format!("buyer-{n}"), 1));
                tokio::spawn(async move { ledger.reserve(call).await })
            })
            .collect();
        for call in calls {
            let answer = call.await.unwrap();
            assert!(matches!(answer, Ok(ReserveOutcome::Held { .. })), "{answer:?}");
        }
    }

    pub(crate) async fn begin(&self, name: &str) -> Hold {
        match self.ledger.begin(self.product, &user(name), None).await.unwrap() {
            BeginOutcome::Paying { hold, .. } => hold,
            BeginOutcome::NoHold => panic!("{name} has no hold"),
        }
    }

    /// Total and reserved.
    pub(crate) async fn level(&self) -> (u32, u32) {
        let level = self.ledger.status(self.product).await.unwrap();
        (level.total().get(), level.reserved().get())
    }

    /// Waits until Redis is reached again, by those who read as by those who write: they have connections of their own. At most
    /// ten seconds.
    pub(crate) async fn until_it_answers(&self) {
        let nobody = user("nobody");
        for _ in 0..200 {
            let read = self.ledger.status(self.product).await.map(drop);
            let written = self.ledger.release(self.product, &nobody).await.map(drop);
            if ![read, written].iter().any(|answer| matches!(answer, Err(LedgerError::Store(_)))) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("Redis is not reached again");
    }
}
