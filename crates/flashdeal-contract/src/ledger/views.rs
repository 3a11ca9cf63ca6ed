//! What the background looks at.

use std::collections::BTreeMap;
use std::time::Duration;

use flashdeal_domain::ProductId;
use flashdeal_domain::ports::reservation::PayingHold;

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::{ok, product_id, user, users};

/// "The oldest holds that have been paying for over … `paying_over`": how long ago, and how late, to the millisecond.
pub async fn a_view_shows_how_long_a_hold_is_paying(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 3, 60_000).await;
    gate.held_for(&user("ben"), 1, 86_400_000).await;
    fixture.advance_clock(50_000).await;
    gate.begin(&ada).await;
    assert_eq!(gate.view(5000).await.paying, []);
    fixture.advance_clock(4999).await;
    assert_eq!(gate.view(5000).await.paying, []);
    for (by_ms, paying_for, overdue) in
        [(2, 5001, 0), (4998, 9999, 0), (1, 10_000, 0), (1, 10_001, 1), (3_600_000, 3_610_001, 3_600_001)]
    {
        fixture.advance_clock(by_ms).await;
        let expected = PayingHold {
            user: ada.clone(),
            hold,
            paying_for: Duration::from_millis(paying_for),
            overdue: Duration::from_millis(overdue),
        };
        for gate in [gate.clone(), gate.second(fixture)] {
            assert_eq!(gate.view(5000).await.paying, std::slice::from_ref(&expected));
        }
    }
    gate.finish(&ada, hold.reservation, None).await;
    assert_eq!(gate.view(5000).await.paying, []);
}

/// "How long ago its checkout *first* began".
pub async fn beginning_again_does_not_make_a_checkout_younger(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held(&ada, 3).await;
    gate.begin(&ada).await;
    for _ in 0..3 {
        fixture.advance_clock(2000).await;
        gate.begin(&ada).await;
    }
    let paying = gate.view(5000).await.paying;
    let ages: Vec<_> = paying.iter().map(|paying| paying.paying_for.as_millis()).collect();
    assert_eq!(ages, [6000]);
}

/// "The oldest holds …, at most 64."
pub async fn a_view_shows_the_oldest_64(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 100).await;
    let mut begun = users("buyer", 70);
    for user in &begun {
        gate.held(user, 1).await;
    }
    for user in &begun {
        gate.begin(user).await;
        fixture.advance_clock(10).await;
    }
    fixture.advance_clock(5000).await;
    let paying = gate.view(5000).await.paying;
    let mut shown: Vec<_> = paying.into_iter().map(|paying| paying.user).collect();
    shown.sort();
    begun.truncate(64);
    begun.sort();
    assert_eq!(shown, begun);
}

/// "What the background needs to know of these products (at most 1000) … Closed gates are answered for too."
pub async fn a_view_answers_for_every_product(fixture: &dyn LedgerFixture) {
    let open = Gate::open(fixture, 7).await;
    let closed = Gate::closed(fixture, 7).await;
    open.held(&user("ada"), 1).await;
    open.begin(&user("ada")).await;
    fixture.advance_clock(1).await;
    let mut asked = vec![closed.product, open.product];
    asked.extend((0..998).map(|_| product_id()));
    let views = ok(open.ledger.view(&asked, Duration::ZERO).await);
    let seen: BTreeMap<ProductId, _> = views.iter().map(|view| (view.product, view)).collect();
    assert_eq!((views.len(), seen.len()), (1000, 1000));
    for (product, view) in seen {
        assert_eq!(view.open.is_some(), product == open.product);
        assert_eq!(view.paying.len(), usize::from(product == open.product));
        assert!(!view.needs_reopening);
    }
    assert_eq!(ok(open.ledger.view(&[], Duration::ZERO).await), []);
}

/// A look ends what is due and nothing else, and changes no count.
pub async fn a_view_ends_only_what_is_due(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 1000).await;
    for user in users("due", 300) {
        gate.held_for(&user, 1, 60_000).await;
    }
    let late = gate.held_for(&user("late"), 1, 60_001).await;
    let paying = gate.held_for(&user("paying"), 1, 60_000).await;
    gate.begin(&user("paying")).await;
    fixture.advance_clock(60_000).await;
    for _ in 0..3 {
        gate.view(0).await;
        assert_eq!(gate.status().await, (1000, 2, 998));
    }
    assert_eq!(gate.hold(&user("late")).await, Some(late));
    assert_eq!(gate.hold(&user("paying")).await, Some(paying));
}

/// "The products that may have state in the gate, in the order of their ids, at most `limit`, those after `after`."
pub async fn products_come_in_order_and_in_pages(fixture: &dyn LedgerFixture) {
    let mut made = Vec::new();
    for _ in 0..12 {
        let gate = Gate::open(fixture, 7).await;
        gate.held(&user("ada"), 1).await;
        gate.begin(&user("ada")).await;
        made.push(gate.product);
    }
    let ledger = fixture.ledger();
    for limit in [1, 5, 11, 12, 13, 1000] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = ok(ledger.products(after, limit).await);
            assert!(page.len() <= limit, "a page too long");
            let Some(last) = page.last() else { break };
            after = Some(*last);
            all.extend(page);
        }
        assert!(all.is_sorted_by(|one, other| one < other), "not in order");
        let missing: Vec<_> = made.iter().filter(|id| !all.contains(id)).collect();
        assert!(missing.is_empty(), "in pages of {limit}, missing: {missing:?}");
    }
    let beyond = ok(ledger.products(made.last().copied(), 10).await);
    assert_eq!(beyond, []);
}

/// "none with a paying hold is missing": after its deadline too, and until it is finished.
pub async fn no_product_with_a_paying_hold_is_missing(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let hold = gate.held_for(&user("ada"), 1, 60_000).await;
    gate.begin(&user("ada")).await;
    fixture.advance_clock(86_400_000).await;
    let all = ok(fixture.second_ledger().products(None, 1000).await);
    assert!(all.contains(&gate.product));
    gate.finish(&user("ada"), hold.reservation, None).await;
    ok(gate.ledger.products(None, 1000).await);
}
