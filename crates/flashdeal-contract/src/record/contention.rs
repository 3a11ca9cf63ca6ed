//! Many at once, over two instances: what must hold however they interleave.

use std::collections::BTreeSet;
use std::sync::Arc;

use flashdeal_domain::ports::record::{ChangeOutcome, Commit, Settlement, StockChange};
use flashdeal_domain::{StockRepository, Units};

use crate::RecordFixture;
use crate::record::withdrawals::withdrawal;
use crate::support::{Dice, add, at_once, create_with_state, ok, sale, state_of, stock, units, user, users};

/// One of the two instances, in turn.
fn instance(fixture: &dyn RecordFixture, nth: usize) -> Arc<dyn StockRepository> {
    if nth.is_multiple_of(2) { fixture.record() } else { fixture.second_record() }
}

/// "Never more units sold than the record had", and never fewer than were asked for.
pub async fn fifty_units_are_sold_to_fifty_of_four_hundred(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 50).await;
    let buyers = users("buyer", 400);
    let answers = at_once(buyers.into_iter().enumerate().map(|(nth, buyer)| {
        let record = instance(fixture, nth);
        let mut sale = sale(product, state.epoch, 1);
        sale.user = buyer;
        async move { ok(record.commit(sale).await) }
    }))
    .await;
    let mut orders = BTreeSet::new();
    for answer in answers {
        match answer {
            Commit::Sold { order, earlier: false, record } => {
                assert!(record.total < units(50), "a sale left as much as there was");
                assert!(orders.insert(order.id), "one order twice");
            }
            Commit::NoStock { record } => assert_eq!(record.total, Units::ZERO),
            other => panic!("expected a sale or no stock, got {other:?}"),
        }
    }
    assert_eq!(orders.len(), 50);
    let now = state_of(&record, product).await;
    assert_eq!(now.total, Units::ZERO);
    assert!(now.version > state.version);
}

/// "Settled once": doubles, in the same batch or not, are one order.
pub async fn one_hold_committed_64_times_is_one_order(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 50).await;
    let one = sale(product, state.epoch, 3);
    let answers = at_once((0..64).map(|nth| {
        let record = instance(fixture, nth);
        let double = flashdeal_domain::ports::record::Sale { order: crate::support::order_id(), ..one.clone() };
        async move { ok(record.commit(double).await) }
    }))
    .await;
    let mut orders = BTreeSet::new();
    let mut firsts = 0;
    for answer in answers {
        match answer {
            Commit::Sold { order, earlier, .. } => {
                orders.insert(order.id);
                firsts += u32::from(!earlier);
            }
            other => panic!("expected the order, got {other:?}"),
        }
    }
    assert_eq!((orders.len(), firsts), (1, 1));
    assert_eq!(state_of(&record, product).await.total, units(47));
}

/// Exactly one of them wins, and everyone hears the same afterwards.
pub async fn a_sale_racing_a_void_has_one_outcome(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 1000).await;
    let races = at_once((0..60).map(|nth| {
        let (one, other) = (instance(fixture, nth), instance(fixture, nth + 1));
        let sale = sale(product, state.epoch, 1);
        async move {
            let (reservation, void_first) = (sale.reservation, nth % 3 == 0);
            let buyer = user("ada");
            let (again, late) = (sale.clone(), sale.clone());
            let void = tokio::spawn(async move { ok(other.void(product, reservation, &buyer).await) });
            if void_first {
                tokio::task::yield_now().await;
            }
            let sold = ok(one.commit(sale).await);
            (sold, ok(void.await), again, ok(one.commit(late).await))
        }
    }))
    .await;
    let mut sold = 0;
    for (commit, void, sale, again) in races {
        let settled = ok(record.settlement(product, sale.reservation).await);
        assert_eq!(void, settled);
        match (commit, void) {
            (Commit::Sold { order, earlier: false, .. }, Some(Settlement::Sold(of))) => {
                assert_eq!(order, of);
                assert!(matches!(again, Commit::Sold { order, earlier: true, .. } if order == of));
                sold += 1;
            }
            (Commit::Void, Some(Settlement::Void)) => assert_eq!(again, Commit::Void),
            contradiction => panic!("two outcomes of one hold: {contradiction:?}"),
        }
    }
    assert_eq!(state_of(&record, product).await.total, units(1000 - sold));
}

