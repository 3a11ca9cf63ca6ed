//! The suite can fail: for each of these deliberate mistakes, the case that must find it does.
//!
//! A mutant is the reference implementation with one promise broken on its way in or out, often in a way that an adapter
//! could really get wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod feed;
mod gate;
mod record;
mod waiting;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_contract::{Case, FeedFixture, LedgerFixture, RecordFixture, RestartFixture, reference, run_bounded};
use flashdeal_contract::{feed as feed_suite, ledger, record as record_suite, restart, sale, waiting as waiting_suite};
use flashdeal_domain::ports::Clock;
use flashdeal_domain::{OrderFeed, ReservationLedger, StockRepository, WaitingList};

/// A fixture with at most one mistake.
struct Mutant {
    record: Arc<dyn StockRepository>,
    waiting: Arc<dyn WaitingList>,
    feed: Arc<dyn OrderFeed>,
    ledger: Arc<dyn ReservationLedger>,
    gate: Arc<reference::Ledger>,
    clock: Arc<reference::ManualClock>,
    restarts: bool,
}

/// Where the mistake is.
#[derive(Debug, Clone, Copy)]
enum Mistake {
    Record(record::Mistake),
    Waiting(waiting::Mistake),
    Feed(feed::Mistake),
    Gate(gate::Mistake),
    /// The gate's clock never steps back, so holds outlast a wall clock that did.
    ClockNeverStepsBack,
    /// The gate does not notice that its store restarted.
    RestartUnnoticed,
}

impl Mutant {
    fn new(mistake: Option<Mistake>) -> Self {
        let clock = Arc::new(reference::ManualClock::new());
        let books = Arc::new(reference::Record::new(clock.clone()));
        let record: Arc<dyn StockRepository> = books.clone();
        let gates_clock: Arc<dyn Clock> = match mistake {
            Some(Mistake::ClockNeverStepsBack) => gate::Ratchet::new(clock.clone()),
            _ => clock.clone(),
        };
        let gate = Arc::new(reference::Ledger::new(gates_clock));
        let feed: Arc<dyn OrderFeed> = Arc::new(reference::Feed::new(record.clone(), clock.clone()));
        Self {
            waiting: match mistake {
                Some(Mistake::Waiting(mistake)) => waiting::Wrong::new(books, mistake),
                _ => books,
            },
            feed: match mistake {
                Some(Mistake::Feed(mistake)) => feed::Wrong::new(feed, mistake),
                _ => feed,
            },
            record: match mistake {
                Some(Mistake::Record(mistake)) => record::Wrong::new(record, mistake),
                _ => record,
            },
            ledger: match mistake {
                Some(Mistake::Gate(mistake)) => gate::Wrong::new(gate.clone(), mistake),
                _ => gate.clone(),
            },
            gate,
            clock,
            restarts: !matches!(mistake, Some(Mistake::RestartUnnoticed)),
        }
    }
}

#[async_trait]
impl RecordFixture for Mutant {
    fn record(&self) -> Arc<dyn StockRepository> {
        self.record.clone()
    }

    fn waiting(&self) -> Arc<dyn WaitingList> {
        self.waiting.clone()
    }
}

#[async_trait]
impl FeedFixture for Mutant {
    fn feed(&self) -> Arc<dyn OrderFeed> {
        self.feed.clone()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(i64::try_from(time.as_millis()).unwrap());
    }
}

#[async_trait]
impl LedgerFixture for Mutant {
    fn ledger(&self) -> Arc<dyn ReservationLedger> {
        self.ledger.clone()
    }

    async fn advance_clock(&self, by_ms: i64) {
        self.clock.advance(by_ms);
    }

    async fn run_clock(&self) {
        self.clock.run();
    }
}

#[async_trait]
impl RestartFixture for Mutant {
    async fn restart_store(&self) {
        if self.restarts {
            self.gate.restart();
        }
    }
}

/// Whether the case, found by its whole name such as `ledger::deadlines::…`, passes with this mistake.
fn passes(name: &str, mistake: Option<Mistake>) -> bool {
    let (suite, case) = name.split_once("::").unwrap();
    match suite {
        "record" => passes_in(record_suite::CASES, case, mistake, |mutant| mutant),
        "waiting" => passes_in(waiting_suite::CASES, case, mistake, |mutant| mutant),
        "feed" => passes_in(feed_suite::CASES, case, mistake, |mutant| mutant),
        "ledger" => passes_in(ledger::CASES, case, mistake, |mutant| mutant),
        "restart" => passes_in(restart::CASES, case, mistake, |mutant| mutant),
        "sale" => passes_in(sale::CASES, case, mistake, |mutant| mutant),
        other => panic!("no suite {other}"),
    }
}

fn passes_in<F: ?Sized>(
    cases: &[Case<F>],
    name: &str,
    mistake: Option<Mistake>,
    seen_as: impl Fn(&Mutant) -> &F,
) -> bool {
    let case = cases.iter().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("no case {name}"));
    let run = || {
        run_bounded(
            Duration::from_secs(10),
            async || Mutant::new(mistake),
            async |mutant: &Mutant| (case.run)(seen_as(mutant)).await,
        );
    };
    catch_unwind(AssertUnwindSafe(run)).is_ok()
}

#[test]
fn every_mistake_is_found_by_the_case_that_is_there_for_it() {
    let mistakes = record::MISTAKES
        .iter()
        .map(|(mistake, case)| (Mistake::Record(*mistake), *case))
        .chain(waiting::MISTAKES.iter().map(|(mistake, case)| (Mistake::Waiting(*mistake), *case)))
        .chain(feed::MISTAKES.iter().map(|(mistake, case)| (Mistake::Feed(*mistake), *case)))
        .chain(gate::MISTAKES.iter().map(|(mistake, case)| (Mistake::Gate(*mistake), *case)))
        .chain([
            (Mistake::ClockNeverStepsBack, "ledger::deadlines::a_clock_that_steps_back_lengthens_no_hold"),
            (Mistake::RestartUnnoticed, "restart::restarts::a_restarted_gate_is_closed_with_its_state"),
        ]);
    // The cases are meant to panic here: what they say would only be noise.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut wrong = Vec::new();
    for (mistake, case) in mistakes {
        if !passes(case, None) {
            wrong.push(format!("{case} fails without a mistake"));
        } else if passes(case, Some(mistake)) {
            wrong.push(format!("{case} does not find {mistake:?}"));
        }
    }
    std::panic::set_hook(hook);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
