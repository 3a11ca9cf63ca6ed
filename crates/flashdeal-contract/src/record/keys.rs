//! Idempotency keys of checkouts: written with their order, kept as long.

use flashdeal_domain::ports::record::{CheckoutKey, Commit, KeyedOrder};
use flashdeal_domain::{IdempotencyKey, Units};

use crate::RecordFixture;
use crate::support::{at_once, create, create_with_state, key, ok, sale, sell, some, state_of, user};

/// A key of a body that named no reservation.
pub(super) fn unnamed(text: &str) -> CheckoutKey {
    CheckoutKey { key: key(text), named: None }
}

/// "The order that a checkout with this key made, or `None`."
pub async fn a_key_is_kept_with_its_order(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let mut sale = sale(product, state.epoch, 1);
    sale.key = Some(unnamed("key"));
    let before = ok(record.keyed_order(product, &sale.user, &key("key")).await);
    assert_eq!(before, None);
    let (order, _) = sell(&record, sale.clone()).await;
    let expected = Some(KeyedOrder { order, named: None });
    let kept = ok(fixture.second_record().keyed_order(product, &sale.user, &key("key")).await);
    assert_eq!(kept, expected);
    // A repeat of the sale leaves it as it is.
    ok(record.commit(sale.clone()).await);
    assert_eq!(ok(record.keyed_order(product, &sale.user, &key("key")).await), expected);
}

/// "The reservation that request named, if it named one."
pub async fn a_key_is_kept_with_what_was_named(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let mut sale = sale(product, state.epoch, 1);
    let named = Some(sale.reservation);
    sale.key = Some(CheckoutKey { key: key("key"), named });
    let (order, _) = sell(&record, sale.clone()).await;
    let kept = ok(record.keyed_order(product, &sale.user, &key("key")).await);
    assert_eq!(kept, Some(KeyedOrder { order, named }));
}

/// "The key belongs to another order of this user and product. Nothing was changed."
pub async fn a_key_for_another_hold_is_reused(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let mut first = sale(product, state.epoch, 1);
    first.key = Some(unnamed("key"));
    let (order, state) = sell(&record, first.clone()).await;
    let mut second = sale(product, state.epoch, 1);
    second.key = Some(CheckoutKey { key: key("key"), named: Some(second.reservation) });
    assert_eq!(ok(record.commit(second.clone()).await), Commit::KeyReused);
    assert_eq!(state_of(&record, product).await, state);
    assert_eq!(ok(record.settlement(product, second.reservation).await), None);
    let kept = ok(record.keyed_order(product, &first.user, &key("key")).await);
    assert_eq!(kept, Some(KeyedOrder { order, named: None }));
    // Under a key of its own, or none, the same hold can be sold.
    second.key = None;
    sell(&record, second).await;
}

/// "unique per product and user".
pub async fn a_key_is_scoped_to_user_and_product(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (first, state) = create_with_state(&record, 7).await;
    let second = create(&record, 7).await;
    let mut made = Vec::new();
    for (product, buyer) in [(first, "ada"), (first, "ben"), (second, "ada"), (second, "ben")] {
        let mut sale = sale(product, state.epoch, 1);
        sale.user = user(buyer);
        sale.key = Some(unnamed("key"));
        made.push((product, user(buyer), sell(&record, sale).await.0));
    }
    for (product, buyer, order) in made {
        let kept = ok(record.keyed_order(product, &buyer, &key("key")).await);
        assert_eq!(some(kept, "the order of the key").order, order);
    }
    assert_eq!(ok(record.keyed_order(first, &user("cyd"), &key("key")).await), None);
}

