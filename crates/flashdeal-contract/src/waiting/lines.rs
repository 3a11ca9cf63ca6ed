//! Who stands where.

use std::sync::Arc;

use flashdeal_domain::ports::{JoinOutcome, Place, Waiting, Wish};
use flashdeal_domain::{ProductId, Quantity, WaitingList};

use crate::RecordFixture;
use crate::support::{at_once, create, join, ok, product_id, some, user, wish};

/// The names in a line, in their order.
async fn names(waiting: &Arc<dyn WaitingList>, product: ProductId) -> Vec<String> {
    let line = ok(waiting.line(product, None, 1000).await);
    assert!(line.is_sorted_by(|one, next| one.place < next.place), "not in order: {line:?}");
    line.into_iter().map(|waiting| waiting.user.as_str().to_owned()).collect()
}

/// As what a user waits, and how many stand before them.
async fn of(waiting: &Arc<dyn WaitingList>, product: ProductId, name: &str) -> Option<(Waiting, u64)> {
    ok(waiting.waiting(product, &user(name)).await)
}

/// "Whoever joins after another's join was answered stands behind them", on whichever instance.
pub async fn who_joins_later_stands_behind(fixture: &dyn RecordFixture) {
    let (first, second) = (fixture.waiting(), fixture.second_waiting());
    let product = create(&fixture.record(), 0).await;
    for (nth, name) in ["ada", "ben", "cid", "dora"].into_iter().enumerate() {
        let instance = if nth % 2 == 0 { &first } else { &second };
        let (waiting, _) = join(instance, product, name, 2).await;
        assert_eq!((waiting.product, waiting.user.as_str(), waiting.quantity.get()), (product, name, 2));
        let other = if nth % 2 == 0 { &second } else { &first };
        let ahead = u64::try_from(nth).unwrap_or_default();
        assert_eq!(of(other, product, name).await, Some((waiting, ahead)));
    }
    assert_eq!(names(&second, product).await, ["ada", "ben", "cid", "dora"]);
    assert_eq!(of(&first, product, "eve").await, None);
}

