//! One sale at a time: what it writes, what refuses it, in which order.

use flashdeal_domain::ports::record::{Change, Commit, Settlement};
use flashdeal_domain::{Epoch, OrderFilter, Price, ReservationId, Units, UserId, Version};

use crate::RecordFixture;
use crate::support::{
    change, create, create_with_state, key, ok, order_id, price, product_id, sale, sell, some, state_of, units,
};

/// "It is sold: … The order; durable. The record after it."
pub async fn a_sale_writes_an_order_and_lowers_the_stock(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let sale = sale(product, before.epoch, 3);
    let (order, state) = sell(&record, sale.clone()).await;
    assert_eq!((order.id, order.reservation), (sale.order, sale.reservation));
    assert_eq!((order.product, &order.user), (product, &sale.user));
    assert_eq!((order.quantity, order.unit_price), (units(3), price("19.99")));
    assert_eq!(order.total().to_string(), "59.97");
    assert_eq!((state.total, state.epoch), (units(4), before.epoch));
    assert_eq!(state.version, Version(before.version.0 + 1));

    let second = fixture.second_record();
    assert_eq!(state_of(&second, product).await, state);
    assert_eq!(ok(second.order(order.id).await).as_ref(), Some(&order));
    assert_eq!(ok(second.order(order_id()).await), None);
    let settled = ok(second.settlement(product, sale.reservation).await);
    assert_eq!(settled, Some(Settlement::Sold(order)));
    let product = some(ok(second.product(product).await), "the product");
    assert_eq!(product.total_stock, units(4));
}

/// "It is sold: by this call, or (`earlier`) by one before it": the same order, under whatever id the repeat offers.
pub async fn a_sale_repeated_answers_the_same_order(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let mut sale = sale(product, before.epoch, 3);
    let (first, state) = sell(&record, sale.clone()).await;
    for record in [fixture.record(), fixture.second_record()] {
        let repeat = ok(record.commit(sale.clone()).await);
        let expected = Commit::Sold { order: first.clone(), earlier: true, record: state };
        assert_eq!(repeat, expected);
        sale.order = order_id();
    }
    assert_eq!(ok(record.order(sale.order).await), None);
    assert_eq!(state_of(&record, product).await, state);
}

/// "No product has this id."
pub async fn a_sale_of_an_unknown_product(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let sale = sale(product_id(), Epoch(0), 1);
    assert_eq!(ok(record.commit(sale.clone()).await), Commit::UnknownProduct);
    assert_eq!(ok(record.order(sale.order).await), None);
}

/// "Fewer units are left than the sale wants. Nothing was changed."
pub async fn a_sale_of_more_than_is_left_changes_nothing(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    for (total, wanted) in [(0, 1), (7, 8), (7, Units::MAX)] {
        let (product, before) = create_with_state(&record, total).await;
        let sale = sale(product, before.epoch, wanted);
        let answer = ok(record.commit(sale.clone()).await);
        assert_eq!(answer, Commit::NoStock { record: before });
        assert_eq!(state_of(&record, product).await, before);
        assert_eq!(ok(record.order(sale.order).await), None);
        assert_eq!(ok(record.settlement(product, sale.reservation).await), None);
    }
    // It is not final: the same hold can be sold once there is stock.
    let (product, before) = create_with_state(&record, 7).await;
    let sale = sale(product, before.epoch, 8);
    ok(record.commit(sale.clone()).await);
    change(&record, product, crate::support::add(1)).await;
    assert_eq!(sell(&record, sale).await.1.total, Units::ZERO);
}

/// A sale of all there is leaves 0, not an error.
pub async fn the_last_unit_can_be_sold(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    for total in [1, 7, Units::MAX] {
        let (product, before) = create_with_state(&record, total).await;
        let (_, state) = sell(&record, sale(product, before.epoch, total)).await;
        assert_eq!(state.total, Units::ZERO);
        let answer = ok(record.commit(sale(product, before.epoch, 1)).await);
        assert_eq!(answer, Commit::NoStock { record: state });
    }
}

/// "The sale's epoch is not the record's … Nothing was changed."
pub async fn a_sale_under_an_old_epoch_changes_nothing(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, old) = create_with_state(&record, 7).await;
    let new = some(ok(fixture.second_record().open_epoch(product).await), "a new epoch");
    let mut sale = sale(product, old.epoch, 1);
    assert_eq!(ok(record.commit(sale.clone()).await), Commit::Fenced);
    assert_eq!(state_of(&record, product).await, new);
    assert_eq!(ok(record.settlement(product, sale.reservation).await), None);
    // It is not final: the same hold can be sold under the new epoch.
    sale.epoch = new.epoch;
    assert_eq!(sell(&record, sale).await.1.total, units(6));
}

