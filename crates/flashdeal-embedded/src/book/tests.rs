//! The book against the specification as code: the same calls at the same instants, the same answers.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_contract::reference::{Ledger, ManualClock};
use flashdeal_domain::ports::{Caller, Clock, Finish, ReserveCall};
use flashdeal_domain::{
    Epoch, HoldTime, IdempotencyKey, ProductId, Quantity, RecordState, ReservationId, ReservationLedger, Terms,
    Timestamp, Units, UserId, Version,
};
use uuid::Uuid;

use super::{Book, Effect};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// The book and its specification, side by side.
struct Pair {
    book: Book,
    ledger: Ledger,
    clock: Arc<ManualClock>,
    dice: Dice,
    epoch: i64,
    minted: u128,
    /// Keys may be used, or the clock may step back: how long a key outlives its hold when it does is left open.
    keys: bool,
}

fn product(n: u64) -> ProductId {
    ProductId::from_uuid(Uuid::from_u64_pair(1, n))
}

fn user(n: u64) -> UserId {
    UserId::from_store(&format!("user-{n}"))
}

impl Pair {
    fn new(seed: u64, keys: bool) -> Self {
        let clock = Arc::new(ManualClock::new());
        let ledger = Ledger::new(clock.clone());
        Self { book: Book::new(), ledger, clock, dice: Dice(seed), epoch: 0, minted: 0, keys }
    }

    fn tick(&mut self) {
        let step = i64::try_from(self.dice.roll(400)).unwrap();
        let back = !self.keys && self.dice.roll(20) == 0;
        self.clock.advance(if back { -step * 4 } else { step });
        self.book.come_to(self.clock.now().as_millis());
        if self.dice.roll(3) == 0 {
            self.book.sweep(usize::try_from(self.dice.roll(4)).unwrap());
        }
    }

    /// Terms around now, half of the time.
    fn terms(&mut self) -> Terms {
        let now = self.clock.now().as_millis();
        let start = now - 1000 + i64::try_from(self.dice.roll(5)).unwrap() * 500;
        let end = start + 1 + i64::try_from(self.dice.roll(5)).unwrap() * 500;
        let mut some = |value| (self.dice.roll(4) == 0).then(|| Timestamp::from_millis(value));
        let (start, end) = (some(start), some(end));
        let limit = (self.dice.roll(4) == 0).then(|| Quantity::new(1 + self.dice.roll(8)).unwrap());
        Terms::new(start, end, limit).unwrap().with_queue(self.dice.roll(4) == 0)
    }

    async fn open(&mut self, of: ProductId) {
        self.epoch += 1;
        let total = Units::new(self.dice.roll(30)).unwrap();
        let terms = self.terms();
        let record = RecordState { epoch: Epoch(self.epoch), version: Version(self.epoch), total, terms };
        let (leave, token) = (self.book.claim_opening(of), self.ledger.claim_opening(of).await.unwrap());
        let opened = self.book.open(of, Some(leave), record).answer;
        assert_eq!(opened, self.ledger.open(of, token, record).await.unwrap());
    }

    async fn step(&mut self) {
        self.tick();
        let (of, who) = (product(self.dice.roll(2)), user(self.dice.roll(6)));
        match self.dice.roll(16) {
            0..=5 => self.reserve(of, who).await,
            6 | 7 => {
                let theirs = self.ledger.begin(of, &who, None).await.ok();
                assert_eq!(self.book.begin(of, &who, None).ok().map(|told| told.answer), theirs);
            }
            8 | 9 => {
                let theirs = self.ledger.release(of, &who).await.ok();
                assert_eq!(self.book.release(of, &who).ok().map(|told| told.answer), theirs);
            }
            10..=12 => self.finish(of, who).await,
            13 => {
                let theirs = self.ledger.view(&[of], Duration::from_millis(50)).await.unwrap().remove(0);
                let mut ours = self.book.view(of, Duration::from_millis(50));
                // Those that began in the same millisecond may come in any order.
                ours.paying.sort_by_key(|paying| (std::cmp::Reverse(paying.paying_for), paying.user.clone()));
                assert_eq!(ours, theirs);
            }
            14 if self.dice.roll(6) == 0 => {
                self.book.forget(of);
                self.ledger.forget(of).await.unwrap();
            }
            _ => self.open(of).await,
        }
        self.compare().await;
    }

