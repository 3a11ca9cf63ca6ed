//! Pages and states: what is read of many at once.

use std::sync::Arc;

use flashdeal_domain::{Order, OrderFilter, OrderId, Page, PageRequest, PageSize, Product, ProductId, StockRepository};

use crate::RecordFixture;
use crate::support::{create, create_with_state, ok, product_id, sale, sell, state_of, user, users};

fn request<Id>(size: u8, after: Option<Id>) -> PageRequest<Id> {
    PageRequest { size: ok(PageSize::new(size)), after }
}

/// Reads on until there is no next page; each page but the last must be full.
async fn all_products(record: &Arc<dyn StockRepository>, size: u8) -> Vec<Product> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ok(record.products(request(size, after)).await);
        let last = page.items.last().map(|product| product.id);
        after = checked_next(size, &page, last);
        all.extend(page.items);
        if after.is_none() {
            return all;
        }
    }
}

async fn all_orders(record: &Arc<dyn StockRepository>, of: &OrderFilter, size: u8) -> Vec<Order> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ok(record.orders(of, request(size, after)).await);
        let last = page.items.last().map(|order| order.id);
        after = checked_next(size, &page, last);
        all.extend(page.items);
        if after.is_none() {
            return all;
        }
    }
}

#[track_caller]
fn checked_next<T, Id: Copy + Eq + std::fmt::Debug>(size: u8, page: &Page<T, Id>, last: Option<Id>) -> Option<Id> {
    assert!(page.items.len() <= usize::from(size), "a page too long");
    if page.next.is_some() {
        assert_eq!(page.items.len(), usize::from(size), "a page too short");
        assert_eq!(page.next, last, "the cursor is the last id of its page");
    }
    page.next
}

/// "A page of products, newest (highest id) first."
pub async fn products_come_newest_first_in_pages(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let mut made = Vec::new();
    for total in 0..25 {
        made.push(create(&record, total).await);
    }
    made.reverse();
    for size in [1, 4, 5, 24, 25, 26, 100] {
        let all = all_products(&record, size).await;
        let ids: Vec<ProductId> = all.iter().map(|product| product.id).collect();
        assert_eq!(ids, made, "in pages of {size}");
    }
    let newest = ok(record.products(request(1, None)).await);
    let full = ok(record.product(some_first(&made)).await);
    assert_eq!(newest.items.first(), full.as_ref(), "a listed product is whole");
}

#[track_caller]
fn some_first<T: Copy>(of: &[T]) -> T {
    *crate::support::some(of.first(), "a first one")
}

/// "`next` is … `None` on the last", also when the last page is exactly full.
pub async fn the_last_page_has_no_next(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    for total in 0..4 {
        create(&record, total).await;
    }
    assert_eq!(ok(record.products(request(4, None)).await).next, None);
    let half = ok(record.products(request(2, None)).await);
    assert!(half.next.is_some());
    let rest = ok(record.products(request(2, half.next)).await);
    assert_eq!((rest.items.len(), rest.next), (2, None));
}

/// A fresh record lists nothing, and says that nothing follows.
pub async fn an_empty_listing_is_one_empty_page(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let products = ok(record.products(request(20, None)).await);
    assert!(products.items.is_empty() && products.next.is_none());
    let orders = ok(record.orders(&OrderFilter::default(), request(20, None)).await);
    assert!(orders.items.is_empty() && orders.next.is_none());
    let nobody = user("nobody");
    let theirs = ok(record.orders(&OrderFilter::of_user(&nobody), request(20, None)).await);
    assert!(theirs.items.is_empty() && theirs.next.is_none());
}

/// "A page of the orders that match, newest (highest id) first": of everyone's.
pub async fn orders_come_newest_first_in_pages(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (first, state) = create_with_state(&record, 100).await;
    let second = create(&record, 100).await;
    let mut made = Vec::new();
    for nth in 0..13 {
        let product = if nth % 2 == 0 { first } else { second };
        made.push(sell(&record, sale(product, state.epoch, 1)).await.0);
    }
    made.reverse();
    for size in [1, 5, 13, 20] {
        assert_eq!(all_orders(&record, &OrderFilter::default(), size).await, made, "in pages of {size}");
    }
}

