//! The waiting list, as buyers meet it: who is called, when, and with how much.

use std::sync::Arc;

use flashdeal_domain::ports::record::Change;
use flashdeal_domain::ports::{Place, Waiting};
use flashdeal_domain::{
    Edit, JoinRequest, Joined, PageRequest, PageSize, Quantity, Reservation, Round, SaleError, Shortage, TermsPatch,
    TermsRefusal, Timestamp, UserId, Wait,
};
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::LedgerFixture;
use crate::ledger::gate::TTL;
use crate::ledger::terms::{ending, limited, now, starting};
use crate::mortal::{Edge, KillPoint, Mortal};
use crate::sale::shop::Shop;
use crate::support::{at_once, change, ok, units, user};

async fn try_join(shop: &Shop, name: &str, quantity: u32) -> Result<Joined, SaleError> {
    let quantity = ok(Quantity::new(quantity));
    shop.sale.join(JoinRequest { product: shop.gate.product, user: user(name), quantity }).await
}

/// Puts somebody in line, and answers how many stand before them.
async fn join(shop: &Shop, name: &str, quantity: u32) -> u64 {
    let joined = ok(try_join(shop, name, quantity).await);
    assert!(joined.created, "{joined:?}");
    joined.ahead
}

/// The usher's rounds until nothing is left to do.
async fn usher(shop: &Shop) -> Round {
    let mut all = Round::default();
    loop {
        let round = ok(shop.sale.usher(Round { after: all.after, ..Round::default() }).await);
        all = Round { called: all.called + round.called, dropped: all.dropped + round.dropped, ..round };
        if round.after.is_none() && round.called + round.dropped == 0 {
            return all;
        }
    }
}

async fn hold(shop: &Shop, name: &str) -> Option<Reservation> {
    match shop.sale.hold(shop.gate.product, &user(name)).await {
        Ok(hold) => Some(hold),
        Err(SaleError::NoReservation) => None,
        Err(other) => panic!("{other}"),
    }
}

async fn holds(shop: &Shop, name: &str) -> u32 {
    hold(shop, name).await.map_or(0, |hold| hold.quantity.get())
}

async fn release(shop: &Shop, name: &str) {
    ok(shop.sale.release(shop.gate.product, &user(name)).await);
}

fn behind<T: std::fmt::Debug>(answer: Result<T, SaleError>) -> u32 {
    match answer {
        Err(SaleError::InsufficientStock { available, shortage: Shortage::WaitingList }) => available.get(),
        other => panic!("expected that others wait, got {other:?}"),
    }
}

/// A shop whose units are all held, by one.
async fn held_by(fixture: &dyn LedgerFixture, holder: &str, total: u32) -> Shop {
    let shop = Shop::open(fixture, total).await;
    shop.reserve(&user(holder), total).await;
    shop
}

/// Release by release, each to the next in line; on either server.
pub async fn who_waits_is_called_in_their_turn(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 1).await;
    let names = ["ada", "ben", "cid"];
    for (nth, name) in (0..).zip(names) {
        assert_eq!(join(&shop.instance(fixture, nth), name, 1).await, u64::try_from(nth).unwrap_or_default());
    }
    assert_eq!(usher(&shop).await.called, 0);
    let mut before = "eve";
    for (nth, name) in (0..).zip(names) {
        release(&shop, before).await;
        assert_eq!(usher(&shop.instance(fixture, nth)).await.called, 1);
        assert_eq!((holds(&shop, name).await, shop.status().await), (1, (1, 1, 0)));
        before = name;
    }
    release(&shop, before).await;
    assert_eq!(usher(&shop).await, Round::default());
    // With the last of them, the line is gone.
    shop.reserve(&user("fay"), 1).await;
}

