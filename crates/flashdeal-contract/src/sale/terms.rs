//! The terms of a sale, as buyers and the shop meet them.

use flashdeal_domain::ports::record::Change;
use flashdeal_domain::{Edit, ProductPatch, Quantity, SaleError, Shortage, Terms, TermsPatch, TermsRefusal, Timestamp};

use crate::LedgerFixture;
use crate::ledger::terms::{ending, limited, now, starting};
use crate::sale::shop::Shop;
use crate::support::{change, ok, units, user};

/// A shop whose gate is open, and what its clock says.
async fn open(fixture: &dyn LedgerFixture, total: u32) -> (Shop, i64) {
    let shop = Shop::open(fixture, total).await;
    shop.status().await;
    let now = now(&shop.gate).await;
    (shop, now)
}

/// Changes the terms as a shopkeeper does, and answers what they are.
async fn put(shop: &Shop, terms: TermsPatch) -> Result<Terms, SaleError> {
    let patch = ProductPatch { terms, ..ProductPatch::default() };
    Ok(shop.sale.change_product(shop.gate.product, patch).await?.0.terms)
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, SaleError>) -> TermsRefusal {
    match answer {
        Err(SaleError::Terms(refusal)) => refusal,
        other => panic!("expected a refusal by the terms, got {other:?}"),
    }
}

/// What stands in the way is named, and when it no longer does.
pub async fn a_buyer_is_told_what_the_terms_are(fixture: &dyn LedgerFixture) {
    let (shop, now) = open(fixture, 9).await;
    let ada = user("ada");
    let (start, end) = (Timestamp::from_millis(now + 1000), Timestamp::from_millis(now + 2000));
    let terms = TermsPatch { ends_at: Edit::Set(end), ..limited(2) };
    let terms = ok(put(&shop, TermsPatch { starts_at: Edit::Set(start), ..terms }).await);
    assert_eq!(terms, ok(Terms::new(Some(start), Some(end), Some(ok(Quantity::new(2))))));
    assert_eq!(ok(shop.sale.product(shop.gate.product).await).0.terms, terms);
    assert_eq!(refusal(shop.try_reserve(&ada, 1).await), TermsRefusal::not_started(start, Timestamp::from_millis(now)));
    fixture.advance_clock(1000).await;
    assert!(matches!(refusal(shop.try_reserve(&ada, 3).await), TermsRefusal::OverLimit { .. }));
    shop.reserve(&ada, 2).await;
    fixture.advance_clock(1000).await;
    assert_eq!(refusal(shop.try_reserve(&user("ben"), 1).await), TermsRefusal::Ended { ends_at: end });
}

/// Who asks after a change was answered is bound by it, on every server.
pub async fn changed_terms_bind_the_next_buyer(fixture: &dyn LedgerFixture) {
    let (shop, now) = open(fixture, 9).await;
    for nth in 0..4 {
        ok(put(&shop.instance(fixture, nth), ending(now)).await);
        refusal(shop.try_reserve(&user("ada"), 1).await);
        refusal(shop.instance(fixture, 1).try_reserve(&user("ada"), 1).await);
        ok(put(&shop, TermsPatch { ends_at: Edit::Clear, ..TermsPatch::default() }).await);
        shop.instance(fixture, nth + 1).reserve(&user("ada"), 1).await;
        ok(shop.sale.release(shop.gate.product, &user("ada")).await);
    }
}

/// "until its own deadline".
pub async fn a_hold_is_paid_for_after_the_end(fixture: &dyn LedgerFixture) {
    let (shop, now) = open(fixture, 9).await;
    ok(put(&shop, ending(now + 1000)).await);
    shop.reserve(&user("ada"), 3).await;
    fixture.advance_clock(1000).await;
    refusal(shop.try_reserve(&user("ada"), 4).await);
    assert_eq!(shop.reserve(&user("ada"), 2).await.quantity, units(2));
    assert_eq!(ok(shop.checkout(&user("ada")).await).order.quantity, units(2));
    assert_eq!(shop.status().await, (7, 0, 7));
    refusal(shop.try_reserve(&user("ada"), 1).await);
}

/// A decrease is no sale: not before the start, not above the limit, not after the end.
pub async fn stock_is_taken_off_sale_under_any_terms(fixture: &dyn LedgerFixture) {
    let (shop, now) = open(fixture, 20).await;
    ok(put(&shop, TermsPatch { ends_at: ending(now + 2000).ends_at, ..starting(now + 1000) }).await);
    ok(put(&shop, limited(1)).await);
    for left in [17, 14, 11] {
        assert_eq!(ok(shop.restock(-3).await), (left, 0, left));
        refusal(shop.try_reserve(&user("ada"), 3).await);
        fixture.advance_clock(1000).await;
    }
    let more = shop.restock(-12).await;
    assert!(matches!(more, Err(SaleError::InsufficientStock { shortage: Shortage::AllHeld, .. })), "{more:?}");
}

/// A change that contradicts what the product has is refused whole, and what it took out of the gate goes back.
pub async fn an_end_before_the_start_is_refused(fixture: &dyn LedgerFixture) {
    let (shop, now) = open(fixture, 9).await;
    ok(put(&shop, starting(now)).await);
    let refused = put(&shop, ending(now)).await;
    assert!(matches!(refused, Err(SaleError::EndBeforeStart)), "{refused:?}");
    let add_stock = Some(ok(flashdeal_domain::StockDelta::new(-4)));
    let patch = ProductPatch { add_stock, terms: ending(now - 1), ..ProductPatch::default() };
    let refused = shop.sale.change_product(shop.gate.product, patch).await;
    assert!(matches!(refused, Err(SaleError::EndBeforeStart)), "{refused:?}");
    assert_eq!(shop.status().await, (9, 0, 9));
    shop.reserve(&user("ada"), 9).await;
}

/// What a server that died wrote is in the gate after the next round.
pub async fn the_background_adopts_terms(fixture: &dyn LedgerFixture) {
    let (shop, now) = open(fixture, 9).await;
    change(&shop.gate.record, shop.gate.product, Change { terms: ending(now), ..Change::default() }).await;
    shop.tick().await;
    refusal(shop.try_reserve(&user("ada"), 1).await);
}
