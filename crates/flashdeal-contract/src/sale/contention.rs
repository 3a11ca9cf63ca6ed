//! Whole sales by many at once, over two instances, with and without loss of memory.

use flashdeal_domain::UserId;
use flashdeal_domain::ports::record::Commit;
use flashdeal_domain::ports::reservation::{BeginOutcome, LedgerError, ReserveOutcome};

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::{at_once, ok, state_of, units, users};

/// What became of one buyer's purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bought {
    /// This many.
    Some(u32),
    /// There were not enough left.
    SoldOut,
    /// The gate was closed, or lost the hold, on the way.
    Lost,
}

/// Reserve, begin, commit, finish; a gate found closed is reopened, and the purchase given up.
async fn buy(gate: &Gate, user: &UserId, quantity: u32) -> Bought {
    match gate.try_reserve(gate.call(user, quantity)).await {
        Ok(ReserveOutcome::Held { .. }) => {}
        Ok(ReserveOutcome::Insufficient(_)) => return Bought::SoldOut,
        Err(LedgerError::Closed { .. }) => return lost(gate).await,
        other => panic!("expected a hold or none left, got {other:?}"),
    }
    let (hold, epoch) = match gate.ledger.begin(gate.product, user, None).await {
        Ok(BeginOutcome::Paying { hold, epoch }) => (hold, epoch),
        Ok(BeginOutcome::NoHold) => return Bought::Lost,
        Err(LedgerError::Closed { .. }) => return lost(gate).await,
        Err(error) => panic!("a call failed: {error}"),
    };
    let state = match ok(gate.record.commit(gate.sale_of(user, hold, epoch)).await) {
        Commit::Sold { record, earlier: false, .. } => record,
        Commit::Fenced => return Bought::Lost,
        other => panic!("the gate promised what the record has not: {other:?}"),
    };
    let finish = flashdeal_domain::ports::reservation::Finish {
        product: gate.product,
        user: user.clone(),
        reservation: hold.reservation,
        record: Some(state),
    };
    match gate.ledger.finish(finish).await {
        Ok(()) | Err(LedgerError::Closed { .. }) => Bought::Some(quantity),
        Err(error) => panic!("a call failed: {error}"),
    }
}

async fn lost(gate: &Gate) -> Bought {
    let leave = ok(gate.ledger.claim_opening(gate.product).await);
    let state = gate.next_epoch().await;
    ok(gate.ledger.open(gate.product, leave, state).await);
    Bought::Lost
}

/// As [`buy`], again and again until there is nothing left to sell. A gate may have adopted a total before it heard of
/// the end of another sale in it; what it then has too little of for a moment, it has a moment later.
async fn buy_one_or_see_the_end(gate: &Gate, user: &UserId) -> Bought {
    loop {
        let bought = buy(gate, user, 1).await;
        if bought != Bought::SoldOut || gate.status().await.0 == 0 {
            return bought;
        }
        tokio::task::yield_now().await;
    }
}

/// The sale itself: everything is sold, to as many as there was for, and everyone else is told.
pub async fn two_hundred_buyers_share_fifty_units(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 50).await;
    let bought = at_once(users("buyer", 200).into_iter().enumerate().map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        async move { buy_one_or_see_the_end(&gate, &user).await }
    }))
    .await;
    let sold = bought.iter().filter(|bought| **bought == Bought::Some(1)).count();
    let refused = bought.iter().filter(|bought| **bought == Bought::SoldOut).count();
    assert_eq!((sold, refused), (50, 150));
    assert_eq!(gate.status().await, (0, 0, 0));
    assert_eq!(state_of(&gate.record, gate.product).await.total, units(0));
}

/// Two devices of one buyer at once buy one hold once.
pub async fn doubled_checkouts_are_one_order(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 100).await;
    let everyone = users("buyer", 20);
    for user in &everyone {
        gate.held(user, 2).await;
    }
    let doubles = everyone.iter().flat_map(|user| std::iter::repeat_n(user, 4));
    let sold = at_once(doubles.cloned().enumerate().map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        async move {
            let BeginOutcome::Paying { hold, epoch } = gate.try_begin(&user, None).await else {
                return 0;
            };
            match ok(gate.record.commit(gate.sale_of(&user, hold, epoch)).await) {
                Commit::Sold { record, earlier, .. } => {
                    gate.finish(&user, hold.reservation, Some(record)).await;
                    u32::from(!earlier)
                }
                other => panic!("expected the order, got {other:?}"),
            }
        }
    }))
    .await;
    assert_eq!(sold.into_iter().sum::<u32>(), 20);
    assert_eq!(gate.status().await, (60, 0, 60));
}

/// "Never more units sold than the record had", though the gate forgets everything again and again.
pub async fn a_gate_that_keeps_forgetting_never_oversells(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 60).await;
    let forgetful = {
        let gate = gate.second(fixture);
        tokio::spawn(async move {
            for _ in 0..8 {
                ok(gate.ledger.forget(gate.product).await);
                tokio::task::yield_now().await;
            }
        })
    };
    let bought = at_once(users("buyer", 200).into_iter().enumerate().map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        let quantity = ok(u32::try_from(nth % 3)) + 1;
        async move { buy(&gate, &user, quantity).await }
    }))
    .await;
    ok(forgetful.await);
    let sold: u32 = bought.iter().map(|bought| if let Bought::Some(units) = bought { *units } else { 0 }).sum();
    let left = state_of(&gate.record, gate.product).await.total.get();
    assert_eq!(sold + left, 60);
    // And when it remembers again, it agrees with the record.
    ok(gate.ledger.forget(gate.product).await);
    gate.reopen().await;
    assert_eq!(gate.status().await, (left, 0, left));
}

/// "reconcile: adopt a newer `version, total`": stock that came in elsewhere is sold here.
pub async fn restocked_units_are_sold_once_adopted(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    let everyone = users("buyer", 40);
    let restocker = {
        let gate = gate.second(fixture);
        tokio::spawn(async move {
            for _ in 0..5 {
                let state = gate.restock(3).await;
                gate.adopt(state).await;
            }
        })
    };
    let bought = at_once(everyone.iter().cloned().enumerate().map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        async move { buy(&gate, &user, 1).await }
    }))
    .await;
    ok(restocker.await);
    let early = bought.iter().filter(|bought| **bought == Bought::Some(1)).count();
    let left = 20 - ok(u32::try_from(early));
    assert_eq!(gate.status().await, (left, 0, left));
    assert_eq!(state_of(&gate.record, gate.product).await.total.get(), left);
}