/// "its gate refuses whoever is not called", however free the units are, until the last in line was called.
pub async fn a_walk_in_gets_nothing_while_somebody_waits(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 3).await;
    join(&shop, "ada", 2).await;
    assert_eq!(behind(shop.try_reserve(&user("fay"), 1).await), 0);
    release(&shop, "eve").await;
    assert_eq!(behind(shop.instance(fixture, 1).try_reserve(&user("fay"), 1).await), 3);
    assert_eq!(behind(shop.try_reserve(&user("eve"), 1).await), 3);
    assert_eq!(usher(&shop).await.called, 1);
    assert_eq!(holds(&shop, "ada").await, 2);
    shop.reserve(&user("fay"), 1).await;
    let sold_out = shop.try_reserve(&user("eve"), 1).await;
    assert!(matches!(sold_out, Err(SaleError::InsufficientStock { shortage: Shortage::AllHeld, .. })), "{sold_out:?}");
    // Where nothing is left at all, that is told.
    ok(shop.checkout(&user("ada")).await);
    ok(shop.checkout(&user("fay")).await);
    join(&shop, "ben", 1).await;
    let sold_out = shop.try_reserve(&user("eve"), 1).await;
    assert!(matches!(sold_out, Err(SaleError::InsufficientStock { shortage: Shortage::SoldOut, .. })), "{sold_out:?}");
    // A restock is for those who wait.
    ok(shop.restock(1).await);
    assert_eq!(behind(shop.try_reserve(&user("eve"), 1).await), 1);
    assert_eq!((usher(&shop).await.called, holds(&shop, "ben").await), (1, 1));
}

/// What joining, asking and leaving answer.
pub async fn who_waits_is_told_where_they_stand(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 2).await;
    let product = shop.gate.product;
    let not_waiting = |answer: Result<Wait, SaleError>| matches!(answer, Err(SaleError::NotWaiting));
    assert!(not_waiting(shop.sale.wait(product, &user("ada")).await));
    assert!(matches!(shop.sale.leave(product, &user("ada")).await, Err(SaleError::NotWaiting)));
    join(&shop, "ada", 1).await;
    join(&shop, "ben", 1).await;
    let again = ok(try_join(&shop, "ben", 2).await);
    assert_eq!((again.created, again.ahead, again.waiting.quantity.get()), (false, 1, 2));
    match ok(shop.sale.wait(product, &user("ben")).await) {
        Wait::Waits { waiting, ahead: 1 } => assert_eq!(waiting, again.waiting),
        other => panic!("{other:?}"),
    }
    let page = |after: Option<Place>| PageRequest { size: ok(PageSize::new(1)), after };
    let first = ok(shop.sale.line(product, page(None)).await);
    let names = |page: &[Waiting]| page.iter().map(|waiting| waiting.user.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!((names(&first.items), first.next.is_some()), (vec!["ada".to_owned()], true));
    let second = ok(shop.sale.line(product, page(first.next)).await);
    assert_eq!((names(&second.items), second.next), (vec!["ben".to_owned()], None));
    ok(shop.sale.leave(product, &user("ada")).await);
    release(&shop, "eve").await;
    usher(&shop).await;
    let called = shop.sale.wait(product, &user("ben")).await;
    assert_eq!(ok(called), Wait::Called(hold(&shop, "ben").await.unwrap_or_else(|| panic!("ben holds nothing"))));
    release(&shop, "ben").await;
    assert!(not_waiting(shop.sale.wait(product, &user("ben")).await));
    let nowhere = crate::support::product_id();
    assert!(matches!(shop.sale.wait(nowhere, &user("ada")).await, Err(SaleError::ProductNotFound)));
    assert!(matches!(shop.sale.leave(nowhere, &user("ada")).await, Err(SaleError::ProductNotFound)));
    assert!(matches!(shop.sale.line(nowhere, page(None)).await, Err(SaleError::ProductNotFound)));
}

/// "once that much is free; until then it waits for them, and so does everybody behind".
pub async fn the_first_keeps_their_turn_until_enough_is_there(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    for (name, quantity) in [("eve", 2), ("fay", 2), ("gil", 1)] {
        shop.reserve(&user(name), quantity).await;
    }
    join(&shop, "ada", 3).await;
    join(&shop, "ben", 1).await;
    release(&shop, "eve").await;
    assert_eq!(usher(&shop).await.called, 0);
    assert_eq!((holds(&shop, "ben").await, shop.status().await), (0, (5, 3, 2)));
    release(&shop, "fay").await;
    assert_eq!(usher(&shop).await.called, 2);
    assert_eq!((holds(&shop, "ada").await, holds(&shop, "ben").await), (3, 1));
}

