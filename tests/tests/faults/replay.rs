//! The model's walks, step by step against the real stores: what the model says a call answers, and what it says the stores
//! have after it, is what they do. That ties the code to what was searched exhaustively.

mod stores;

use std::collections::HashMap;
use std::sync::Arc;

use flashdeal_domain::ports::record::StockChange;
use flashdeal_domain::ports::{
    BeginOutcome, Caller, Change, ChangeOutcome, Commit, Finish, LedgerError, OpeningToken, ReleaseOutcome,
    ReserveCall, ReserveOutcome, Sale, Settlement, Withdrawal,
};
use flashdeal_domain::{
    Description, Epoch, HoldTime, OrderId, Price, Product, ProductId, ProductName, RecordState, ReservationId,
    ReservationLedger, StockRepository, Terms, Timestamp, Units, UserId,
};
use flashdeal_model::gate::{Begin, Closed, Hold, Release, Reserve};
use flashdeal_model::ids::{self, Reservation, User};
use flashdeal_model::record::{Commit as Committed, RecordState as Row, Settlement as Settled};
use flashdeal_model::step::{Answer, Step};
use flashdeal_model::walk::{Expected, walks};
use uuid::Uuid;

use self::stores::Stores;

/// What the walks of the model begin with.
const ALLOTTED: u32 = 4;

#[tokio::test]
async fn the_reference_does_as_the_model_says() {
    let stores = stores::reference();
    replay(&stores, 1, 200, 60).await;
}