/// Only the record's own epoch will do.
pub async fn a_sale_under_an_epoch_to_come_changes_nothing(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    for epoch in [Epoch(state.epoch.0 + 1), Epoch(i64::MAX), Epoch(-1)] {
        assert_eq!(ok(record.commit(sale(product, epoch, 1)).await), Commit::Fenced);
    }
    assert_eq!(state_of(&record, product).await, state);
}

/// "The order of the checks: already settled (`Sold` earlier, `Void`), `KeyReused`, `Fenced`, `NoStock`."
pub async fn a_settled_hold_is_answered_before_any_other_check(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, old) = create_with_state(&record, 7).await;
    let sold = sale(product, old.epoch, 7);
    let (order, _) = sell(&record, sold.clone()).await;
    let void = sale(product, old.epoch, 1);
    ok(record.void(product, void.reservation, &void.user).await);
    let now = some(ok(record.open_epoch(product).await), "a new epoch");
    // Old epoch and no stock, yet:
    let expected = Commit::Sold { order, earlier: true, record: now };
    assert_eq!(ok(record.commit(sold).await), expected);
    assert_eq!(ok(record.commit(void).await), Commit::Void);
    // The fence before the stock:
    let late = sale(product, old.epoch, 1);
    assert_eq!(ok(record.commit(late).await), Commit::Fenced);
}

/// "The price is the product's in that transaction", and a later price does not touch it.
pub async fn a_price_is_the_one_at_the_sale(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let mut made = Vec::new();
    for cents in [1, 1999, Price::MAX_CENTS] {
        let new = Change { price: Some(ok(Price::from_cents(cents))), ..Change::default() };
        change(&record, product, new).await;
        let sale = sale(product, state.epoch, 2);
        made.push((cents, sale.clone(), sell(&record, sale).await.0));
    }
    for (cents, sale, order) in made {
        assert_eq!(order.unit_price.cents(), cents);
        assert_eq!(order.total().cents(), u128::from(cents) * 2);
        assert_eq!(ok(record.order(order.id).await).as_ref(), Some(&order));
        match ok(record.commit(sale).await) {
            Commit::Sold { order: again, earlier: true, .. } => assert_eq!(again, order),
            other => panic!("expected the order again, got {other:?}"),
        }
    }
}

/// A user id is data, to the last bit.
pub async fn odd_users_buy_as_anyone_does(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let odd = crate::support::odd_users();
    let total = ok(u32::try_from(odd.len()));
    let (product, state) = create_with_state(&record, total).await;
    let mut made: Vec<(UserId, ReservationId)> = Vec::new();
    for buyer in odd {
        let mut sale = sale(product, state.epoch, 1);
        sale.user = buyer.clone();
        sale.key = Some(crate::record::keys::unnamed("one-key"));
        let (order, _) = sell(&record, sale).await;
        assert_eq!(order.user, buyer);
        made.push((buyer, order.reservation));
    }
    for (buyer, reservation) in made {
        let everything = crate::support::first_page();
        let theirs = ok(record.orders(&OrderFilter::of_user(&buyer), everything).await).items;
        let found: Vec<_> = theirs.iter().map(|order| order.reservation).collect();
        assert_eq!(found, [reservation], "orders of {buyer:?}");
        let keyed = ok(record.keyed_order(product, &buyer, &key("one-key")).await);
        let keyed = some(keyed, "the order of the key");
        assert_eq!((keyed.order.reservation, keyed.order.user), (reservation, buyer));
    }
}

/// "Settled once … a unique key over all products."
pub async fn one_hold_is_not_sold_under_two_products(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (first, state) = create_with_state(&record, 7).await;
    let second = create(&record, 7).await;
    let one = sale(first, state.epoch, 1);
    let (order, _) = sell(&record, one.clone()).await;
    let mut other = sale(second, state.epoch, 1);
    other.reservation = one.reservation;
    let other_order = other.order;
    // How such nonsense is refused is the adapter's to say; that it sells nothing is not.
    drop(record.commit(other).await);
    assert_eq!(state_of(&record, second).await, state);
    assert_eq!(ok(record.order(other_order).await), None);
    let settled = ok(record.settlement(first, one.reservation).await);
    assert_eq!(settled, Some(Settlement::Sold(order)));
}