    async fn reserve(&mut self, product: ProductId, user: UserId) {
        self.minted += 1;
        let key = (self.keys && self.dice.roll(2) == 0).then(|| format!("key-{}", self.dice.roll(3)));
        let call = ReserveCall {
            product,
            user,
            quantity: Units::new(1 + self.dice.roll(8)).unwrap(),
            candidate: ReservationId::from_uuid(Uuid::from_u128(self.minted)),
            ttl: HoldTime::new(Duration::from_millis(1 + 500 * self.dice.roll(4))).unwrap(),
            key: key.map(|key| IdempotencyKey::parse(&key).unwrap()),
            caller: match self.dice.roll(8) {
                0 => Caller::Shop,
                1 => Caller::Called,
                _ => Caller::Buyer,
            },
        };
        let ours = self.book.reserve(&call).ok().map(|told| told.answer);
        assert_eq!(ours, self.ledger.reserve(call).await.ok());
    }

    async fn finish(&mut self, product: ProductId, user: UserId) {
        let hold = self.ledger.hold(product, &user).await.ok().flatten();
        let reservation = hold.map_or(ReservationId::from_uuid(Uuid::nil()), |hold| hold.reservation);
        let (version, total) = (Version(self.epoch + 1), Units::new(self.dice.roll(30)).unwrap());
        let (epoch, terms) = (Epoch(self.epoch), self.terms());
        let record = (self.dice.roll(2) == 0).then_some(RecordState { epoch, version, total, terms });
        let finish = Finish { product, user, reservation, record };
        let ours = self.book.finish(&finish).ok().map(|told| told.answer);
        assert_eq!(ours, self.ledger.finish(finish).await.ok());
    }

    async fn compare(&mut self) {
        for of in (0..2).map(product) {
            let theirs = self.ledger.status(of).await.ok();
            assert_eq!(self.book.status(of).ok().map(|told| told.answer), theirs);
            for who in (0..6).map(user) {
                let theirs = self.ledger.hold(of, &who).await.ok();
                assert_eq!(self.book.hold_of(of, &who).ok().map(|told| told.answer), theirs);
            }
        }
        assert_eq!(self.book.products(None, 9), self.ledger.products(None, 9).await.unwrap());
    }
}

#[tokio::test]
async fn the_book_answers_as_the_specification_does() {
    for seed in 0..60 {
        let mut pair = Pair::new(seed, seed % 2 == 0);
        for _ in 0..400 {
            pair.step().await;
        }
    }
}

/// Replays the effects as the file would keep them: the rows that are left are the holds and keys that are not over.
#[tokio::test]
async fn the_effects_leave_one_row_for_each_live_hold() {
    for seed in 100..130 {
        let mut pair = Pair::new(seed, true);
        let mut rows = std::collections::BTreeMap::new();
        for _ in 0..400 {
            pair.step().await;
            while pair.book.sweep(usize::MAX) {}
            for effect in pair.book.log.take() {
                match effect {
                    Effect::PutHold(hold) => drop(rows.insert(hold.row, (hold.product, hold.user, hold.quantity))),
                    Effect::SetQuantity { row, quantity } => rows.get_mut(&row).unwrap().2 = quantity,
                    Effect::DropHolds { first, last } => {
                        for row in first..=last {
                            assert!(rows.remove(&row).is_some(), "{row} was dropped twice, or never there");
                        }
                    }
                    _ => {}
                }
            }
            let mut live = Vec::new();
            for of in (0..2).map(product) {
                for who in (0..6).map(user) {
                    if let Some(hold) = pair.book.hold_of(of, &who).ok().and_then(|told| told.answer) {
                        live.push((of, who, hold.quantity.get()));
                    }
                }
            }
            let mut kept: Vec<_> = rows.values().cloned().collect();
            kept.sort();
            assert_eq!(kept, live);
        }
    }
}

/// A hold must stay small: a million of them have to fit in 150 MiB with everything else.
#[test]
fn an_entry_is_64_bytes() {
    assert_eq!(size_of::<super::Entry>(), 64);
}
