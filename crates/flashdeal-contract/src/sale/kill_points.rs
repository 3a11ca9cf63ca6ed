//! A server dies before or after each of its store calls, in every use case; a second one carries on, and the books balance.

use std::sync::Arc;

use flashdeal_domain::ports::record::Settlement;
use flashdeal_domain::{OrderFilter, PageRequest, PageSize, SaleError, UserId};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, select};

use crate::LedgerFixture;
use crate::mortal::{Edge, KillPoint, Mortal};
use crate::support::{ok, user};

use super::shop::Shop;

/// How many units each shop opens with.
const TOTAL: u32 = 10;
/// How many of them the buyer holds.
const HELD: u32 = 3;
/// A hold's ten minutes, the five seconds of the late void, and one of the background.
const ALL_OVER_MS: i64 = 606_000;

/// What the server does when it dies.
struct UseCase {
    /// What must be so before, done by a healthy server.
    before: fn(&Shop) -> BoxFuture<'_, ()>,
    /// What the dying server does, and the healthy one repeats.
    act: fn(&Shop) -> BoxFuture<'_, Result<(), SaleError>>,
    /// By how much the stock differs in the end if it took effect.
    restocks: i64,
}

/// Promise 1, 2 and 3 for a reserve that dies.
pub async fn a_reserve_dies_anywhere(fixture: &dyn LedgerFixture) {
    let act: fn(&Shop) -> BoxFuture<'_, Result<(), SaleError>> =
        |shop| async { shop.try_reserve(&buyer(), HELD).await.map(drop) }.boxed();
    dies_everywhere(fixture, &UseCase { before: |_| async {}.boxed(), act, restocks: 0 }).await;
}

/// Promise 1, 2 and 3 for a checkout that dies.
pub async fn a_checkout_dies_anywhere(fixture: &dyn LedgerFixture) {
    let act: fn(&Shop) -> BoxFuture<'_, Result<(), SaleError>> =
        |shop| async { shop.checkout_of(&buyer(), None, Some("k-1")).await.map(drop) }.boxed();
    dies_everywhere(fixture, &UseCase { before: holding, act, restocks: 0 }).await;
}

/// Promise 1, 2 and 3 for a release that dies.
pub async fn a_release_dies_anywhere(fixture: &dyn LedgerFixture) {
    dies_everywhere(fixture, &UseCase { before: holding, act: release, restocks: 0 }).await;
}

/// And for a release of a hold whose checkout never ended.
pub async fn a_release_of_a_paying_hold_dies_anywhere(fixture: &dyn LedgerFixture) {
    dies_everywhere(fixture, &UseCase { before: paying, act: release, restocks: 0 }).await;
}

/// Promise 1 and 3 for a load: the gate has forgotten everything.
pub async fn a_load_dies_anywhere(fixture: &dyn LedgerFixture) {
    let before: fn(&Shop) -> BoxFuture<'_, ()> = |shop| {
        async {
            shop.reserve(&buyer(), HELD).await;
            ok(shop.gate.ledger.forget(shop.gate.product).await);
        }
        .boxed()
    };
    let act: fn(&Shop) -> BoxFuture<'_, Result<(), SaleError>> =
        |shop| async { shop.try_reserve(&buyer(), HELD).await.map(drop) }.boxed();
    dies_everywhere(fixture, &UseCase { before, act, restocks: 0 }).await;
}

/// Promise 1 and 3 for the background itself.
pub async fn a_settle_dies_anywhere(fixture: &dyn LedgerFixture) {
    let act: fn(&Shop) -> BoxFuture<'_, Result<(), SaleError>> =
        |shop| async { shop.sale.tick(flashdeal_domain::Tick::default()).await.map(drop).map_err(Into::into) }.boxed();
    dies_everywhere(fixture, &UseCase { before: sold_but_not_finished, act, restocks: 0 }).await;
}

/// Promise 1 and 3 for a decrease: the units leave the gate, then the record, or stay in both.
pub async fn a_decrease_dies_anywhere(fixture: &dyn LedgerFixture) {
    let act: fn(&Shop) -> BoxFuture<'_, Result<(), SaleError>> =
        |shop| async { shop.restock(-2).await.map(drop) }.boxed();
    dies_everywhere(fixture, &UseCase { before: holding, act, restocks: -2 }).await;
}

/// An increase that dies is in the record or it is not; the gate follows.
pub async fn an_increase_dies_anywhere(fixture: &dyn LedgerFixture) {
    let act: fn(&Shop) -> BoxFuture<'_, Result<(), SaleError>> =
        |shop| async { shop.restock(2).await.map(drop) }.boxed();
    dies_everywhere(fixture, &UseCase { before: holding, act, restocks: 2 }).await;
}