/// "they are admitted … while the stock lasts": whatever was refused did not fit then.
pub async fn mixed_quantities_never_sum_above_the_stock(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 300).await;
    let mut dice = Dice::new(7);
    let wanted: Vec<u32> = (0..200).map(|_| 1 + dice.roll(9)).collect();
    let answers = at_once(wanted.into_iter().enumerate().map(|(nth, quantity)| {
        let record = instance(fixture, nth);
        async move { (quantity, ok(record.commit(sale(product, state.epoch, quantity)).await)) }
    }))
    .await;
    let mut sold = 0;
    for (quantity, answer) in answers {
        match answer {
            Commit::Sold { order, earlier: false, .. } => {
                assert_eq!(order.quantity, units(quantity));
                sold += quantity;
            }
            Commit::NoStock { record } => assert!(record.total < units(quantity)),
            other => panic!("expected a sale or no stock, got {other:?}"),
        }
    }
    let left = state_of(&record, product).await.total.get();
    assert_eq!((sold + left, left < 9), (300, true), "sold {sold}, left {left}");
}

/// "the deltas of a product always sum to its stock", when every kind of change is made at once.
pub async fn increases_withdrawals_and_sales_at_once_balance(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 40).await;
    let deltas = at_once((0..150).map(|nth| {
        let record = instance(fixture, nth);
        async move {
            match nth % 3 {
                0 => {
                    ok(record.change_product(product, add(2)).await);
                    2
                }
                1 => {
                    let decrease = StockChange::Withdraw(withdrawal(state.epoch, 3));
                    match ok(record.change_product(product, stock(decrease)).await) {
                        ChangeOutcome::Changed(..) => -3,
                        ChangeOutcome::NoStock => 0,
                        other => panic!("expected a decrease, got {other:?}"),
                    }
                }
                _ => match ok(record.commit(sale(product, state.epoch, 1)).await) {
                    Commit::Sold { .. } => -1,
                    Commit::NoStock { .. } => 0,
                    other => panic!("expected a sale or no stock, got {other:?}"),
                },
            }
        }
    }))
    .await;
    let sum: i64 = deltas.into_iter().sum();
    let left = i64::from(state_of(&record, product).await.total.get());
    assert_eq!(left, 40 + sum);
}

/// Sales of two products that wait together are answered each with its own.
pub async fn two_products_at_once_do_not_mix(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (first, state) = create_with_state(&record, 30).await;
    let (second, _) = create_with_state(&record, 10).await;
    let answers = at_once((0..100).map(|nth| {
        let record = instance(fixture, nth / 2);
        let product = if nth % 2 == 0 { first } else { second };
        let sale = sale(product, state.epoch, 1);
        async move { (sale.clone(), ok(record.commit(sale).await)) }
    }))
    .await;
    let mut sold = [0, 0];
    for (sale, answer) in answers {
        if let Commit::Sold { order, .. } = answer {
            assert_eq!((order.id, order.reservation), (sale.order, sale.reservation));
            assert_eq!(order.product, sale.product);
            let [of_first, of_second] = &mut sold;
            *(if sale.product == first { of_first } else { of_second }) += 1;
        }
    }
    assert_eq!(sold, [30, 10]);
}

/// "A caller who stops waiting cannot leave a transaction half done or a connection unusable."
pub async fn a_caller_who_stops_waiting_leaves_nothing_half_done(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 1000).await;
    let sales: Vec<_> = (0..100).map(|_| sale(product, state.epoch, 1)).collect();
    for (nth, sale) in sales.iter().cloned().enumerate() {
        let record = instance(fixture, nth);
        let task = tokio::spawn(async move { record.commit(sale).await });
        for _ in 0..nth % 10 {
            tokio::task::yield_now().await;
        }
        task.abort();
    }
    let mut orders = BTreeSet::new();
    for (nth, sale) in sales.into_iter().enumerate() {
        match ok(instance(fixture, nth).commit(sale).await) {
            Commit::Sold { order, .. } => assert!(orders.insert(order.id)),
            other => panic!("expected a sale, got {other:?}"),
        }
    }
    assert_eq!(orders.len(), 100);
    assert_eq!(state_of(&record, product).await.total, units(900));
}