/// "A page of the orders that match": one user's.
pub async fn orders_of_one_user_are_theirs_alone(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 100).await;
    let buyers = users("buyer", 3);
    let mut made: Vec<Vec<OrderId>> = vec![Vec::new(); 3];
    for _ in 0..4 {
        for (buyer, made) in buyers.iter().zip(&mut made) {
            let mut sale = sale(product, state.epoch, 1);
            sale.user = buyer.clone();
            made.push(sell(&record, sale).await.0.id);
        }
    }
    for (buyer, mut made) in buyers.iter().zip(made) {
        made.reverse();
        for size in [1, 3, 4, 50] {
            let orders = all_orders(&record, &OrderFilter::of_user(buyer), size).await;
            let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
            assert_eq!(ids, made, "of {buyer} in pages of {size}");
        }
    }
    // A user whose name begins like another's is another user.
    assert!(all_orders(&record, &OrderFilter::of_user(&user("buyer")), 20).await.is_empty());
    assert!(all_orders(&record, &OrderFilter::of_user(&user("BUYER-0")), 20).await.is_empty());
}

/// Two buyers' orders of two products, mixed, oldest first; and a product that nobody bought.
async fn mixed_orders(record: &Arc<dyn StockRepository>) -> (Vec<Order>, [ProductId; 3]) {
    let (first, state) = create_with_state(record, 100).await;
    let products = [first, create(record, 100).await, create(record, 100).await];
    let mut made = Vec::new();
    for (nth, buyer) in (0..12).zip(users("buyer", 2).iter().cycle()) {
        let [first, second, _] = products;
        let mut sale = sale(if nth % 3 == 0 { second } else { first }, state.epoch, 1);
        sale.user = buyer.clone();
        made.push(sell(record, sale).await.0);
    }
    (made, products)
}

/// Walks the orders that match in pages of some sizes, against those that were made.
async fn are_listed(record: &Arc<dyn StockRepository>, made: &[Order], of: OrderFilter, count: usize) {
    let wanted: Vec<Order> = made.iter().rev().filter(|order| of.matches(order)).cloned().collect();
    assert_eq!(wanted.len(), count, "{of:?}");
    for size in [1, 2, 5, 50] {
        assert_eq!(all_orders(record, &of, size).await, wanted, "{of:?} in pages of {size}");
    }
}

/// "The orders that match": of one product. "Those of an unknown product are none."
pub async fn orders_of_one_product_are_of_it_alone(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (made, [first, second, unsold]) = mixed_orders(&record).await;
    for (product, count) in [(first, 8), (second, 4), (unsold, 0), (product_id(), 0)] {
        are_listed(&record, &made, OrderFilter::of_product(product), count).await;
    }
}

/// "The orders that match": one user's of one product.
pub async fn orders_of_one_user_and_product_are_both(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (made, [first, second, unsold]) = mixed_orders(&record).await;
    for (product, count) in [(first, 4), (second, 2), (unsold, 0), (product_id(), 0)] {
        for buyer in users("buyer", 2) {
            are_listed(&record, &made, OrderFilter { user: Some(buyer), product: Some(product) }, count).await;
        }
        are_listed(&record, &made, OrderFilter { user: Some(user("nobody")), product: Some(product) }, 0).await;
    }
}

/// "The orders … after `after`, oldest (lowest id) first, at most `limit`. Fewer are the last."
pub async fn orders_come_oldest_first_after_any_order(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    assert!(ok(record.orders_after(None, None, 1000).await).is_empty());
    let (made, [first, second, unsold]) = mixed_orders(&record).await;
    for product in [None, Some(first), Some(second), Some(unsold), Some(product_id())] {
        let of_it = |order: &&Order| product.is_none_or(|product| order.product == product);
        for limit in [1, 2, 4, 11, 1000] {
            let after = std::iter::once(None).chain(made.iter().map(|order| Some(order.id)));
            for after in after {
                let later = made.iter().filter(|order| after.is_none_or(|after| order.id > after));
                let wanted: Vec<Order> = later.filter(of_it).take(limit).cloned().collect();
                let told = ok(record.orders_after(product, after, limit).await);
                assert_eq!(told, wanted, "{limit} of {product:?} after {after:?}");
            }
        }
    }
}

/// "The states of these products, in one read; unknown ones are left out."
pub async fn states_are_read_together_and_unknown_ones_left_out(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (first, first_state) = create_with_state(&record, 3).await;
    let (second, second_state) = create_with_state(&record, 4).await;
    let mut states = ok(record.states(&[second, product_id(), first]).await);
    states.sort_by_key(|(id, _)| *id);
    assert_eq!(states, [(first, first_state), (second, second_state)]);
    assert_eq!(ok(record.states(&[]).await), []);
    assert_eq!(ok(record.states(&[product_id()]).await), []);
}

/// "At most 1000 ids": a thousand are fine.
pub async fn a_thousand_states_at_once(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let known = create(&record, 3).await;
    let mut ids: Vec<ProductId> = (0..999).map(|_| product_id()).collect();
    ids.push(known);
    let states = ok(record.states(&ids).await);
    assert_eq!(states, [(known, state_of(&record, known).await)]);
}
