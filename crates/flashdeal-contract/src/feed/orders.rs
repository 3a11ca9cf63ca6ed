//! Which orders a reader is given.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::{Position, StockChange, Withdrawal};
use flashdeal_domain::{Epoch, Order, OrderId};

use crate::FeedFixture;
use crate::support::{
    add, at_once, begin, change, create, ok, read_all, reader, reservation_id, sale, sell, stock, token, units, user,
};

/// "A reader that was never seen before begins at the present end of the ledger."
pub async fn a_new_reader_begins_at_the_end(fixture: &dyn FeedFixture) {
    let (record, feed) = (fixture.record(), fixture.feed());
    let product = create(&record, 10).await;
    let (before, _) = sell(&record, sale(product, Epoch(0), 1)).await;
    fixture.pass(Duration::from_secs(1)).await;
    let begin = begin(&feed, "late").await;
    let (after, _) = sell(&record, sale(product, Epoch(0), 1)).await;
    let given = read_all(&feed, begin, 1).await;
    assert_eq!(given, [after]);
    assert_ne!(given.first().map(|order| order.id), Some(before.id));
    // And stays where it is while it has read nothing.
    assert_eq!(ok(feed.hold(&reader("late"), token(), Duration::from_secs(1)).await), Some(begin));
}

/// "A reader is given every order": each with all that it has, in pages of any size.
pub async fn every_order_is_given_whole_and_in_order(fixture: &dyn FeedFixture) {
    let (record, feed) = (fixture.record(), fixture.feed());
    let (phone, tablet) = (create(&record, 100).await, create(&record, 100).await);
    let begin = begin(&feed, "ada").await;
    let mut sold = Vec::new();
    for turn in 0..25 {
        let mut sale = sale(if turn % 2 == 0 { phone } else { tablet }, Epoch(0), 1 + turn % 3);
        sale.user = user(&format!("user {turn}"));
        sold.push(sell(&record, sale).await.0);
    }
    assert_eq!(read_all(&feed, begin, 25).await, sold);
    for limit in [1, 2, 24, 25, 26, 1000] {
        let (mut given, mut at) = (Vec::<Order>::new(), begin);
        loop {
            let page = ok(feed.next_orders(at, limit).await);
            assert!(page.orders.len() <= limit, "a page too long");
            let positions: Vec<Position> = page.orders.iter().map(|(position, _)| *position).collect();
            assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");
            assert!(positions.first().is_none_or(|first| at < *first), "{positions:?} after {at:?}");
            assert!(positions.last().is_none_or(|last| *last <= page.through), "{positions:?}, {:?}", page.through);
            given.extend(page.orders.into_iter().map(|(_, order)| order));
            if page.through == at {
                break;
            }
            at = page.through;
        }
        assert_eq!(given, sold, "in pages of {limit}");
    }
}

/// Voids, increases and withdrawals are rows of the ledger, and no orders.
pub async fn what_is_no_sale_is_passed_by(fixture: &dyn FeedFixture) {
    let (record, feed) = (fixture.record(), fixture.feed());
    let product = create(&record, 10).await;
    let begin = begin(&feed, "ada").await;
    let mut sold = Vec::new();
    for _ in 0..3 {
        change(&record, product, add(2)).await;
        ok(record.void(product, reservation_id(), &user("bob")).await);
        sold.push(sell(&record, sale(product, Epoch(0), 1)).await.0);
        let withdrawal = Withdrawal { reservation: reservation_id(), epoch: Epoch(0), units: units(1) };
        change(&record, product, stock(StockChange::Withdraw(withdrawal))).await;
        create(&record, 1).await;
    }
    assert_eq!(read_all(&feed, begin, sold.len()).await, sold);
}

/// "… which is the same for every reader and every instance."
pub async fn the_order_is_the_same_for_every_reader_and_instance(fixture: &dyn FeedFixture) {
    let record = fixture.record();
    let product = create(&record, 1000).await;
    let begin = begin(&fixture.feed(), "ada").await;
    at_once((0..40).map(|_| {
        let record = Arc::clone(&record);
        async move { sell(&record, sale(product, Epoch(0), 1)).await }
    }))
    .await;
    let first = read_all(&fixture.feed(), begin, 40).await;
    assert_eq!(read_all(&fixture.second_feed(), begin, 40).await, first);
}

async fn none_is_passed_over(fixture: &dyn FeedFixture, products: usize) {
    const SELLERS: usize = 8;
    const EACH: usize = 25;
    let mut on_sale = Vec::new();
    for _ in 0..products {
        on_sale.push(create(&fixture.record(), 10_000).await);
    }
    let feed = fixture.feed();
    let begin = begin(&feed, "ada").await;
    let reading = {
        let feed = fixture.second_feed();
        tokio::spawn(async move { read_all(&feed, begin, SELLERS * EACH).await })
    };
    let sold = at_once(on_sale.into_iter().cycle().take(SELLERS).enumerate().map(|(seller, product)| {
        let record = if seller % 2 == 0 { fixture.record() } else { fixture.second_record() };
        async move {
            let mut sold = Vec::new();
            for _ in 0..EACH {
                sold.push(sell(&record, sale(product, Epoch(0), 1)).await.0.id);
            }
            sold
        }
    }))
    .await;
    let given: Vec<OrderId> = ok(reading.await).into_iter().map(|order| order.id).collect();
    let once: HashSet<OrderId> = given.iter().copied().collect();
    assert_eq!(once.len(), given.len(), "an order was given twice");
    assert_eq!(once, sold.into_iter().flatten().collect());
}

/// "None is passed over, however many sales are written at the same time": by two instances, of one product.
pub async fn what_is_sold_at_once_is_all_given(fixture: &dyn FeedFixture) {
    none_is_passed_over(fixture, 1).await;
}

/// The same of many products, whose sales share no lock.
pub async fn many_products_at_once_are_all_given(fixture: &dyn FeedFixture) {
    none_is_passed_over(fixture, 8).await;
}