#[tokio::test]
async fn the_embedded_store_does_as_the_model_says() {
    let (_folder, stores) = stores::embedded();
    replay(&stores, 2, 400, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_and_redis_do_as_the_model_says() {
    let (_redis, stores) = stores::distributed().await;
    replay(&stores, 3, 100, 40).await;
}

async fn replay(stores: &Stores, seed: u64, count: usize, length: usize) {
    let mut replayed = 0;
    for (number, walk) in walks(seed, count, length).into_iter().enumerate() {
        let mut replay = Replay::begin(stores).await;
        for (place, (step, expected)) in walk.iter().enumerate() {
            let told = || {
                let taken: Vec<String> = walk[..=place].iter().map(|(step, _)| format!("{step:?}")).collect();
                format!("walk {number} of seed {seed}:\n{}\nexpected {expected:?}", taken.join("\n"))
            };
            let answer = replay.take(*step, expected).await;
            assert_eq!(answer, expected.answer, "{}", told());
            replayed += 1;
            replay.compare_record(expected, &told).await;
            if stores.ends_holds_when_settled && settles(*step, expected) {
                match walk.get(place + 1) {
                    Some((next, _)) if finishes(*next, *step, expected) => continue,
                    // From here on the model's gate has a hold that the store's has not.
                    _ => break,
                }
            }
            let settled = settles(*step, expected) || place + 1 == walk.len();
            replay.compare_gate(expected, settled, &told).await;
        }
    }
    assert!(replayed > count * 8, "only {replayed} steps");
}

/// Whether the step settled a hold in the record.
fn settles(step: Step, expected: &Expected) -> bool {
    match step {
        Step::Commit(..) | Step::Land(_) => matches!(expected.answer, Answer::Commit(Committed::Sold, _)),
        Step::Void(..) => true,
        _ => false,
    }
}

/// Whether the next step ends at the gate what the last one settled, with the record as it was then.
fn finishes(next: Step, last: Step, expected: &Expected) -> bool {
    let settled = match last {
        Step::Commit(_, sale) | Step::Land(sale) => sale.reservation,
        Step::Void(_, reservation) => reservation,
        _ => return false,
    };
    match next {
        Step::Finish(_, reservation, row) | Step::SettleFinish(reservation, row) => {
            reservation == settled && row == expected.record
        }
        _ => false,
    }
}

/// One walk on a product of its own.
struct Replay<'a> {
    stores: &'a Stores,
    record: &'a Arc<dyn StockRepository>,
    ledger: &'a Arc<dyn ReservationLedger>,
    product: ProductId,
    reservations: Vec<ReservationId>,
    tokens: HashMap<u8, OpeningToken>,
    /// The real state for each state of the model's row; the newest, as a void changes the one and not the other.
    states: HashMap<(u8, u8, i8), RecordState>,
}

impl<'a> Replay<'a> {
    /// A product on sale: the gate is open.
    async fn begin(stores: &'a Stores) -> Self {
        let (record, ledger) = (&stores.record, &stores.ledger);
        let product = ProductId::from_uuid(id());
        let new = Product {
            id: product,
            name: ProductName::parse("walk").unwrap(),
            description: Description::parse("").unwrap(),
            price: Price::from_cents(100_u64).unwrap(),
            total_stock: Units::new(ALLOTTED).unwrap(),
            terms: Terms::NONE,
            created_at: Timestamp::from_millis(1_795_348_800_000),
        };
        record.create_product(new).await.unwrap();
        let token = ledger.claim_opening(product).await.unwrap();
        let opened = record.open_epoch(product).await.unwrap().unwrap();
        assert_eq!(opened.epoch, Epoch(1), "the model counts epochs as the record does");
        assert!(ledger.open(product, token, opened).await.unwrap());
        let reservations = Reservation::all().map(|_| ReservationId::from_uuid(id())).collect();
        let states = HashMap::from([((1, 1, i8::try_from(ALLOTTED).unwrap()), opened)]);
        Self { stores, record, ledger, product, reservations, tokens: HashMap::new(), states }
    }

    async fn take(&mut self, step: Step, expected: &Expected) -> Answer {
        match step {
            Step::Reserve { user, quantity, candidate } => self.reserve(user, quantity, candidate).await,
            Step::Begin(_, reservation) => {
                let named = Some(self.real(reservation));
                match self.ledger.begin(self.product, &user(reservation.user()), named).await {
                    Ok(BeginOutcome::Paying { hold, epoch }) => {
                        let hold = self.model_hold(hold, true);
                        Answer::Begin(Begin::Paying(hold, u8::try_from(epoch.0).unwrap()))
                    }
                    Ok(BeginOutcome::NoHold) => Answer::Begin(Begin::NoHold),
                    Err(error) => closed(&error),
                }
            }
            Step::LookUp(_, reservation) | Step::SettleAsk(reservation) => {
                let settled = self.record.settlement(self.product, self.real(reservation)).await.unwrap();
                Answer::Settlement(settled.map(|settled| model_settlement(&settled)), expected.record)
            }
            Step::Commit(_, sale) | Step::Land(sale) => self.commit(sale, expected.record).await,
            Step::Void(_, reservation) => {
                let owner = user(reservation.user());
                let settled = self.record.void(self.product, self.real(reservation), &owner).await.unwrap();
                Answer::Settlement(settled.map(|settled| model_settlement(&settled)), expected.record)
            }
            Step::Finish(_, reservation, row) | Step::SettleFinish(reservation, row) => {
                let finish = Finish {
                    product: self.product,
                    user: user(reservation.user()),
                    reservation: self.real(reservation),
                    record: Some(self.state(row)),
                };
                done(self.ledger.finish(finish).await)
            }
            Step::Release(call) => match self.ledger.release(self.product, &user(call.user)).await {
                Ok(ReleaseOutcome::Released(hold)) => Answer::Release(Release::Released(self.model_hold(hold, false))),
                Ok(ReleaseOutcome::Paying(hold)) => Answer::Release(Release::Paying(self.model_hold(hold, true))),
                Ok(ReleaseOutcome::NoHold) => Answer::Release(Release::NoHold),
                Err(error) => closed(&error),
            },
            Step::ClaimOpening(_) => {
                let Answer::Token(token) = expected.answer else { panic!("{expected:?}") };
                self.tokens.insert(token.nonce, self.ledger.claim_opening(self.product).await.unwrap());
                expected.answer
            }
            Step::OpenEpoch(_) => {
                self.record.open_epoch(self.product).await.unwrap().unwrap();
                expected.answer
            }
            Step::Open(_, token, row) => {
                let token = self.tokens[&token.nonce].clone();
                Answer::Opened(self.ledger.open(self.product, token, self.state(row)).await.unwrap())
            }
            Step::Adopt(row) => done(self.ledger.adopt(self.product, self.state(row)).await),
            Step::Restock => {
                let stock = StockChange::Add { id: ReservationId::from_uuid(id()), units: Units::new(1_u32).unwrap() };
                let outcome = self.change(stock).await;
                assert!(matches!(outcome, ChangeOutcome::Changed(..)), "{outcome:?}");
                Answer::Done
            }
            Step::Flush => {
                self.stores.flush(self.product).await;
                Answer::Done
            }
            // These call nothing.
            Step::LoseConnection(..)
            | Step::AnswerAnyway(..)
            | Step::SettleLook(_)
            | Step::SettleStops
            | Step::Persist => Answer::Done,
            Step::Revert(..)
            | Step::TokenExpires
            | Step::DecreaseBehindTheGate
            | Step::DeadlinePasses(_)
            | Step::GracePasses(_)
            | Step::Restart => panic!("not a step of these walks: {step:?}"),
        }
    }

    async fn reserve(&self, of: User, quantity: ids::Units, candidate: Option<Reservation>) -> Answer {
        let call = ReserveCall {
            product: self.product,
            user: user(of),
            quantity: Units::new(quantity).unwrap(),
            candidate: candidate.map_or_else(|| ReservationId::from_uuid(id()), |candidate| self.real(candidate)),
            ttl: HoldTime::default(),
            key: None,
            // The terms of the sale are no part of the model.
            caller: if of == User::SHOP { Caller::Shop } else { Caller::Buyer },
        };
        match self.ledger.reserve(call).await {
            Ok(ReserveOutcome::Held { hold, created: true }) => {
                Answer::Reserve(Reserve::Created(self.model_hold(hold, false)))
            }
            Ok(ReserveOutcome::Held { hold, created: false }) => {
                Answer::Reserve(Reserve::Set(self.model_hold(hold, false)))
            }
            Ok(ReserveOutcome::Insufficient(_)) => Answer::Reserve(Reserve::Insufficient),
            Ok(ReserveOutcome::CheckoutInProgress) => Answer::Reserve(Reserve::CheckoutInProgress),
            Ok(other) => panic!("{other:?} without a key"),
            Err(error) => closed(&error),
        }
    }

    /// Of the shop's own hold the units leave without an order.
    async fn commit(&self, sale: flashdeal_model::record::Sale, row: Row) -> Answer {
        let reservation = self.real(sale.reservation);
        let (epoch, units) = (Epoch(i64::from(sale.epoch)), Units::new(sale.quantity).unwrap());
        let outcome = if sale.reservation.user() == User::SHOP {
            match self.change(StockChange::Withdraw(Withdrawal { reservation, epoch, units })).await {
                ChangeOutcome::Changed(..) => Committed::Sold,
                ChangeOutcome::Void => Committed::Void,
                ChangeOutcome::Fenced => Committed::Fenced,
                ChangeOutcome::NoStock => Committed::NoStock,
                other => panic!("{other:?}"),
            }
        } else {
            let sale = Sale {
                order: OrderId::from_uuid(id()),
                product: self.product,
                reservation,
                epoch,
                quantity: units,
                user: user(sale.reservation.user()),
                key: None,
            };
            match self.record.commit(sale).await.unwrap() {
                Commit::Sold { .. } => Committed::Sold,
                Commit::Void => Committed::Void,
                Commit::Fenced => Committed::Fenced,
                Commit::NoStock { .. } => Committed::NoStock,
                other => panic!("{other:?}"),
            }
        };
        Answer::Commit(outcome, row)
    }

    async fn change(&self, stock: StockChange) -> ChangeOutcome {
        let change = Change { stock, ..Change::default() };
        self.record.change_product(self.product, change).await.unwrap()
    }

    /// The record's row against what the model has after the step.
    async fn compare_record(&mut self, expected: &Expected, told: &dyn Fn() -> String) {
        let (_, state) = self.record.states(&[self.product]).await.unwrap()[0];
        let row = expected.record;
        assert_eq!(state.epoch.0, i64::from(row.epoch), "the record's epoch; {}", told());
        assert_eq!(i64::from(state.total.get()), i64::from(row.total), "the record's total; {}", told());
        self.states.insert((row.epoch, row.version, row.total), state);
    }

    /// The gate against what the model has after the step; the record's settlements too where the step may have `settled` one.
    async fn compare_gate(&self, expected: &Expected, settled: bool, told: &dyn Fn() -> String) {
        for reservation in Reservation::all().filter(|_| settled) {
            let settled = self.record.settlement(self.product, self.real(reservation)).await.unwrap();
            let settled = settled.map(|settled| model_settlement(&settled));
            assert_eq!(settled, expected.settlements[reservation], "{reservation:?}; {}", told());
        }
        let status = match self.ledger.status(self.product).await {
            Ok(level) => Some((level.total().get(), level.reserved().get(), level.available().get())),
            Err(LedgerError::Closed { .. }) => None,
            Err(error) => panic!("{error}"),
        };
        let units = |units: ids::Units| u32::try_from(units).unwrap();
        let wanted =
            expected.status.map(|status| (units(status.total), units(status.reserved), units(status.available)));
        assert_eq!(status, wanted, "the gate's status; {}", told());
        for owner in User::all().filter(|_| status.is_some()) {
            let hold = self.ledger.hold(self.product, &user(owner)).await.unwrap();
            let hold = hold.map(|hold| (hold.reservation, hold.quantity.get()));
            let wanted = expected.holds[owner].map(|hold| (self.real(hold.reservation), units(hold.quantity)));
            assert_eq!(hold, wanted, "{owner:?}'s hold; {}", told());
        }
    }

    fn real(&self, reservation: Reservation) -> ReservationId {
        self.reservations[usize::from(reservation.0)]
    }

    fn model_hold(&self, hold: flashdeal_domain::ports::Hold, paying: bool) -> Hold {
        let place = self.reservations.iter().position(|id| *id == hold.reservation).unwrap();
        let reservation = Reservation(u8::try_from(place).unwrap());
        Hold { reservation, quantity: i8::try_from(hold.quantity.get()).unwrap(), paying }
    }

    fn state(&self, row: Row) -> RecordState {
        self.states[&(row.epoch, row.version, row.total)]
    }
}

fn model_settlement(settled: &Settlement) -> Settled {
    match settled {
        Settlement::Sold(_) | Settlement::Withdrawn => Settled::Sold,
        Settlement::Void => Settled::Void,
    }
}

fn closed(error: &LedgerError) -> Answer {
    match error {
        LedgerError::Closed { had_state: false } => Answer::Closed(Closed::Load),
        LedgerError::Closed { had_state: true } => Answer::Closed(Closed::Reopen),
        LedgerError::Store(error) => panic!("{error}"),
    }
}

fn done(answer: Result<(), LedgerError>) -> Answer {
    answer.map_or_else(|error| closed(&error), |()| Answer::Done)
}

fn user(user: User) -> UserId {
    UserId::parse(&format!("{user:?}")).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test is its own source of ids")]
fn id() -> Uuid {
    Uuid::now_v7()
}
