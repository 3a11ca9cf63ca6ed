//! The use cases of [`FlashSale`](flashdeal_domain::FlashSale) over these stores, as a caller sees them.

use std::time::Duration;

use flashdeal_domain::ports::record::{Commit, Settlement};
use flashdeal_domain::{OrderFilter, ProductId, SaleError, Shortage, Units};

use crate::LedgerFixture;
use crate::sale::shop::Shop;
use crate::support::{first_page, ok, order_id, product_id, reservation_id, units, user};

/// Fails unless the answer is this refusal.
macro_rules! assert_refused {
    ($answer:expr, $refusal:pat) => {
        let answer = $answer;
        assert!(matches!(&answer, Err($refusal)), "{answer:?}");
    };
}

/// From the product to the order; the gate was opened before the first call.
pub async fn a_product_is_created_held_and_sold(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 7).await;
    let ada = user("ada");
    assert_eq!(shop.status().await, (7, 0, 7));
    let reserved = ok(shop.try_reserve(&ada, 3).await);
    assert!(reserved.created && !reserved.replayed);
    assert_eq!(ok(shop.sale.hold(shop.gate.product, &ada).await), reserved.reservation);
    assert_eq!(shop.status().await, (7, 3, 4));
    let bought = ok(shop.checkout(&ada).await);
    assert!(bought.created && !bought.replayed);
    assert_eq!(bought.order.reservation, reserved.reservation.id);
    assert_eq!(bought.order.total().to_string(), "1499.70");
    assert_eq!(shop.status().await, (4, 0, 4));
    assert_eq!(ok(shop.sale.order(bought.order.id).await), bought.order);
    let theirs = ok(shop.sale.orders(&OrderFilter::of_user(&ada), first_page()).await).items;
    assert_eq!(theirs, [bought.order]);
    let (product, level) = ok(shop.sale.product(shop.gate.product).await);
    assert_eq!((product.total_stock, level.available()), (units(4), units(4)));
    ok(shop.sale.ready().await.map_err(|failing| format!("{failing:?}")));
}

/// Who asked for a product before it was made finds it once it is.
pub async fn a_product_asked_for_too_early_is_found(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 7).await;
    let id = ProductId::from_uuid(*reservation_id().as_uuid());
    assert_refused!(shop.sale.status(id).await, SaleError::ProductNotFound);
    let made = ok(shop.sale.create_product_as(id, Shop::phone(9)).await);
    assert_eq!((made.earlier, made.product.id), (false, id));
    assert_eq!(ok(shop.sale.status(id).await).available(), units(9));
    shop.sale.openings_over().await;
    let views = ok(shop.gate.ledger.view(&[id], Duration::from_secs(5)).await);
    assert!(views.iter().any(|view| view.open.is_some()));
}

/// A product that is made again under its id stays as it is, and so does its gate.
pub async fn a_product_made_again_stays_as_it_is(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 7).await;
    shop.reserve(&user("ada"), 3).await;
    let opened = shop.opened().await;
    let (product, _) = ok(shop.sale.product(shop.gate.product).await);
    for _ in 0..2 {
        let again = ok(shop.sale.create_product_as(product.id, Shop::phone(9)).await);
        assert_eq!(
            (again.earlier, again.product.total_stock, again.product.created_at),
            (true, units(7), product.created_at)
        );
        shop.sale.openings_over().await;
        assert_eq!((shop.opened().await, shop.status().await), (opened, (7, 3, 4)));
    }
}

/// A hold is set, not added to; a refusal says what is there and whether a retry is worth it.
pub async fn a_refusal_says_whether_to_come_back(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let (ada, ben) = (user("ada"), user("ben"));
    shop.reserve(&ada, 2).await;
    let set = ok(shop.try_reserve(&ada, 5).await);
    assert!(!set.created);
    assert_eq!(set.reservation.quantity, units(5));
    assert_refused!(
        shop.try_reserve(&ben, 1).await,
        SaleError::InsufficientStock { available: Units::ZERO, shortage: Shortage::AllHeld }
    );
    ok(shop.checkout(&ada).await);
    assert_refused!(
        shop.try_reserve(&ben, 1).await,
        SaleError::InsufficientStock { available: Units::ZERO, shortage: Shortage::SoldOut }
    );
}

/// What was released is free at once, and cannot be released or bought again.
pub async fn a_released_hold_is_free_at_once(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let (product, ada) = (shop.gate.product, user("ada"));
    let reservation = shop.reserve(&ada, 5).await;
    assert_eq!(ok(shop.sale.release(product, &ada).await), reservation);
    assert_eq!(shop.status().await, (5, 0, 5));
    assert_refused!(shop.sale.release(product, &ada).await, SaleError::NoReservation);
    assert_refused!(shop.sale.hold(product, &ada).await, SaleError::NoReservation);
    assert_refused!(shop.checkout(&ada).await, SaleError::NoReservation);
    assert_refused!(shop.checkout_of(&ada, Some(reservation.id), None).await, SaleError::NoReservation);
}

