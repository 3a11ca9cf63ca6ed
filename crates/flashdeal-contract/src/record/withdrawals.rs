//! Decreases: units that leave the record without an order.

use std::sync::Arc;

use flashdeal_domain::ports::record::{ChangeOutcome, Commit, Settlement, StockChange, Withdrawal};
use flashdeal_domain::{Epoch, OrderFilter, PageRequest, PageSize, ProductId, ReservationId, StockRepository, Version};

use crate::RecordFixture;
use crate::record::changes::refused_whole;
use crate::support::{
    add, change, create_with_state, ok, reservation_id, sale, sell, some, state_of, stock, units, user,
};

/// A decrease by a hold nobody has heard of yet.
pub(super) fn withdrawal(epoch: Epoch, by: u32) -> Withdrawal {
    Withdrawal { reservation: reservation_id(), epoch, units: units(by) }
}

async fn settlement(
    record: &Arc<dyn StockRepository>,
    product: ProductId,
    reservation: ReservationId,
) -> Option<Settlement> {
    ok(record.settlement(product, reservation).await)
}

/// "A decrease: a hold of the gate whose units leave the record without an order. Settles its reservation."
pub async fn a_withdrawal_takes_units_without_an_order(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let decrease = withdrawal(before.epoch, 3);
    let (now, state) = change(&record, product, stock(StockChange::Withdraw(decrease.clone()))).await;
    assert_eq!((now.total_stock, state.total), (units(4), units(4)));
    assert_eq!(state.version, Version(before.version.0 + 1));
    let settled = settlement(&record, product, decrease.reservation).await;
    assert_eq!(settled, Some(Settlement::Withdrawn));
    let everyone = PageRequest { size: PageSize::default(), after: None };
    assert!(ok(record.orders(&OrderFilter::default(), everyone).await).items.is_empty());
    // All of what is left can go.
    let rest = withdrawal(state.epoch, 4);
    let (now, _) = change(&record, product, stock(StockChange::Withdraw(rest))).await;
    assert_eq!(now.total_stock, units(0));
}

/// "the second answers what the first would have, and changes nothing twice": under a newer epoch too.
pub async fn a_withdrawal_repeated_takes_once(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let decrease = stock(StockChange::Withdraw(withdrawal(before.epoch, 5)));
    let first = change(&record, product, decrease.clone()).await;
    assert_eq!(change(&record, product, decrease.clone()).await, first);
    some(ok(record.open_epoch(product).await), "a new epoch");
    let (now, state) = change(&fixture.second_record(), product, decrease).await;
    assert_eq!((now.total_stock, state.total), (units(2), units(2)));
}

/// "A withdrawal's epoch is not the record's."
pub async fn a_withdrawal_under_an_old_epoch_changes_nothing(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, old) = create_with_state(&record, 7).await;
    let new = some(ok(record.open_epoch(product).await), "a new epoch");
    for epoch in [old.epoch, Epoch(new.epoch.0 + 1)] {
        let decrease = withdrawal(epoch, 1);
        let outcome = refused_whole(&record, product, StockChange::Withdraw(decrease.clone())).await;
        assert_eq!(outcome, ChangeOutcome::Fenced);
        assert_eq!(settlement(&record, product, decrease.reservation).await, None);
    }
}

/// "A withdrawal wants more than the record has."
pub async fn a_withdrawal_of_too_much_changes_nothing(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let decrease = withdrawal(state.epoch, 8);
    let outcome = refused_whole(&record, product, StockChange::Withdraw(decrease.clone())).await;
    assert_eq!(outcome, ChangeOutcome::NoStock);
    assert_eq!(settlement(&record, product, decrease.reservation).await, None);
}

/// "A withdrawal's reservation was voided before."
pub async fn a_withdrawal_of_a_void_hold_changes_nothing(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let decrease = withdrawal(state.epoch, 1);
    ok(record.void(product, decrease.reservation, &user("ada")).await);
    let outcome = refused_whole(&record, product, StockChange::Withdraw(decrease)).await;
    assert_eq!(outcome, ChangeOutcome::Void);
}

/// "The reservation was voided (or withdrawn) before; it can never be sold"; nor is it ever void.
pub async fn a_withdrawn_hold_is_never_sold(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let decrease = withdrawal(state.epoch, 2);
    let reservation = decrease.reservation;
    change(&record, product, stock(StockChange::Withdraw(decrease))).await;
    let mut sale = sale(product, state.epoch, 2);
    sale.reservation = reservation;
    assert_eq!(ok(record.commit(sale).await), Commit::Void);
    let void = ok(record.void(product, reservation, &user("ada")).await);
    assert_eq!(void, Some(Settlement::Withdrawn));
    assert_eq!(state_of(&record, product).await.total, units(5));
}

/// "the deltas of a product always sum to its stock": allotment + increases - withdrawals - sales.
pub async fn the_books_balance(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 100).await;
    let mut expected = 100;
    for by in 1..=5 {
        change(&record, product, add(by)).await;
        let decrease = withdrawal(state.epoch, by + 1);
        change(&record, product, stock(StockChange::Withdraw(decrease))).await;
        sell(&record, sale(product, state.epoch, 2 * by)).await;
        expected = expected + by - (by + 1) - 2 * by;
        assert_eq!(state_of(&record, product).await.total, units(expected));
    }
    let now = state_of(&record, product).await;
    assert_eq!(now.version, Version(state.version.0 + 15));
    let product = some(ok(record.product(product).await), "the product");
    assert_eq!(product.total_stock, now.total);
}