/// First without dying, to learn the calls; then once for each edge of each call, with a product of its own.
async fn dies_everywhere(fixture: &dyn LedgerFixture, case: &UseCase) {
    let (_, calls) = one_life(fixture, case, None).await;
    assert!(!calls.is_empty(), "a use case without a store call cannot be killed at one");
    for nth in 0..calls.len() {
        for edge in [Edge::Before, Edge::After] {
            let point = KillPoint { nth, edge };
            let (shop, calls) = one_life(fixture, case, Some(point)).await;
            let named = format!("{point}, of {calls:?}");
            carry_on(fixture, case, &shop, &named).await;
        }
    }
}

/// A shop with a new product, whose server does the deed and may die of it.
async fn one_life(
    fixture: &dyn LedgerFixture,
    case: &UseCase,
    dies_at: Option<KillPoint>,
) -> (Shop, Vec<&'static str>) {
    let shop = Shop::open(fixture, TOTAL).await;
    (case.before)(&shop).await;
    let mortal = Mortal::new(fixture, dies_at);
    let doomed = shop.served_by(Arc::clone(&mortal));
    let deed = (case.act)(&doomed);
    match select(deed, mortal.death().boxed()).await {
        Either::Left((done, _)) => {
            assert!(dies_at.is_none() || done.is_ok(), "it answered before it died: {done:?}");
            ok(done);
        }
        Either::Right(((), _)) => assert!(dies_at.is_some()),
    }
    (shop, mortal.calls())
}

/// A second server repeats the request, then time passes, and the books are read.
async fn carry_on(fixture: &dyn LedgerFixture, case: &UseCase, shop: &Shop, named: &str) {
    let second = shop.instance(fixture, 1);
    let (total, reserved, available) = second.status().await;
    assert_eq!(total, reserved + available, "{named}");
    // The repeat settles it: the request is done, or it was done before and is refused for that.
    match (case.act)(&second).await {
        Ok(()) | Err(SaleError::NoReservation) => {}
        Err(error) => panic!("{named}: the repeat answered {error}"),
    }
    for _ in 0..2 {
        fixture.advance_clock(ALL_OVER_MS).await;
        second.tick().await;
    }
    books_balance(&second, case, named).await;
}

/// Everything has lapsed or ended: nothing is reserved, and what is gone was sold, once.
async fn books_balance(shop: &Shop, case: &UseCase, named: &str) {
    let (total, reserved, available) = shop.status().await;
    assert_eq!((reserved, total), (0, available), "{named}");
    let page = PageRequest { size: ok(PageSize::new(100)), after: None };
    let orders = ok(shop.sale.orders(&OrderFilter::of_user(&buyer()), page).await).items;
    let ours: Vec<_> = orders.iter().filter(|order| order.product == shop.gate.product).collect();
    assert!(ours.len() <= 1, "{named}: sold more than once");
    let sold: u32 = ours.iter().map(|order| order.quantity.get()).sum();
    // A change of stock that died after the record took it is made again by the repeat: it has no key of its own.
    let restocked = i64::from(total) + i64::from(sold) - i64::from(TOTAL);
    let allowed = [case.restocks, 2 * case.restocks];
    assert!(allowed.contains(&restocked), "{named}: {restocked} units came or went unaccounted for");
    let states = ok(shop.gate.record.states(&[shop.gate.product]).await);
    assert!(states.iter().all(|(_, state)| state.total.get() == total), "{named}: gate and record differ");
}

fn buyer() -> UserId {
    user("ada")
}

fn holding(shop: &Shop) -> BoxFuture<'_, ()> {
    async { drop(shop.reserve(&buyer(), HELD).await) }.boxed()
}

fn paying(shop: &Shop) -> BoxFuture<'_, ()> {
    async {
        shop.reserve(&buyer(), HELD).await;
        shop.gate.begin(&buyer()).await;
    }
    .boxed()
}

fn sold_but_not_finished(shop: &Shop) -> BoxFuture<'_, ()> {
    async {
        shop.reserve(&buyer(), HELD).await;
        let (hold, epoch) = shop.gate.begin(&buyer()).await;
        shop.gate.sell(&buyer(), hold, epoch).await;
        let settled = ok(shop.gate.record.settlement(shop.gate.product, hold.reservation).await);
        assert!(matches!(settled, Some(Settlement::Sold(_))));
    }
    .boxed()
}

fn release(shop: &Shop) -> BoxFuture<'_, Result<(), SaleError>> {
    async { shop.sale.release(shop.gate.product, &buyer()).await.map(drop) }.boxed()
}
