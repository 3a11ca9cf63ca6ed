//! Changes of a product: all of one or nothing of it.

use flashdeal_domain::ports::record::{Change, ChangeOutcome, StockChange};
use flashdeal_domain::{Description, RecordState, StockRepository, Units, Version};

use crate::RecordFixture;
use crate::support::{
    add, at_once, change, create, create_with_state, name, ok, price, product_id, reservation_id, some, state_of,
    stock, units,
};

/// A new name, and nothing else.
pub(super) fn renamed(to: &str) -> Change {
    Change { name: Some(name(to)), ..Change::default() }
}

/// A change that must be refused, riding on a new name that must not be written either. Answers the refusal.
pub(super) async fn refused_whole(
    record: &std::sync::Arc<dyn StockRepository>,
    product: flashdeal_domain::ProductId,
    stock: StockChange,
) -> ChangeOutcome {
    let before = (ok(record.product(product).await), state_of(record, product).await);
    let change = Change {
        description: Some(ok(Description::parse("must not be written"))),
        price: Some(price("0.01")),
        stock,
        ..renamed("Must not be written")
    };
    let outcome = ok(record.change_product(product, change).await);
    let after = (ok(record.product(product).await), state_of(record, product).await);
    assert_eq!(before, after, "after {outcome:?}");
    outcome
}

/// "Changes a product, all of the change"; "`version` rises by one with every change of a product's row".
pub async fn fields_change_together_in_one_version(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let was = some(ok(record.product(product).await), "the product");
    let whole = Change {
        name: Some(name("Tablet")),
        description: Some(ok(Description::parse("Larger."))),
        price: Some(price("29.5")),
        ..add(3)
    };
    let (now, state) = change(&record, product, whole).await;
    let expected =
        RecordState { epoch: before.epoch, version: Version(before.version.0 + 1), total: units(10), ..before };
    assert_eq!(state, expected);
    assert_eq!(now.name, name("Tablet"));
    assert_eq!(now.description.as_str(), "Larger.");
    assert_eq!((now.price, now.total_stock), (price("29.5"), units(10)));
    assert_eq!((now.id, now.created_at), (was.id, was.created_at));
    assert_eq!(ok(record.product(product).await), Some(now.clone()));

    // One field leaves the others as they are.
    let (renamed, state) = change(&record, product, renamed("Phone 2")).await;
    assert_eq!(state.version, Version(before.version.0 + 2));
    assert_eq!((renamed.price, renamed.description), (now.price, now.description));
    assert_eq!(state_of(&record, product).await, state);
}

/// "one without fields and without stock leaves the version alone".
pub async fn a_change_of_nothing_leaves_the_version(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let (_, state) = change(&record, product, Change::default()).await;
    assert_eq!(state, before);
    assert_eq!(state_of(&record, product).await, before);
}

/// An increase is there at once, for every instance.
pub async fn an_increase_is_added_to_the_stock(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let (now, state) = change(&record, product, add(5)).await;
    assert_eq!((now.total_stock, state.total), (units(12), units(12)));
    assert_eq!(state.version, Version(before.version.0 + 1));
    assert_eq!(state_of(&fixture.second_record(), product).await, state);
    // Another increase of as much is another increase.
    let (_, state) = change(&record, product, add(5)).await;
    assert_eq!(state.total, units(17));
}

/// "`id` names it, so that a repeat after a lost answer adds nothing twice."
pub async fn an_increase_repeated_adds_once(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let product = create(&record, 7).await;
    let increase = add(5);
    let first = change(&record, product, increase.clone()).await;
    assert_eq!(change(&record, product, increase.clone()).await, first);
    assert_eq!(change(&fixture.second_record(), product, increase).await, first);
    assert_eq!(state_of(&record, product).await.total, units(12));
}

/// The same while the first is still on its way.
pub async fn an_increase_repeated_at_once_adds_once(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let product = create(&record, 7).await;
    let increase = add(5);
    let answers = at_once((0..16).map(|nth| {
        let record = if nth % 2 == 0 { fixture.record() } else { fixture.second_record() };
        let increase = increase.clone();
        async move { change(&record, product, increase).await }
    }))
    .await;
    for (product, state) in answers {
        assert_eq!((product.total_stock, state.total), (units(12), units(12)));
    }
    assert_eq!(state_of(&record, product).await.total, units(12));
}

/// "An increase would take the stock above [`Units::MAX`]"; "nothing was changed at all, the other fields neither".
pub async fn an_increase_above_the_most_changes_nothing(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let product = create(&record, Units::MAX - 1).await;
    for by in [2, Units::MAX] {
        let increase = StockChange::Add { id: reservation_id(), units: units(by) };
        let outcome = refused_whole(&record, product, increase).await;
        assert_eq!(outcome, ChangeOutcome::TooMuch);
    }
}

/// The bound itself is allowed, and a repeat of what was done is not an increase.
pub async fn an_increase_to_the_most_and_its_repeat_are_fine(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let product = create(&record, Units::MAX - 1).await;
    let increase = add(1);
    let first = change(&record, product, increase.clone()).await;
    assert_eq!(first.1.total, units(Units::MAX));
    assert_eq!(change(&record, product, increase).await, first);
}

/// "No product has this id."
pub async fn an_unknown_product_is_not_changed(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let withdrawal = flashdeal_domain::ports::record::Withdrawal {
        reservation: reservation_id(),
        epoch: flashdeal_domain::Epoch(0),
        units: units(1),
    };
    for change in [Change::default(), renamed("Nothing"), add(1), stock(StockChange::Withdraw(withdrawal))] {
        let outcome = ok(record.change_product(product_id(), change).await);
        assert_eq!(outcome, ChangeOutcome::UnknownProduct);
    }
}
