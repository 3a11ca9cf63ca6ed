//! Products as they are created and read.

use flashdeal_domain::{Description, Epoch, Price, ProductName, RecordState, Terms, Timestamp, Units, Version};

use crate::RecordFixture;
use crate::record::changes::renamed;
use crate::support::{add, change, create_with_state, new_product, ok, price, product_id, state_of, units};

/// "A repeat with the same id changes nothing and answers the product as it is."
pub async fn creation_is_idempotent_by_id(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let first = new_product(7);
    assert_eq!(ok(record.create_product(first.clone()).await), first);
    let mut repeat = new_product(999);
    repeat.id = first.id;
    repeat.price = price("0.01");
    assert_eq!(ok(record.create_product(repeat.clone()).await), first);
    assert_eq!(ok(fixture.second_record().create_product(repeat).await), first);
    assert_eq!(ok(record.product(first.id).await), Some(first.clone()));
    assert_eq!(state_of(&record, first.id).await.version, Version(1));
}

/// "… answers the product as it is": with what changed since.
pub async fn creation_after_changes_answers_the_product_as_it_is(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let first = new_product(7);
    ok(record.create_product(first.clone()).await);
    change(&record, first.id, renamed("Tablet")).await;
    let (now, state) = change(&record, first.id, add(3)).await;
    assert_eq!(ok(record.create_product(first.clone()).await), now);
    assert_eq!(state_of(&record, first.id).await, state);
}

/// "Writes a new product at version 1, epoch 0".
pub async fn a_new_product_is_at_version_1_and_epoch_0(fixture: &dyn RecordFixture) {
    let (_, state) = create_with_state(&fixture.record(), 7).await;
    let expected = RecordState { epoch: Epoch(0), version: Version(1), total: units(7), terms: Terms::NONE };
    assert_eq!(state, expected);
}

/// "and its allotment in the ledger (a row even when it is 0)": it can be restocked later.
pub async fn a_product_without_stock_can_be_created(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 0).await;
    assert_eq!(state.total, Units::ZERO);
    let (now, state) = change(&record, product, add(5)).await;
    assert_eq!((now.total_stock, state.total), (units(5), units(5)));
}

/// Texts are data: nothing in them is quoted, trimmed or cut.
pub async fn odd_texts_come_back_as_they_went_in(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    for text in [
        "Robert'); DROP TABLE products;--",
        "100% {} {0} $1 %s \\n \\",
        "\"double\" `back` 'single'",
        "🛒 ردة עברית 漢字 e\u{301}",
        &"😀".repeat(ProductName::MAX_CHARS),
    ] {
        let mut product = new_product(1);
        product.name = ok(ProductName::parse(text));
        product.description = ok(Description::parse(&format!("  {text}\r\n\t{text} ")));
        ok(record.create_product(product.clone()).await);
        assert_eq!(ok(record.product(product.id).await), Some(product));
    }
}

/// Every value a domain type allows is stored exactly.
pub async fn extreme_values_come_back_as_they_went_in(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let mut product = new_product(Units::MAX);
    product.price = ok(Price::from_cents(Price::MAX_CENTS));
    product.description = ok(Description::parse(&"𝄞".repeat(Description::MAX_CHARS)));
    ok(record.create_product(product.clone()).await);
    assert_eq!(ok(record.product(product.id).await), Some(product));

    let mut product = new_product(0);
    product.price = ok(Price::from_cents(0_u32));
    product.description = Description::default();
    product.created_at = Timestamp::from_millis(1);
    ok(record.create_product(product.clone()).await);
    assert_eq!(ok(record.product(product.id).await), Some(product));
}

/// "The product, or `None`."
pub async fn an_unknown_product_is_none(fixture: &dyn RecordFixture) {
    assert_eq!(ok(fixture.record().product(product_id()).await), None);
}

/// "Whether the record can be asked now."
pub async fn the_record_can_be_asked(fixture: &dyn RecordFixture) {
    ok(fixture.record().ping().await);
    ok(fixture.second_record().ping().await);
}