/// "where less is left to sell altogether … they are called with that": units that nobody could ever have would be lost.
pub async fn the_last_units_go_to_the_first_who_waits(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    shop.reserve(&user("eve"), 3).await;
    shop.reserve(&user("fay"), 2).await;
    join(&shop, "ada", 4).await;
    join(&shop, "ben", 1).await;
    ok(shop.checkout(&user("eve")).await);
    // Two are left, and held: they may all come free, or be sold.
    assert_eq!(usher(&shop).await.called, 0);
    release(&shop, "fay").await;
    assert_eq!(usher(&shop).await.called, 1);
    assert_eq!((holds(&shop, "ada").await, holds(&shop, "ben").await), (2, 0));
    ok(shop.checkout(&user("ada")).await);
    // Sold out: who waits now waits for a restock.
    assert_eq!(usher(&shop).await.called, 0);
    ok(shop.restock(1).await);
    assert_eq!((usher(&shop).await.called, holds(&shop, "ben").await), (1, 1));
}

/// To the millisecond of the gate's clock.
pub async fn who_waits_for_a_start_is_called_at_the_start(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 2).await;
    shop.status().await;
    let start = now(&shop.gate).await + 1000;
    change(&shop.gate.record, shop.gate.product, Change { terms: starting(start), ..Change::default() }).await;
    for name in ["ada", "ben", "cid"] {
        join(&shop, name, 1).await;
    }
    let early = shop.try_reserve(&user("eve"), 1).await;
    assert!(matches!(early, Err(SaleError::Terms(TermsRefusal::NotStarted { .. }))), "{early:?}");
    fixture.advance_clock(999).await;
    assert_eq!(usher(&shop).await.called, 0);
    fixture.advance_clock(1).await;
    assert_eq!(behind(shop.try_reserve(&user("eve"), 1).await), 2);
    assert_eq!(usher(&shop).await.called, 2);
    assert_eq!((holds(&shop, "ada").await, holds(&shop, "ben").await, holds(&shop, "cid").await), (1, 1, 0));
}

/// A wait that could never end is refused as a reserve would be.
pub async fn what_can_never_be_granted_is_not_waited_for(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 9).await;
    let product = shop.gate.product;
    // The instants are by the server's clock here, which runs far from the gates'.
    let far = Timestamp::from_millis(253_000_000_000_000).as_millis();
    let terms = TermsPatch { max_per_reservation: limited(2).max_per_reservation, ..starting(far) };
    change(&shop.gate.record, product, Change { terms, ..Change::default() }).await;
    let over = try_join(&shop, "ada", 3).await;
    assert!(matches!(over, Err(SaleError::Terms(TermsRefusal::OverLimit { .. }))), "{over:?}");
    join(&shop, "ada", 2).await;
    let terms = TermsPatch { starts_at: Edit::Clear, ..ending(1) };
    change(&shop.gate.record, product, Change { terms, ..Change::default() }).await;
    let ended = try_join(&shop, "ben", 1).await;
    assert!(matches!(ended, Err(SaleError::Terms(TermsRefusal::Ended { .. }))), "{ended:?}");
    let request =
        JoinRequest { product: crate::support::product_id(), user: user("ada"), quantity: ok(Quantity::new(1)) };
    assert!(matches!(shop.sale.join(request).await, Err(SaleError::ProductNotFound)));
}

/// "or the limit is lower by now, they are called with that".
pub async fn a_limit_that_was_lowered_binds_who_is_called(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 9).await;
    join(&shop, "ada", 5).await;
    join(&shop, "ben", 1).await;
    change(&shop.gate.record, shop.gate.product, Change { terms: limited(2), ..Change::default() }).await;
    shop.tick().await;
    release(&shop, "eve").await;
    assert_eq!(usher(&shop).await.called, 2);
    assert_eq!((holds(&shop, "ada").await, holds(&shop, "ben").await), (2, 1));
}

/// Their hold stays as it is, and the turn goes to the next.
pub async fn who_holds_already_is_done(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 3).await;
    shop.reserve(&user("ada"), 1).await;
    shop.reserve(&user("ben"), 2).await;
    shop.gate.begin(&user("ben")).await;
    join(&shop, "ada", 3).await;
    join(&shop, "ben", 1).await;
    join(&shop, "cid", 1).await;
    let before = (hold(&shop, "ada").await, hold(&shop, "ben").await);
    assert_eq!(usher(&shop).await.called, 2);
    assert_eq!((hold(&shop, "ada").await, hold(&shop, "ben").await), before);
    release(&shop, "ada").await;
    assert_eq!((usher(&shop).await.called, holds(&shop, "cid").await), (1, 1));
}