/// "The order of the checks: … `KeyReused`, `Fenced`, `NoStock`."
pub async fn a_reused_key_is_told_before_fence_and_stock(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, old) = create_with_state(&record, 7).await;
    let mut first = sale(product, old.epoch, 1);
    first.key = Some(unnamed("key"));
    sell(&record, first).await;
    let new = some(ok(record.open_epoch(product).await), "a new epoch");
    for (epoch, quantity) in [(old.epoch, 1), (new.epoch, Units::MAX), (old.epoch, Units::MAX)] {
        let mut second = sale(product, epoch, quantity);
        second.key = Some(unnamed("key"));
        assert_eq!(ok(record.commit(second).await), Commit::KeyReused);
    }
}

/// "The order of the checks: already settled (`Sold` earlier, `Void`), `KeyReused`".
pub async fn a_settled_hold_is_told_before_its_key(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 7).await;
    let mut keyed = sale(product, state.epoch, 1);
    keyed.key = Some(unnamed("key"));
    sell(&record, keyed.clone()).await;
    let mut plain = sale(product, state.epoch, 1);
    let (order, now) = sell(&record, plain.clone()).await;
    plain.key = Some(unnamed("key"));
    let expected = Commit::Sold { order, earlier: true, record: now };
    assert_eq!(ok(record.commit(plain).await), expected);
    let mut void = sale(product, state.epoch, 1);
    ok(record.void(product, void.reservation, &void.user).await);
    void.key = Some(unnamed("key"));
    assert_eq!(ok(record.commit(void).await), Commit::Void);
}

/// The key is "written with the order": without an order there is none.
pub async fn a_refused_sale_keeps_no_key(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, old) = create_with_state(&record, 7).await;
    let new = some(ok(record.open_epoch(product).await), "a new epoch");
    let mut fenced = sale(product, old.epoch, 1);
    let mut too_much = sale(product, new.epoch, 8);
    let mut void = sale(product, new.epoch, 1);
    ok(record.void(product, void.reservation, &void.user).await);
    for refused in [&mut fenced, &mut too_much, &mut void] {
        refused.key = Some(unnamed("key"));
        let answer = ok(record.commit(refused.clone()).await);
        assert!(!matches!(answer, Commit::Sold { .. } | Commit::KeyReused), "{answer:?}");
        let kept = ok(record.keyed_order(product, &refused.user, &key("key")).await);
        assert_eq!(kept, None);
    }
    let mut good = sale(product, new.epoch, 1);
    good.key = Some(unnamed("key"));
    sell(&record, good).await;
}

/// A key is all of its characters, as they are.
pub async fn keys_differ_by_case_and_length(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let longest = "k".repeat(IdempotencyKey::MAX_CHARS);
    let nearly_longest = "k".repeat(IdempotencyKey::MAX_CHARS - 1);
    let all = ["key", "KEY", "key.", "k", "'\"`%{}$\\:|", &longest, &nearly_longest];
    let (product, state) = create_with_state(&record, 100).await;
    let mut made = Vec::new();
    for text in all {
        let mut sale = sale(product, state.epoch, 1);
        sale.key = Some(unnamed(text));
        made.push((text, sell(&record, sale).await.0));
    }
    for (text, order) in made {
        let kept = ok(record.keyed_order(product, &order.user, &key(text)).await);
        assert_eq!(some(kept, "the order of the key").order, order, "{text}");
    }
}

/// Two holds that race for one key: one is sold, the other is told.
pub async fn a_key_used_at_once_makes_one_order(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 100).await;
    let answers = at_once((0..16).map(|nth| {
        let record = if nth % 2 == 0 { fixture.record() } else { fixture.second_record() };
        let mut sale = sale(product, state.epoch, 1);
        sale.key = Some(unnamed("key"));
        async move { ok(record.commit(sale).await) }
    }))
    .await;
    let sold = answers.iter().filter(|answer| matches!(answer, Commit::Sold { .. })).count();
    let reused = answers.iter().filter(|answer| **answer == Commit::KeyReused).count();
    assert_eq!((sold, reused), (1, 15), "{answers:?}");
    assert_eq!(state_of(&record, product).await.total.get(), 99);
}
