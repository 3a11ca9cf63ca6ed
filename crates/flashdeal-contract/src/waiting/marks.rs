//! Whether somebody waits, as the record and through it the gate has it.

use flashdeal_domain::ports::record::Change;
use flashdeal_domain::{Edit, ProductId, Quantity, RecordState, TermsPatch};

use crate::RecordFixture;
use crate::support::{
    add, at_once, change, create, create_with_state, join, ok, product_id, sale, sell, some, state_of, user, wish,
};

fn moved(before: RecordState, queued: bool) -> RecordState {
    let version = flashdeal_domain::Version(before.version.0 + 1);
    RecordState { version, terms: before.terms.with_queue(queued), ..before }
}

/// "in the very transaction in which the first joins or the last leaves, and the product's version rises with it; not otherwise."
pub async fn the_first_to_join_and_the_last_to_leave_change_the_mark(fixture: &dyn RecordFixture) {
    let waiting = fixture.waiting();
    let (product, before) = create_with_state(&fixture.record(), 3).await;
    assert!(!before.terms.queued());
    for _ in 0..2 {
        let before = state_of(&fixture.record(), product).await;
        let marked = moved(before, true);
        let (ada, record) = join(&waiting, product, "ada", 1).await;
        assert_eq!((record, state_of(&fixture.second_record(), product).await), (marked, marked));
        let (ben, record) = join(&waiting, product, "ben", 1).await;
        assert_eq!(record, marked);
        ok(waiting.join(wish(product, "ben", 2)).await);
        assert_eq!(some(ok(waiting.leave(product, &user("ada")).await), "who left"), (ada, marked));
        ok(waiting.leave(product, &user("ada")).await);
        assert_eq!(state_of(&fixture.record(), product).await, marked);
        let free = moved(marked, false);
        assert_eq!(ok(waiting.remove(product, std::slice::from_ref(&ben)).await), Some(free));
        assert_eq!(ok(waiting.remove(product, &[ben]).await), Some(free));
        assert_eq!(state_of(&fixture.record(), product).await, free);
    }
}

/// A gate hears of it whichever way it hears of the version.
pub async fn the_mark_is_in_every_state_of_the_record(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 9).await;
    join(&fixture.waiting(), product, "ada", 1).await;
    assert!(some(ok(record.product(product).await), "the product").terms.queued());
    let (_, sold) = sell(&record, sale(product, state.epoch, 2)).await;
    assert!(sold.terms.queued(), "{sold:?}");
    let (changed, after) = change(&record, product, add(2)).await;
    assert!(changed.terms.queued() && after.terms.queued(), "{after:?}");
    let opened = some(ok(record.open_epoch(product).await), "an epoch");
    assert!(opened.terms.queued(), "{opened:?}");
    assert_eq!(state_of(&record, product).await, opened);
}

/// The shop's terms and who waits have nothing to do with each other.
pub async fn the_mark_outlives_every_other_change(fixture: &dyn RecordFixture) {
    let (record, waiting) = (fixture.record(), fixture.waiting());
    let product = create(&record, 9).await;
    let limit = |limit| TermsPatch { max_per_reservation: limit, ..TermsPatch::default() };
    let two = ok(Quantity::new(2));
    let set = Change { terms: limit(Edit::Set(two)), ..Change::default() };
    let (_, before) = change(&record, product, set).await;
    let (_, marked) = join(&waiting, product, "ada", 1).await;
    assert_eq!(marked, moved(before, true));
    assert_eq!(marked.terms.max_per_reservation(), Some(two));
    let cleared = Change { terms: limit(Edit::Clear), ..Change::default() };
    let (_, after) = change(&record, product, cleared).await;
    assert_eq!((after.terms.queued(), after.terms.max_per_reservation()), (true, None));
    let (_, free) = some(ok(waiting.leave(product, &user("ada")).await), "who left");
    assert_eq!(free, moved(after, false));
}

/// However they come and go, on two instances, the mark is right in the end.
pub async fn many_who_come_and_go_leave_the_mark_right(fixture: &dyn RecordFixture) {
    let product = create(&fixture.record(), 0).await;
    let stays = |nth: u32| nth == 7;
    let visits = (0..40_u32).map(|nth| {
        let waiting = if nth % 2 == 0 { fixture.waiting() } else { fixture.second_waiting() };
        tokio::spawn(async move {
            for _ in 0..3 {
                let name = format!("ada-{nth}");
                ok(waiting.join(wish(product, &name, 1)).await);
                if !stays(nth) {
                    some(ok(waiting.leave(product, &user(&name)).await), "who left");
                }
            }
        })
    });
    at_once(visits).await.into_iter().for_each(ok);
    assert!(state_of(&fixture.record(), product).await.terms.queued());
    let (_, free) = some(ok(fixture.waiting().leave(product, &user("ada-7")).await), "who stayed");
    assert!(!free.terms.queued());
    assert_eq!(state_of(&fixture.second_record(), product).await, free);
}

async fn listed(fixture: &dyn RecordFixture, limit: usize) -> Vec<(ProductId, RecordState)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ok(fixture.second_waiting().queues(after, limit).await);
        assert!(page.len() <= limit, "a page too long");
        after = page.last().map(|(product, _)| *product).filter(|_| page.len() == limit);
        all.extend(page);
        if after.is_none() {
            return all;
        }
    }
}

/// "The products after `after`, in the order of their ids, for which somebody waits".
pub async fn what_is_waited_for_is_listed(fixture: &dyn RecordFixture) {
    let (record, waiting) = (fixture.record(), fixture.waiting());
    assert_eq!(listed(fixture, 10).await, []);
    let mut expected = Vec::new();
    for nth in 0..12 {
        let product = create(&record, 0).await;
        if nth % 3 != 0 {
            join(&waiting, product, "ada", 1).await;
            let (_, state) = join(&waiting, product, "ben", 1).await;
            expected.push((product, state));
        }
    }
    for limit in [1, 3, 8, 1000] {
        assert_eq!(listed(fixture, limit).await, expected, "in pages of {limit}");
    }
    let (gone, _) = expected.remove(2);
    for name in ["ada", "ben"] {
        some(ok(waiting.leave(gone, &user(name)).await), "who left");
    }
    assert_eq!(listed(fixture, 5).await, expected);
    assert_eq!(ok(waiting.queues(Some(product_id()), 10).await), []);
}

/// What an audit compares the mark with.
pub async fn the_books_count_those_who_wait(fixture: &dyn RecordFixture) {
    let (record, waiting) = (fixture.record(), fixture.waiting());
    let (idle, product) = (create(&record, 1).await, create(&record, 1).await);
    for name in ["ada", "ben", "cid"] {
        join(&waiting, product, name, 1).await;
    }
    let books = ok(record.books(None, 1000).await);
    let of = |id| some(books.iter().find(|books| books.product == id), "the books");
    assert_eq!((of(idle).waiting, of(product).waiting), (0, 3));
    assert_eq!(of(product).state.map(|state| state.terms.queued()), Some(true));
}