/// A hold that is given back, lapses or is paid for is the end of it.
pub async fn who_was_called_is_not_called_again(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 1).await;
    for name in ["ada", "ben", "cid"] {
        join(&shop, name, 1).await;
    }
    release(&shop, "eve").await;
    usher(&shop).await;
    release(&shop, "ada").await;
    usher(&shop).await;
    assert_eq!((holds(&shop, "ada").await, holds(&shop, "ben").await), (0, 1));
    // A lapse is noticed at once, without anybody's call.
    fixture.advance_clock(i64::try_from(TTL).unwrap_or(i64::MAX) - 1).await;
    assert_eq!(usher(&shop).await.called, 0);
    fixture.advance_clock(1).await;
    assert_eq!(usher(&shop).await.called, 1);
    assert_eq!((holds(&shop, "ben").await, holds(&shop, "cid").await), (0, 1));
    ok(shop.checkout(&user("cid")).await);
    ok(shop.restock(3).await);
    assert_eq!(usher(&shop).await.called, 0);
    assert_eq!(shop.status().await, (3, 0, 3));
    // Who wants more joins anew.
    join(&shop, "ada", 1).await;
    assert_eq!((usher(&shop).await.called, holds(&shop, "ada").await), (1, 1));
}

/// Nobody waits for what will never come, and nothing is left of them.
pub async fn a_line_of_a_sale_that_ended_is_dropped(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 1).await;
    let product = shop.gate.product;
    for nth in 0..40 {
        join(&shop, &format!("ada-{nth}"), 1).await;
    }
    let end = shop.gate.hold(&user("eve")).await.map_or(0, |hold| hold.expires_at.as_millis()) - 1;
    change(&shop.gate.record, product, Change { terms: ending(end), ..Change::default() }).await;
    assert_eq!(usher(&shop).await, Round { queues: 1, ..Round::default() });
    fixture.advance_clock(i64::try_from(TTL).unwrap_or(i64::MAX)).await;
    let round = usher(&shop).await;
    assert_eq!((round.called, round.dropped), (0, 40));
    assert_eq!(shop.status().await, (1, 0, 1));
    let late = shop.try_reserve(&user("fay"), 1).await;
    assert!(matches!(late, Err(SaleError::Terms(TermsRefusal::Ended { .. }))), "{late:?}");
    assert_eq!(ok(shop.gate.waiting.queues(None, 10).await), []);
}

/// More than are read at a time, with quantities that differ: a prefix is called, as far as the units last.
pub async fn a_long_line_is_served_in_order(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 100).await;
    let wanted: Vec<u32> = (0..90).map(|nth| 1 + nth % 3).collect();
    for (nth, quantity) in wanted.iter().enumerate() {
        join(&shop, &format!("ada-{nth}"), *quantity).await;
    }
    release(&shop, "eve").await;
    usher(&shop).await;
    let mut left = 100;
    for (nth, quantity) in wanted.iter().enumerate() {
        let called = left >= *quantity;
        left = if called { left - quantity } else { 0 };
        assert_eq!(holds(&shop, &format!("ada-{nth}")).await, if called { *quantity } else { 0 }, "the {nth}th");
    }
}

/// Side by side on two servers, again and again: the first ten are called, each once.
pub async fn two_ushers_call_nobody_twice(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 10).await;
    for nth in 0..20 {
        join(&shop, &format!("ada-{nth}"), 1).await;
    }
    release(&shop, "eve").await;
    let ushers = (0..8).map(|nth| {
        let shop = shop.instance(fixture, nth);
        tokio::spawn(async move { ok(shop.sale.usher(Round::default()).await) })
    });
    at_once(ushers).await.into_iter().for_each(|round| {
        ok(round);
    });
    assert_eq!(shop.status().await, (10, 10, 0));
    for nth in 0..20 {
        assert_eq!(holds(&shop, &format!("ada-{nth}")).await, u32::from(nth < 10), "the {nth}th");
    }
    let line = ok(shop.gate.waiting.line(shop.gate.product, None, 100).await);
    assert_eq!(line.iter().map(|waiting| waiting.user.clone()).collect::<Vec<_>>(), names("ada", 10..20));
}

