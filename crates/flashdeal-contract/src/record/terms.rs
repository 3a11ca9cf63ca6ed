//! The terms of a sale: kept, changed whole, and told with every state.

use flashdeal_domain::ports::record::{Change, ChangeOutcome, Commit, StockChange, Withdrawal};
use flashdeal_domain::{
    Edit, Epoch, ProductId, Quantity, StockRepository, Terms, TermsPatch, Timestamp, Units, Version,
};

use crate::RecordFixture;
use crate::record::changes::renamed;
use crate::support::{
    add, change, create_with_state, first_page, name, new_product, ok, reservation_id, sale, sell, some, state_of,
    stock, units,
};

const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn limit(units: u32) -> Quantity {
    ok(Quantity::new(units))
}

fn changed(terms: TermsPatch) -> Change {
    Change { terms, ..Change::default() }
}

/// Terms of which everything is set.
fn full() -> Terms {
    ok(Terms::new(Some(at(1_795_348_800_007)), Some(at(1_795_348_800_008)), Some(limit(2))))
}

/// A product with them.
async fn create(record: &std::sync::Arc<dyn StockRepository>, terms: Terms) -> ProductId {
    let mut product = new_product(7);
    product.terms = terms;
    ok(record.create_product(product).await).id
}

/// Each of them is stored exactly, alone and with the others, at the edges of what there may be.
pub async fn terms_come_back_as_they_went_in(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let most = Some(limit(Quantity::MAX));
    for terms in [
        Terms::NONE,
        full(),
        ok(Terms::new(Some(at(0)), Some(Terms::LATEST), most)),
        ok(Terms::new(Some(Terms::LATEST), None, None)),
        ok(Terms::new(None, Some(at(0)), None)),
        ok(Terms::new(None, None, Some(limit(1)))),
    ] {
        let mut product = new_product(7);
        product.terms = terms;
        assert_eq!(ok(record.create_product(product.clone()).await), product);
        assert_eq!(ok(record.create_product(product.clone()).await), product);
        assert_eq!(ok(fixture.second_record().product(product.id).await), Some(product.clone()));
        let listed = ok(record.products(first_page()).await).items;
        assert!(listed.contains(&product));
        assert_eq!(state_of(&record, product.id).await.terms, terms);
    }
}

/// Each is set, left alone and taken away for itself, in one version with the other fields.
pub async fn terms_change_one_by_one(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let mut version = before.version.0;
    let mut after = async |terms: TermsPatch| {
        let (now, state) = change(&record, product, changed(terms)).await;
        version += 1;
        assert_eq!((state.version, state.terms), (Version(version), now.terms));
        assert_eq!(state_of(&fixture.second_record(), product).await, state);
        assert_eq!(some(ok(record.product(product).await), "the product"), now);
        (now.terms.starts_at(), now.terms.ends_at(), now.terms.max_per_reservation())
    };
    let keep = TermsPatch::default();
    let (start, end, most) = (Some(at(10)), Some(at(20)), Some(limit(3)));
    assert_eq!(after(TermsPatch { starts_at: Edit::Set(at(10)), ..keep }).await, (start, None, None));
    assert_eq!(after(TermsPatch { ends_at: Edit::Set(at(20)), ..keep }).await, (start, end, None));
    assert_eq!(after(TermsPatch { max_per_reservation: Edit::Set(limit(3)), ..keep }).await, (start, end, most));
    assert_eq!(after(TermsPatch { starts_at: Edit::Clear, ..keep }).await, (None, end, most));
    assert_eq!(after(TermsPatch { max_per_reservation: Edit::Clear, ..keep }).await, (None, end, None));
    let all =
        TermsPatch { starts_at: Edit::Set(at(30)), ends_at: Edit::Clear, max_per_reservation: Edit::Set(limit(3)) };
    assert_eq!(after(all).await, (Some(at(30)), None, most));
    // Another field leaves them as they are.
    let (now, _) = change(&record, product, renamed("Tablet")).await;
    assert_eq!(now.terms, ok(Terms::new(Some(at(30)), None, most)));
}

