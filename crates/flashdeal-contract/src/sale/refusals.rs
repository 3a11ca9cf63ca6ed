//! Changes of stock that the record refuses for reasons of its own, such as a right that its user was not given.

use flashdeal_domain::SaleError;

use crate::LedgerFixture;
use crate::mortal::{Mortal, Stumble};
use crate::sale::shop::Shop;
use crate::support::{ok, user};

const CHANGE: &str = "record.change_product";

/// The same shop, served by a server whose calls fail like this.
fn stumbling(fixture: &dyn LedgerFixture, shop: &Shop, stumbles: &[(&'static str, Stumble)]) -> Shop {
    shop.served_by(Mortal::stumbling(fixture, stumbles.iter().copied()))
}

/// "Nothing was changed": then nothing is held back either, and a lost attempt of the same change never takes it.
pub async fn a_decrease_the_record_refuses_gives_its_units_back(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 9).await;
    shop.reserve(&user("ada"), 2).await;
    for stumbles in [&[(CHANGE, Stumble::Refused)][..], &[(CHANGE, Stumble::Lost), (CHANGE, Stumble::Refused)]] {
        let refused = stumbling(fixture, &shop, stumbles).restock(-4).await;
        assert!(matches!(refused, Err(SaleError::Internal(_))), "{refused:?}");
        assert_eq!(shop.status().await, (9, 2, 7));
    }
    shop.reserve(&user("bob"), 7).await;
}

/// The record took the units out, and its answer was lost: what it says of a repeat does not bring them back.
pub async fn a_decrease_made_before_it_was_refused_stands(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 9).await;
    let stumbling = stumbling(fixture, &shop, &[(CHANGE, Stumble::Unheard), (CHANGE, Stumble::Refused)]);
    assert_eq!(ok(stumbling.restock(-4).await), (5, 0, 5));
    assert_eq!(shop.status().await, (5, 0, 5));
}

/// Whether the units may go back is the record's to say: while it says nothing they are held, and nobody waits for ever.
pub async fn a_refused_decrease_that_cannot_be_settled_is_left_to_the_background(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 9).await;
    let stumbles = [(CHANGE, Stumble::Refused), ("record.void", Stumble::Lost)];
    let refused = stumbling(fixture, &shop, &stumbles).restock(-4).await;
    assert!(matches!(refused, Err(SaleError::Internal(_))), "{refused:?}");
    assert_eq!(shop.status().await, (9, 4, 5));
    fixture.advance_clock(10 * 60 * 1000 + 5000).await;
    shop.tick().await;
    assert_eq!(shop.status().await, (9, 0, 9));
}