/// "A hold that is being paid for is voided in the record first, so that it is either released or sold, never both."
pub async fn a_paying_hold_is_released_through_the_record(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    shop.reserve(&ada, 5).await;
    let (hold, epoch) = shop.gate.begin(&ada).await;
    assert_refused!(shop.try_reserve(&ada, 1).await, SaleError::CheckoutInProgress);
    let released = ok(shop.sale.release(shop.gate.product, &ada).await);
    assert_eq!(released.id, hold.reservation);
    assert_eq!(shop.status().await, (5, 0, 5));
    let ghost = shop.gate.sale_of(&ada, hold, epoch);
    assert_eq!(ok(shop.gate.record.commit(ghost).await), Commit::Void);
}

/// Repeats that name their hold or their key answer the same order; a repeat that names nothing has nothing to buy.
pub async fn a_checkout_repeated_answers_the_same_order(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let reservation = shop.reserve(&ada, 2).await;
    let first = ok(shop.checkout_of(&ada, None, Some("key")).await);
    let named = ok(shop.checkout_of(&ada, Some(reservation.id), None).await);
    assert_eq!((named.order, named.created, named.replayed), (first.order.clone(), false, false));
    // The key is asked first: a delayed double never sells the hold that came after it.
    shop.reserve(&ada, 1).await;
    let keyed = ok(shop.instance(fixture, 1).checkout_of(&ada, None, Some("key")).await);
    assert_eq!((keyed.order, keyed.created, keyed.replayed), (first.order, false, true));
    assert_refused!(shop.checkout_of(&ada, Some(reservation.id), Some("key")).await, SaleError::IdempotencyKeyReused);
    ok(shop.sale.release(shop.gate.product, &ada).await);
    assert_refused!(shop.checkout(&ada).await, SaleError::NoReservation);
    // Another user's hold is nobody else's to see.
    assert_refused!(shop.checkout_of(&ben, Some(reservation.id), None).await, SaleError::NoReservation);
    assert_eq!(shop.status().await, (3, 0, 3));
}

/// A reserve repeated with its key holds nothing more.
pub async fn a_reserve_repeated_with_its_key_is_replayed(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    let first = ok(shop.reserve_keyed(&ada, 2, Some("key")).await);
    ok(shop.checkout(&ada).await);
    let again = ok(shop.reserve_keyed(&ada, 2, Some("key")).await);
    assert!(again.replayed && !again.created);
    assert_eq!(again.reservation, first.reservation);
    assert_refused!(shop.reserve_keyed(&ada, 3, Some("key")).await, SaleError::IdempotencyKeyReused);
    assert_eq!(shop.status().await, (3, 0, 3));
}

/// What nobody created is not found, by any use case.
pub async fn unknown_things_are_not_found(fixture: &dyn LedgerFixture) {
    let mut shop = Shop::open(fixture, 5).await;
    shop.gate.product = product_id();
    let (product, ada) = (shop.gate.product, user("ada"));
    for _ in 0..2 {
        assert_refused!(shop.sale.product(product).await, SaleError::ProductNotFound);
        assert_refused!(shop.sale.status(product).await, SaleError::ProductNotFound);
        assert_refused!(shop.try_reserve(&ada, 1).await, SaleError::ProductNotFound);
        assert_refused!(shop.sale.hold(product, &ada).await, SaleError::ProductNotFound);
        assert_refused!(shop.sale.release(product, &ada).await, SaleError::ProductNotFound);
        assert_refused!(shop.checkout(&ada).await, SaleError::ProductNotFound);
        assert_refused!(shop.restock(1).await, SaleError::ProductNotFound);
        assert_refused!(shop.restock(-1).await, SaleError::ProductNotFound);
    }
    assert_refused!(shop.sale.order(order_id()).await, SaleError::OrderNotFound);
}

/// Increases and decreases are seen at once; a decrease never takes a held unit, and a refusal changes nothing.
pub async fn stock_comes_and_goes(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    let reservation = shop.reserve(&ada, 3).await;
    assert_eq!(ok(shop.restock(4).await), (9, 3, 6));
    assert_refused!(shop.restock(-7).await, SaleError::InsufficientStock { .. });
    assert_eq!(shop.status().await, (9, 3, 6));
    assert_eq!(ok(shop.instance(fixture, 1).restock(-6).await), (3, 3, 0));
    assert_refused!(shop.restock(-1).await, SaleError::InsufficientStock { .. });
    assert_refused!(shop.restock(i64::from(Units::MAX)).await, SaleError::TooMuchStock);
    assert_eq!(ok(shop.restock(0).await), (3, 3, 0));
    let bought = ok(shop.checkout(&ada).await);
    assert_eq!(bought.order.reservation, reservation.id);
    assert_eq!(shop.status().await, (0, 0, 0));
    assert_eq!(ok(shop.sale.orders(&OrderFilter::default(), first_page()).await).items, [bought.order]);
}