/// "The terms after it would end before they start": then nothing is written, of the other fields and the stock neither.
pub async fn terms_that_contradict_change_nothing(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let terms = ok(Terms::new(Some(at(10)), Some(at(20)), None));
    let product = create(&record, terms).await;
    let before = (ok(record.product(product).await), state_of(&record, product).await);
    let keep = TermsPatch::default();
    for terms in [
        TermsPatch { ends_at: Edit::Set(at(10)), ..keep },
        TermsPatch { ends_at: Edit::Set(at(9)), ..keep },
        TermsPatch { starts_at: Edit::Set(at(20)), ..keep },
    ] {
        let whole = Change { terms, name: renamed("Must not be written").name, ..add(3) };
        assert_eq!(ok(record.change_product(product, whole).await), ChangeOutcome::EndBeforeStart);
        assert_eq!((ok(record.product(product).await), state_of(&record, product).await), before);
    }
    // Whatever is wrong with the stock is told first.
    let terms = TermsPatch { ends_at: Edit::Set(at(10)), ..keep };
    let too_much = StockChange::Add { id: reservation_id(), units: units(Units::MAX) };
    let taking = |epoch, most| Withdrawal { reservation: reservation_id(), epoch, units: units(most) };
    let epoch = before.1.epoch;
    for (stock, told) in [
        (too_much, ChangeOutcome::TooMuch),
        (StockChange::Withdraw(taking(epoch, 8)), ChangeOutcome::NoStock),
        (StockChange::Withdraw(taking(Epoch(epoch.0 + 1), 1)), ChangeOutcome::Fenced),
    ] {
        let whole = Change { terms, stock, ..Change::default() };
        assert_eq!(ok(record.change_product(product, whole).await), told);
        assert_eq!((ok(record.product(product).await), state_of(&record, product).await), before);
    }
    // What goes with what it leaves is fine.
    let moved = TermsPatch { starts_at: Edit::Set(at(20)), ends_at: Edit::Set(at(21)), ..keep };
    change(&record, product, changed(moved)).await;
    let open = TermsPatch { starts_at: Edit::Clear, ends_at: Edit::Set(at(1)), ..keep };
    change(&record, product, changed(open)).await;
}

/// "Any call may be made again": a change of stock that was made is not refused for what came after it.
pub async fn a_repeat_is_not_refused_for_its_terms(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, before) = create_with_state(&record, 7).await;
    let keep = TermsPatch::default();
    let increase = Change { terms: TermsPatch { ends_at: Edit::Set(at(10)), ..keep }, ..add(3) };
    change(&record, product, increase.clone()).await;
    let gone = Withdrawal { reservation: reservation_id(), epoch: before.epoch, units: units(2) };
    let decrease = Change { terms: increase.terms, ..stock(StockChange::Withdraw(gone)) };
    change(&record, product, decrease.clone()).await;
    let late = TermsPatch { starts_at: Edit::Set(at(10)), ends_at: Edit::Clear, ..keep };
    change(&record, product, changed(late)).await;
    for repeat in [increase, decrease] {
        let repeat = Change { name: renamed("Must not be written").name, ..repeat };
        let (now, _) = change(&record, product, repeat).await;
        assert_eq!(now.name, name("Phone"));
        assert_eq!((now.total_stock, now.terms.starts_at()), (units(8), Some(at(10))));
    }
}

/// A gate adopts the terms with the version, so every answer that has one has the other.
pub async fn every_state_has_its_terms(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let product = create(&record, full()).await;
    let other = create(&record, Terms::NONE).await;
    for (product, terms) in [(product, full()), (other, Terms::NONE)] {
        let opened = some(ok(record.open_epoch(product).await), "an epoch");
        assert_eq!(opened.terms, terms);
        let wanted = sale(product, opened.epoch, 2);
        assert_eq!(sell(&record, wanted.clone()).await.1.terms, terms);
        match ok(record.commit(wanted).await) {
            Commit::Sold { earlier: true, record, .. } => assert_eq!(record.terms, terms),
            other => panic!("expected the same sale again, got {other:?}"),
        }
        match ok(record.commit(sale(product, opened.epoch, 99)).await) {
            Commit::NoStock { record } => assert_eq!(record.terms, terms),
            other => panic!("expected too few units, got {other:?}"),
        }
        assert_eq!(change(&record, product, add(1)).await.1.terms, terms);
        let books = ok(record.books(None, 1000).await);
        let books = books.iter().find(|books| books.product == product).and_then(|books| books.state);
        assert_eq!(some(books, "its books").terms, terms);
    }
}
