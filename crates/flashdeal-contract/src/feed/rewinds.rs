//! Going back.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::Position;
use flashdeal_domain::{Epoch, Order, OrderFeed, Timestamp};

use crate::FeedFixture;
use crate::support::{begin, create, ok, read_all, reader, sale, sell, some, token};

const LONG: Duration = Duration::from_mins(5);

/// Orders, each of them some milliseconds later than the one before.
async fn sold(fixture: &dyn FeedFixture, count: usize) -> Vec<Order> {
    let record = fixture.record();
    let product = create(&record, 100).await;
    let mut sold = Vec::new();
    for _ in 0..count {
        fixture.pass(Duration::from_millis(20)).await;
        sold.push(sell(&record, sale(product, Epoch(0), 1)).await.0);
    }
    sold
}

/// Reads all of them and moves there.
async fn read_up(feed: &Arc<dyn OrderFeed>, name: &str, from: Position, count: usize) -> Position {
    let ours = token();
    some(ok(feed.hold(&reader(name), ours, LONG).await), "the lease");
    read_all(feed, from, count).await;
    let through = ok(feed.next_orders(from, 1000).await).through;
    assert!(ok(feed.advance(&reader(name), ours, through).await));
    ok(feed.release(&reader(name), ours).await);
    through
}

/// "Takes a reader back to before the first order that was sold at `since` or later."
pub async fn a_rewind_gives_again_what_was_sold_since(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let begin = begin(&feed, "ada").await;
    let sold = sold(fixture, 5).await;
    read_up(&feed, "ada", begin, 5).await;
    for from in [3, 1, 0] {
        let since = some(sold.get(from), "an order").created_at;
        let at = ok(feed.rewind(&reader("ada"), since).await);
        assert_eq!(ok(feed.hold(&reader("ada"), token(), Duration::ZERO).await), Some(at));
        assert_eq!(Some(read_all(&feed, at, 5 - from).await.as_slice()), sold.get(from..), "from {from}");
    }
}

/// "… and its lease away from whoever has it": who was about to move it forward does not.
pub async fn a_rewind_takes_the_lease_away(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let begin = begin(&feed, "ada").await;
    let sold = sold(fixture, 2).await;
    let through = read_up(&feed, "ada", begin, 2).await;
    let ours = token();
    assert_eq!(ok(feed.hold(&reader("ada"), ours, LONG).await), Some(through));
    let since = some(sold.last(), "an order").created_at;
    let back = ok(fixture.second_feed().rewind(&reader("ada"), since).await);
    assert!(back < through);
    assert!(!ok(feed.renew(&reader("ada"), ours, LONG).await));
    assert!(!ok(feed.advance(&reader("ada"), ours, Position(through.0 + 1)).await));
    assert_eq!(ok(feed.hold(&reader("ada"), token(), LONG).await), Some(back));
}

/// "One that is not as far as that stays where it is."
pub async fn a_rewind_never_moves_forward(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let begin = begin(&feed, "ada").await;
    let sold = sold(fixture, 3).await;
    let late = some(sold.last(), "an order").created_at;
    read_all(&feed, begin, 3).await;
    assert_eq!(ok(feed.rewind(&reader("ada"), late).await), begin);
    let to_come = Timestamp::from_millis(late.as_millis() + 1_000_000);
    assert_eq!(ok(feed.rewind(&reader("ada"), to_come).await), begin);
}

/// "One that was never seen before is made."
pub async fn a_rewind_of_a_new_reader_gives_it_what_was_sold_before(fixture: &dyn FeedFixture) {
    let feed = fixture.feed();
    let sold = sold(fixture, 3).await;
    let at = ok(feed.rewind(&reader("new"), Timestamp::from_millis(0)).await);
    assert_eq!(ok(feed.hold(&reader("new"), token(), LONG).await), Some(at));
    assert_eq!(read_all(&feed, at, 3).await, sold);
}
