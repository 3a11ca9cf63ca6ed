//! How far readers are.

use std::time::Duration;

use flashdeal_domain::Epoch;
use flashdeal_domain::ports::feed::MAX_FAILURE_CHARS;
use flashdeal_domain::ports::{OrderFeed, Standing};

use crate::FeedFixture;
use crate::support::{begin, create, ok, read_all, reader, sale, sell, some, token};

const LONG: Duration = Duration::from_mins(5);

async fn standing(feed: &dyn OrderFeed, name: &str) -> Standing {
    let all = ok(feed.standings(None).await);
    assert!(all.is_sorted_by(|one, next| one.reader < next.reader), "by name, each once: {all:?}");
    some(all.into_iter().find(|standing| standing.reader == reader(name)), "the reader's standing")
}

/// "How many orders are after its position", and since when.
pub async fn a_standing_tells_what_waits(fixture: &dyn FeedFixture) {
    let (record, feed) = (fixture.record(), fixture.feed());
    assert_eq!(ok(feed.standings(None).await), []);
    let product = create(&record, 10).await;
    let ours = token();
    let begin = some(ok(feed.hold(&reader("ada"), ours, LONG).await), "the lease");
    let new = standing(&*feed, "ada").await;
    assert_eq!((new.position, new.waiting, new.oldest), (begin, 0, None));
    assert_eq!((new.held, new.failure), (true, None));
    for _ in 0..3 {
        sell(&record, sale(product, Epoch(0), 1)).await;
    }
    fixture.pass(Duration::from_millis(200)).await;
    let behind = standing(&*fixture.second_feed(), "ada").await;
    assert_eq!((behind.position, behind.waiting), (begin, 3));
    let oldest = some(behind.oldest, "an age");
    assert!(oldest >= Duration::from_millis(200) && oldest < LONG, "{oldest:?}");
    read_all(&feed, begin, 3).await;
    let through = ok(feed.next_orders(begin, 100).await).through;
    assert!(ok(feed.advance(&reader("ada"), ours, through).await));
    ok(feed.release(&reader("ada"), ours).await);
    let done = standing(&*feed, "ada").await;
    assert_eq!((done.position, done.waiting, done.oldest), (through, 0, None));
    assert!(!done.held && done.moved_at > new.moved_at);
}

/// "How far these readers are": whoever looks often looks at those they care for.
pub async fn a_standing_is_told_of_those_who_are_asked_for(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    for name in ["ada", "bob", "carl"] {
        begin(&feed, name).await;
    }
    for asked in [&["carl", "ada"][..], &["bob", "nobody"], &["nobody"], &[]] {
        let readers: Vec<_> = asked.iter().map(|name| reader(name)).collect();
        let all = ok(feed.standings(None).await).into_iter();
        let expected: Vec<_> = all.filter(|standing| readers.contains(&standing.reader)).collect();
        assert_eq!(ok(feed.standings(Some(&readers)).await), expected, "{asked:?}");
    }
    assert_eq!(ok(feed.standings(None).await).len(), 3);
}

/// "The last failure that was noted, and when."
pub async fn the_last_failure_is_told(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let ours = token();
    let at = some(ok(feed.hold(&reader("ada"), ours, LONG).await), "the lease");
    ok(feed.note_failure(&reader("ada"), ours, "answered 500").await);
    fixture.pass(Duration::from_millis(20)).await;
    let long = "☹".repeat(MAX_FAILURE_CHARS + 1);
    ok(feed.note_failure(&reader("ada"), ours, &long).await);
    let failed = standing(&*feed, "ada").await;
    let (when, why) = some(failed.failure, "the failure");
    assert_eq!(why.chars().count(), MAX_FAILURE_CHARS, "cut, not refused");
    assert!(when > failed.moved_at);
    // It is told of a reader that goes on, too: with its time it says what was.
    assert!(ok(feed.advance(&reader("ada"), ours, at).await));
    assert!(standing(&*feed, "ada").await.failure.is_some());
}

/// "… if this token has its lease."
pub async fn a_failure_of_somebody_without_the_lease_is_not_noted(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    some(ok(feed.hold(&reader("ada"), token(), LONG).await), "the lease");
    ok(feed.note_failure(&reader("ada"), token(), "answered 500").await);
    ok(feed.note_failure(&reader("nobody"), token(), "answered 500").await);
    assert_eq!(standing(&*feed, "ada").await.failure, None);
    assert_eq!(ok(feed.standings(None).await).len(), 1);
}