/// A gate that lost its memory is opened by the next call, whichever it is; the holds are lost, and said to be.
pub async fn a_forgotten_gate_is_opened_by_the_next_call(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    shop.reserve(&ada, 3).await;
    ok(shop.gate.ledger.forget(shop.gate.product).await);
    assert_refused!(shop.checkout(&ada).await, SaleError::NoReservation);
    assert_eq!(shop.status().await, (5, 0, 5));
    shop.reserve(&ada, 5).await;
    assert_eq!(ok(shop.checkout(&ada).await).order.quantity, units(5));
}

/// A checkout that is fenced because the gate was reopened begins again by itself.
pub async fn a_checkout_outlives_a_reopening(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    shop.reserve(&ada, 3).await;
    // Another server raised the epoch and has not opened the gate yet: what this gate promises is fenced.
    shop.gate.next_epoch().await;
    let bought = ok(shop.checkout(&ada).await);
    assert!(bought.created);
    assert_eq!(shop.status().await, (2, 0, 2));
}

/// The background ends what a server left half way: sold if it was sold.
pub async fn the_background_ends_a_sold_checkout(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    shop.reserve(&ada, 3).await;
    let (hold, epoch) = shop.gate.begin(&ada).await;
    shop.gate.sell(&ada, hold, epoch).await;
    fixture.advance_clock(6000).await;
    shop.instance(fixture, 1).tick().await;
    assert_eq!(shop.status().await, (2, 0, 2));
    assert_refused!(shop.sale.hold(shop.gate.product, &ada).await, SaleError::NoReservation);
    shop.tick().await;
    assert_eq!(shop.status().await, (2, 0, 2));
}

/// And void if it was not, but only once no attempt can be alive: 5 s after its deadline.
pub async fn the_background_voids_a_dead_checkout(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    shop.reserve(&ada, 3).await;
    let (hold, epoch) = shop.gate.begin(&ada).await;
    let early = [6000, 594_000, 4999];
    for by_ms in early {
        fixture.advance_clock(by_ms).await;
        assert_eq!(shop.tick().await.settled, 0);
        assert_eq!(shop.status().await, (5, 3, 2));
    }
    fixture.advance_clock(1).await;
    assert_eq!(shop.tick().await.settled, 1);
    assert_eq!(shop.status().await, (5, 0, 5));
    let settled = ok(shop.gate.record.settlement(shop.gate.product, hold.reservation).await);
    assert_eq!(settled, Some(Settlement::Void));
    let ghost = shop.gate.sale_of(&ada, hold, epoch);
    assert_eq!(ok(shop.gate.record.commit(ghost).await), Commit::Void);
    assert_eq!(shop.tick().await.settled, 0);
}

/// The background adopts what changed in the record behind the gate's back, and reopens a gate behind its epoch.
pub async fn the_background_adopts_what_the_record_says(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    shop.reserve(&ada, 3).await;
    shop.gate.restock(4).await;
    shop.tick().await;
    assert_eq!(shop.status().await, (9, 3, 6));
    let raised = shop.gate.next_epoch().await;
    shop.tick().await;
    assert_eq!(shop.status().await, (9, 3, 6));
    let (_, epoch) = shop.gate.begin(&ada).await;
    assert!(epoch >= raised.epoch, "the gate is behind: {epoch:?}");
}

/// "The sale goes on when the caller stops waiting."
pub async fn a_checkout_goes_on_without_its_caller(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    let reservation = shop.reserve(&ada, 3).await;
    let caller = {
        let (shop, ada) = (shop.clone(), ada.clone());
        tokio::spawn(async move { shop.checkout(&ada).await })
    };
    tokio::task::yield_now().await;
    caller.abort();
    drop(caller.await);
    // If it had begun, it ends by itself; if it had not, this one sells.
    let bought = ok(shop.checkout_of(&ada, Some(reservation.id), None).await);
    assert_eq!(bought.order.reservation, reservation.id);
    for _ in 0..100 {
        if shop.status().await == (2, 0, 2) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shop.status().await, (2, 0, 2));
    shop.gate.finish(&ada, reservation_id(), None).await;
    assert_eq!(ok(shop.sale.orders(&OrderFilter::default(), first_page()).await).items.len(), 1);
}