/// "sets the quantity of one who stands there", who keeps the wait they have.
pub async fn who_joins_again_keeps_their_place(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let product = create(&fixture.record(), 0).await;
    let (ada, before) = join(&waiting, product, "ada", 2).await;
    join(&waiting, product, "ben", 1).await;
    match ok(fixture.second_waiting().join(wish(product, "ada", 5)).await) {
        JoinOutcome::Waits { waiting: again, created: false, record } => {
            assert_eq!(again, Waiting { quantity: ok(Quantity::new(5)), ..ada.clone() });
            assert_eq!(record, before);
            assert_eq!(of(&waiting, product, "ada").await, Some((again, 0)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(names(&waiting, product).await, ["ada", "ben"]);
}

/// "A repeat … with the same reservation answers what the first did."
pub async fn a_join_repeated_is_the_same_join(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let product = create(&fixture.record(), 0).await;
    let wish = wish(product, "ada", 2);
    let first = ok(waiting.join(wish.clone()).await);
    assert!(
        matches!(&first, JoinOutcome::Waits { created: true, waiting, .. } if waiting.reservation == wish.reservation)
    );
    assert_eq!(ok(fixture.second_waiting().join(wish).await), first);
    assert_eq!(names(&waiting, product).await, ["ada"]);
}

/// "Takes a user out of the line, and answers as what they stood there"; once.
pub async fn who_leaves_makes_room_for_those_behind(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let product = create(&fixture.record(), 0).await;
    let (ada, _) = join(&waiting, product, "ada", 2).await;
    join(&waiting, product, "ben", 1).await;
    let (cid, _) = join(&waiting, product, "cid", 1).await;
    let (left, _) = some(ok(fixture.second_waiting().leave(product, &user("ada")).await), "who left");
    assert_eq!(left, ada);
    assert_eq!(ok(waiting.leave(product, &user("ada")).await), None);
    assert_eq!(of(&waiting, product, "cid").await, Some((cid, 1)));
    assert_eq!(names(&waiting, product).await, ["ben", "cid"]);
    assert_eq!(ok(waiting.leave(product, &user("eve")).await), None);
    assert_eq!(ok(waiting.leave(product_id(), &user("ben")).await), None);
}

/// "who leaves and joins again gets another": what is meant for the wait before does not end the one after.
pub async fn who_comes_back_stands_at_the_end(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let product = create(&fixture.record(), 0).await;
    for only in [true, false] {
        let (before, _) = join(&waiting, product, "ada", 1).await;
        if !only {
            join(&waiting, product, "ben", 1).await;
        }
        some(ok(waiting.leave(product, &user("ada")).await), "who left");
        let (after, record) = join(&waiting, product, "ada", 1).await;
        assert_ne!(before.reservation, after.reservation);
        assert_eq!(ok(waiting.remove(product, &[before]).await), Some(record));
        assert_eq!(of(&waiting, product, "ada").await, Some((after, u64::from(!only))));
        if only {
            some(ok(waiting.leave(product, &user("ada")).await), "who left");
        }
    }
    assert_eq!(names(&waiting, product).await, ["ben", "ada"]);
}

/// "Takes these out of the line … who is not there any more … is passed over."
pub async fn those_called_are_taken_out_together(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let product = create(&fixture.record(), 0).await;
    let mut line = Vec::new();
    for name in ["ada", "ben", "cid", "dora"] {
        line.push(join(&waiting, product, name, 1).await.0);
    }
    some(ok(waiting.leave(product, &user("ben")).await), "who left");
    let record = some(ok(waiting.remove(product, line.get(..3).unwrap_or_default()).await), "the record");
    assert!(record.terms.queued());
    assert_eq!(ok(fixture.second_waiting().remove(product, line.get(..3).unwrap_or_default()).await), Some(record));
    assert_eq!(names(&waiting, product).await, ["dora"]);
    assert_eq!(ok(waiting.remove(product, &[]).await), Some(record));
    assert_eq!(ok(waiting.remove(product_id(), &line).await), None);
    assert_eq!(names(&waiting, product).await, ["dora"]);
}

/// "by the span of their places: those who left in the middle count until they are passed."
pub async fn a_line_has_its_bound(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let product = create(&fixture.record(), 0).await;
    for name in ["ada", "ben", "cid"] {
        join(&waiting, product, name, 1).await;
    }
    let full = async |name| ok(waiting.join(Wish { most: 3, ..wish(product, name, 1) }).await) == JoinOutcome::Full;
    assert!(full("dora").await);
    assert!(!full("ada").await, "who waits already is not kept out");
    some(ok(waiting.leave(product, &user("ben")).await), "who left");
    assert!(full("dora").await);
    some(ok(waiting.leave(product, &user("ada")).await), "who left");
    assert!(!full("dora").await);
    assert_eq!(names(&waiting, product).await, ["cid", "dora"]);
}

/// A line for each product; none for one that is not there.
pub async fn lines_do_not_disturb_each_other(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let (one, two) = (create(&fixture.record(), 0).await, create(&fixture.record(), 0).await);
    join(&waiting, one, "ada", 1).await;
    join(&waiting, one, "ben", 1).await;
    let (ben, _) = join(&waiting, two, "ben", 3).await;
    assert_eq!(of(&waiting, two, "ben").await, Some((ben, 0)));
    some(ok(waiting.leave(one, &user("ben")).await), "who left");
    assert_eq!((names(&waiting, one).await.len(), names(&waiting, two).await.len()), (1, 1));
    let nowhere = product_id();
    assert_eq!(ok(waiting.join(wish(nowhere, "ada", 1)).await), JoinOutcome::UnknownProduct);
    assert_eq!((ok(waiting.line(nowhere, None, 10).await), of(&waiting, nowhere, "ada").await), (Vec::new(), None));
}

/// "Those in line after `after`, in their order, at most `limit`."
pub async fn a_line_is_read_in_parts(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let product = create(&fixture.record(), 0).await;
    let mut joined = Vec::new();
    for nth in 0..7 {
        joined.push(join(&waiting, product, &format!("ada-{nth}"), nth + 1).await.0);
    }
    for limit in [1, 3, 7, 1000] {
        let (mut read, mut after): (Vec<Waiting>, Option<Place>) = (Vec::new(), None);
        loop {
            let part = ok(waiting.line(product, after, limit).await);
            assert!(part.len() <= limit);
            let Some(last) = part.last() else { break };
            after = Some(last.place);
            read.extend(part);
        }
        assert_eq!(read, joined, "in parts of {limit}");
    }
}

/// Durable as they are.
pub async fn odd_users_and_quantities_come_back_as_they_went_in(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let product = create(&fixture.record(), 0).await;
    let long = "ü".repeat(128);
    for (name, quantity) in [("Ada", 1), ("ada", 1_000_000), (" a'b\"c\\", 7), ("日本 🎉", 2), (long.as_str(), 3)] {
        let (joined, _) = join(&waiting, product, name, quantity).await;
        assert_eq!((joined.user.as_str(), joined.quantity.get()), (name, quantity));
        assert_eq!(some(of(&fixture.second_waiting(), product, name).await, "the wait").0, joined);
    }
}

/// Nobody shares a place, on two instances, however many come at once; and who comes twice stands there once.
pub async fn many_who_join_at_once_have_each_a_place(fixture: &dyn RecordFixture) {
    let product = create(&fixture.record(), 0).await;
    let joins = (0..120_u32).map(|nth| {
        let waiting = if nth % 2 == 0 { fixture.waiting() } else { fixture.second_waiting() };
        tokio::spawn(async move { ok(waiting.join(wish(product, &format!("ada-{}", nth % 80), 1)).await) })
    });
    let outcomes: Vec<JoinOutcome> = at_once(joins).await.into_iter().map(ok).collect();
    let created = outcomes.iter().filter(|outcome| matches!(outcome, JoinOutcome::Waits { created: true, .. })).count();
    let waiting = fixture.waiting();
    let mut names = names(&waiting, product).await;
    names.sort();
    names.dedup();
    assert_eq!((created, names.len()), (80, 80));
}
