//! Who may move a reader.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::Epoch;
use flashdeal_domain::ports::Position;

use crate::FeedFixture;
use crate::support::{at_once, begin, create, ok, read_all, reader, sale, sell, some, token};

/// Longer than any case.
const LONG: Duration = Duration::from_mins(5);

/// "Of those who hold a reader's lease, one does at any time; the others are told so."
pub async fn one_holds_a_lease_and_the_others_are_told_so(fixture: &dyn FeedFixture) {
    let (feed, second) = (fixture.feed(), fixture.second_feed());
    let (ada, ours, theirs) = (reader("ada"), token(), token());
    let at = some(ok(feed.hold(&ada, ours, LONG).await), "the lease");
    assert_eq!(ok(second.hold(&ada, theirs, LONG).await), None);
    assert_eq!(ok(feed.hold(&ada, theirs, LONG).await), None);
    assert_eq!(ok(second.hold(&ada, ours, LONG).await), Some(at), "it is the token that holds it");
}

/// "It lapses by the store's clock, so that whoever dies with it is succeeded."
pub async fn a_lease_that_lapsed_goes_to_the_next(fixture: &dyn FeedFixture) {
    let (feed, second) = (fixture.feed(), fixture.second_feed());
    let (ada, ours, theirs) = (reader("ada"), token(), token());
    let at = some(ok(feed.hold(&ada, ours, Duration::from_millis(300)).await), "the lease");
    fixture.pass(Duration::from_millis(500)).await;
    assert_eq!(ok(second.hold(&ada, theirs, LONG).await), Some(at));
    assert_eq!(ok(feed.hold(&ada, ours, LONG).await), None);
}

/// "One that ends later than a minute and twice `lasts` from now was taken before the store's clock was set back."
pub async fn a_lease_from_before_the_clock_was_set_back_goes_to_the_next(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let (ada, ours, theirs) = (reader("ada"), token(), token());
    let short = Duration::from_secs(10);
    let at = some(ok(feed.hold(&ada, ours, Duration::from_mins(1)).await), "the lease");
    assert_eq!(ok(feed.hold(&ada, theirs, short).await), None, "it may have been taken just now");
    assert_eq!(ok(feed.hold(&ada, ours, Duration::from_hours(1)).await), Some(at));
    assert_eq!(ok(feed.hold(&ada, theirs, short).await), Some(at));
    assert!(!ok(feed.advance(&ada, ours, at).await) && ok(feed.advance(&ada, theirs, at).await));
}

/// "Takes the reader's lease for `lasts` from now on, or renews it."
pub async fn a_lease_is_renewed_by_its_holder(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let (ours, theirs) = (token(), token());
    for name in ["by holding it again", "by renewing it"].map(|name| name.replace(' ', "-")) {
        let ada = reader(&name);
        let at = some(ok(feed.hold(&ada, ours, Duration::from_millis(300)).await), "the lease");
        if name.contains("again") {
            assert_eq!(ok(feed.hold(&ada, ours, LONG).await), Some(at));
        } else {
            assert!(ok(feed.renew(&ada, ours, LONG).await));
        }
        fixture.pass(Duration::from_millis(500)).await;
        assert_eq!(ok(feed.hold(&ada, theirs, LONG).await), None, "the second term counts");
    }
}

/// "Lets the lease last …, if this token has it": it takes no lease that was lost.
pub async fn nobody_renews_a_lease_they_have_not(fixture: &dyn FeedFixture) {
    let (feed, second) = (fixture.feed(), fixture.second_feed());
    let (ada, ours, theirs) = (reader("ada"), token(), token());
    assert!(!ok(feed.renew(&ada, ours, LONG).await), "there is no such reader");
    some(ok(feed.hold(&ada, ours, LONG).await), "the lease");
    assert!(!ok(second.renew(&ada, theirs, LONG).await));
    ok(feed.release(&ada, ours).await);
    assert!(!ok(feed.renew(&ada, ours, LONG).await), "it was given back");
    some(ok(second.hold(&ada, theirs, LONG).await), "the lease");
    assert!(!ok(feed.renew(&ada, ours, LONG).await) && ok(second.renew(&ada, theirs, LONG).await));
}

