//! Voids and settlements: how a hold ended, for ever.

use flashdeal_domain::OrderFilter;
use flashdeal_domain::ports::record::{Commit, Settlement};

use crate::RecordFixture;
use crate::support::{
    create, create_with_state, first_page, ok, product_id, reservation_id, sale, sell, state_of, user,
};

/// "A reservation the record never heard of is voided too, so that a commit still on its way finds it so."
pub async fn a_void_settles_a_hold_never_heard_of(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let product = create(&record, 7).await;
    let reservation = reservation_id();
    for record in [fixture.record(), fixture.second_record()] {
        let answer = ok(record.void(product, reservation, &user("ada")).await);
        assert_eq!(answer, Some(Settlement::Void));
        let settled = ok(record.settlement(product, reservation).await);
        assert_eq!(settled, Some(Settlement::Void));
    }
}

/// "Void: it was never sold and never will be."
pub async fn a_void_hold_is_never_sold(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let sale = sale(product, state.epoch, 1);
    ok(record.void(product, sale.reservation, &sale.user).await);
    for record in [fixture.record(), fixture.second_record()] {
        assert_eq!(ok(record.commit(sale.clone()).await), Commit::Void);
    }
    assert_eq!(ok(record.order(sale.order).await), None);
    assert_eq!(state_of(&record, product).await.total, state.total);
}

/// "Settles a reservation as void if it is not settled yet, and answers how it is settled now."
pub async fn a_void_of_a_sold_hold_answers_its_order(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let sale = sale(product, state.epoch, 1);
    let (order, state) = sell(&record, sale.clone()).await;
    let answer = ok(record.void(product, sale.reservation, &sale.user).await);
    assert_eq!(answer, Some(Settlement::Sold(order.clone())));
    let settled = ok(record.settlement(product, sale.reservation).await);
    assert_eq!(settled, Some(Settlement::Sold(order)));
    assert_eq!(state_of(&record, product).await, state);
}

/// "`None` if no product has this id."
pub async fn a_void_of_an_unknown_product_is_none(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, reservation) = (product_id(), reservation_id());
    assert_eq!(ok(record.void(product, reservation, &user("ada")).await), None);
    assert_eq!(ok(record.settlement(product, reservation).await), None);
}

/// A void is a ledger row without units and without an order.
pub async fn a_void_changes_no_stock_and_is_no_order(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    for _ in 0..3 {
        ok(record.void(product, reservation_id(), &user("ada")).await);
    }
    let now = state_of(&record, product).await;
    assert_eq!((now.total, now.epoch), (state.total, state.epoch));
    assert!(ok(record.orders(&OrderFilter::default(), first_page()).await).items.is_empty());
    assert!(ok(record.orders(&OrderFilter::of_user(&user("ada")), first_page()).await).items.is_empty());
}

/// "How a reservation of this product was settled": of no other.
pub async fn a_settlement_belongs_to_its_product(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (first, state) = create_with_state(&record, 7).await;
    let second = create(&record, 7).await;
    let sold = sale(first, state.epoch, 1);
    sell(&record, sold.clone()).await;
    let void = reservation_id();
    ok(record.void(first, void, &user("ada")).await);
    for reservation in [sold.reservation, void] {
        assert!(ok(record.settlement(first, reservation).await).is_some());
        assert_eq!(ok(record.settlement(second, reservation).await), None);
    }
}

/// "or `None` if it is not."
pub async fn an_unsettled_hold_has_no_settlement(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let product = create(&record, 7).await;
    assert_eq!(ok(record.settlement(product, reservation_id()).await), None);
}