fn names(name: &str, numbers: std::ops::Range<usize>) -> Vec<UserId> {
    numbers.map(|nth| user(&format!("{name}-{nth}"))).collect()
}

/// Units come and go, dozens try their luck all the while, and whatever comes free goes down the line.
pub async fn walk_ins_by_the_dozen_take_nothing_from_those_who_wait(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 12).await;
    for nth in 0..30 {
        join(&shop, &format!("ada-{nth}"), 1).await;
    }
    let walk_ins = (0..24).map(|nth| {
        let shop = shop.instance(fixture, nth);
        tokio::spawn(async move {
            for round in 0..10 {
                behind(shop.try_reserve(&user(&format!("fay-{nth}-{round}")), 1).await);
            }
        })
    });
    let ushers = (0..2).map(|nth| {
        let shop = shop.instance(fixture, nth);
        tokio::spawn(async move {
            for _ in 0..20 {
                ok(shop.sale.usher(Round::default()).await);
            }
        })
    });
    release(&shop, "eve").await;
    at_once(walk_ins.chain(ushers)).await.into_iter().for_each(ok);
    usher(&shop).await;
    assert_eq!(shop.status().await, (12, 12, 0));
    for nth in 0..30 {
        assert_eq!(holds(&shop, &format!("ada-{nth}")).await, u32::from(nth < 12), "the {nth}th");
    }
}

/// "[`SaleError::WaitingListFull`]", by the policy.
pub async fn a_full_line_is_refused(fixture: &dyn LedgerFixture) {
    let shop = held_by(fixture, "eve", 1).await.with_most_waiting(2);
    join(&shop, "ada", 1).await;
    join(&shop, "ben", 1).await;
    let full = try_join(&shop, "cid", 1).await;
    assert!(matches!(full, Err(SaleError::WaitingListFull)), "{full:?}");
    assert!(!ok(try_join(&shop, "ben", 2).await).created);
}

/// An usher dies before or after each of its store calls; another goes on, and everybody has had their turn, once.
pub async fn a_call_dies_anywhere(fixture: &dyn LedgerFixture) {
    let calls = one_life(fixture, None).await;
    assert!(calls > 5, "an usher makes more calls than {calls}");
    for nth in 0..calls {
        for edge in [Edge::Before, Edge::After] {
            one_life(fixture, Some(KillPoint { nth, edge })).await;
        }
    }
}

async fn one_life(fixture: &dyn LedgerFixture, dies_at: Option<KillPoint>) -> usize {
    let shop = held_by(fixture, "eve", 2).await;
    for name in ["ada", "ben", "cid"] {
        join(&shop, name, 1).await;
    }
    release(&shop, "eve").await;
    let mortal = Mortal::new(fixture, dies_at);
    let doomed = shop.served_by(Arc::clone(&mortal));
    let deed = doomed.sale.usher(Round::default()).boxed();
    match select(deed, mortal.death().boxed()).await {
        Either::Left((done, _)) => {
            ok(done);
        }
        Either::Right(((), _)) => assert!(dies_at.is_some()),
    }
    let named = format!("{dies_at:?}, of {:?}", mortal.calls());
    // Who was called just before the death, and gives it back at once, has had their turn all the same.
    let gave_back = dies_at.is_some() && hold(&shop, "ada").await.is_some();
    if gave_back {
        release(&shop, "ada").await;
    }
    let second = shop.instance(fixture, 1);
    usher(&second).await;
    let (ada, ben, cid) = (holds(&shop, "ada").await, holds(&shop, "ben").await, holds(&shop, "cid").await);
    assert_eq!((ada, ben, cid), if gave_back { (0, 1, 1) } else { (1, 1, 0) }, "{named}");
    assert_eq!(shop.status().await, (2, 2, 0), "{named}");
    let line = ok(shop.gate.waiting.line(shop.gate.product, None, 10).await);
    assert_eq!(line.len(), usize::from(!gave_back), "{named}");
    assert_eq!(shop.gate.hold(&user("ben")).await.map(|hold| hold.quantity), Some(units(1)));
    // The next life's usher has this line before it no more: each of its calls is about its own.
    ok(shop.gate.waiting.remove(shop.gate.product, &line).await);
    mortal.calls().len()
}