/// "The next who asks gets it."
pub async fn a_lease_given_back_is_free_at_once(fixture: &dyn FeedFixture) {
    let (feed, second) = (fixture.feed(), fixture.second_feed());
    let (ada, ours, theirs) = (reader("ada"), token(), token());
    let at = some(ok(feed.hold(&ada, ours, LONG).await), "the lease");
    ok(feed.release(&ada, ours).await);
    ok(feed.release(&ada, ours).await);
    assert_eq!(ok(second.hold(&ada, theirs, LONG).await), Some(at));
}

/// "Gives the lease back, if this token has it."
pub async fn nobody_gives_back_the_lease_of_another(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let (ada, ours, theirs) = (reader("ada"), token(), token());
    some(ok(feed.hold(&ada, ours, LONG).await), "the lease");
    ok(feed.release(&ada, theirs).await);
    ok(feed.release(&reader("nobody"), ours).await);
    assert_eq!(ok(feed.hold(&ada, theirs, LONG).await), None);
}

/// Of a reader that is new to all of them, too.
pub async fn of_many_who_ask_at_once_one_gets_it(fixture: &dyn FeedFixture) {
    let got = at_once((0..16).map(|nth| {
        let feed = if nth % 2 == 0 { fixture.feed() } else { fixture.second_feed() };
        async move { ok(feed.hold(&reader("ada"), token(), LONG).await) }
    }))
    .await;
    assert_eq!(got.iter().flatten().count(), 1, "{got:?}");
}

/// "A position moves under its lease, in the same step that looks at the lease."
pub async fn a_position_moves_under_its_lease_alone(fixture: &dyn FeedFixture) {
    let (feed, second) = (fixture.feed(), fixture.second_feed());
    let (ada, ours, theirs) = (reader("ada"), token(), token());
    let at = some(ok(feed.hold(&ada, ours, Duration::from_millis(300)).await), "the lease");
    let further = |by: i64| Position(at.0 + by);
    assert!(!ok(feed.advance(&ada, theirs, further(1)).await), "it has no lease");
    assert!(ok(feed.advance(&ada, ours, further(1)).await));
    assert!(ok(feed.advance(&ada, ours, further(1)).await), "a repeat changes nothing");
    fixture.pass(Duration::from_millis(500)).await;
    assert_eq!(ok(second.hold(&ada, theirs, LONG).await), Some(further(1)));
    assert!(!ok(feed.advance(&ada, ours, further(2)).await), "it went to somebody else");
    assert!(ok(second.advance(&ada, theirs, further(3)).await));
    ok(second.release(&ada, theirs).await);
    assert!(!ok(second.advance(&ada, theirs, further(4)).await), "it was given back");
    assert!(!ok(feed.advance(&reader("nobody"), ours, further(4)).await));
    assert_eq!(ok(feed.hold(&ada, ours, LONG).await), Some(further(3)));
}

/// "`false`, and nothing done, … if the reader is further than `to` already."
pub async fn a_position_never_moves_back(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let (ada, ours) = (reader("ada"), token());
    let at = some(ok(feed.hold(&ada, ours, LONG).await), "the lease");
    assert!(ok(feed.advance(&ada, ours, Position(at.0 + 5)).await));
    assert!(!ok(feed.advance(&ada, ours, Position(at.0 + 4)).await));
    assert_eq!(ok(feed.hold(&ada, ours, LONG).await), Some(Position(at.0 + 5)));
}

/// Each has a lease and a position of its own.
pub async fn readers_do_not_disturb_each_other(fixture: &dyn FeedFixture) {
    let (record, feed) = (fixture.record(), fixture.feed());
    let product = create(&record, 10).await;
    let ours = token();
    let at = some(ok(feed.hold(&reader("ada"), ours, LONG).await), "the lease");
    let bob = begin(&feed, "bob").await;
    let (order, _) = sell(&record, sale(product, Epoch(0), 1)).await;
    assert_eq!(read_all(&feed, at, 1).await, std::slice::from_ref(&order));
    let page = ok(feed.next_orders(at, 100).await);
    assert!(ok(feed.advance(&reader("ada"), ours, page.through).await));
    assert_eq!(read_all(&feed, bob, 1).await, [order]);
    assert_eq!(begin(&Arc::clone(&feed), "bob").await, bob);
}
