//! What an audit reads of the record.

use flashdeal_domain::ProductId;
use flashdeal_domain::ports::RecordBooks;
use flashdeal_domain::ports::record::{StockChange, Withdrawal};

use crate::RecordFixture;
use crate::support::{
    Dice, add, at_once, change, create, create_with_state, ok, reservation_id, sale, sell, some, state_of, stock,
    units, user,
};

/// The books of one product, which must be there.
async fn of(fixture: &dyn RecordFixture, product: ProductId) -> RecordBooks {
    let mut after = None;
    loop {
        let page = ok(fixture.record().books(after, 100).await);
        if let Some(books) = page.iter().find(|books| books.product == product) {
            return *books;
        }
        after = Some(some(page.last(), "the books of a product").product);
    }
}

/// "The books of the products after `after` in the order of their ids, at most `limit` … A shorter page is the last."
pub async fn books_come_in_order_and_in_pages(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let mut made = Vec::new();
    for total in 0..7 {
        made.push((create(&record, total).await, i64::from(total)));
    }
    for limit in [1, 3, 7, 8, 1000] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = ok(record.books(after, limit).await);
            assert!(page.len() <= limit, "a page too long");
            all.extend(page.iter().map(|books| (books.product, books.deltas)));
            after = page.last().map(|books| books.product).filter(|_| page.len() == limit);
            if after.is_none() {
                break;
            }
        }
        assert!(all.is_sorted_by(|one, other| one.0 < other.0), "not in order");
        all.retain(|books| made.contains(books));
        assert_eq!(all, made, "in pages of {limit}");
    }
    let beyond = ok(record.books(made.last().map(|(product, _)| *product), 10).await);
    assert_eq!(beyond, []);
}

/// "the deltas of a product always sum to its stock": each kind of change is in the books, once, and a repeat is not.
pub async fn the_books_of_every_change_balance(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 100).await;
    let new = RecordBooks {
        product,
        state: Some(state),
        deltas: 100,
        sales: 0,
        units_sold: 0,
        orders: 0,
        units_ordered: 0,
        contradictions: 0,
        waiting: 0,
    };
    assert_eq!(of(fixture, product).await, new);
    let increase = add(5);
    change(&record, product, increase.clone()).await;
    change(&record, product, increase).await;
    let withdrawal = Withdrawal { reservation: reservation_id(), epoch: state.epoch, units: units(7) };
    let decrease = stock(StockChange::Withdraw(withdrawal));
    change(&record, product, decrease.clone()).await;
    change(&record, product, decrease).await;
    ok(record.void(product, reservation_id(), &user("ada")).await);
    for quantity in [3, 4] {
        let sale = sale(product, state.epoch, quantity);
        sell(&record, sale.clone()).await;
        ok(record.commit(sale).await);
    }
    let state = some(ok(record.open_epoch(product).await), "an epoch");
    let after =
        RecordBooks { state: Some(state), deltas: 91, sales: 2, units_sold: 7, orders: 2, units_ordered: 7, ..new };
    assert_eq!(of(fixture, product).await, after);
    assert_eq!(state.total, units(91));
}

/// "each page one consistent read, in which nothing is half done": while it is sold, too.
pub async fn books_balance_in_the_midst_of_a_storm(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, state) = create_with_state(&record, 1000).await;
    let buyers = (0..8).map(|nth| {
        let record = if nth % 2 == 0 { fixture.record() } else { fixture.second_record() };
        let mut dice = Dice::new(nth);
        tokio::spawn(async move {
            for _ in 0..20 {
                sell(&record, sale(product, state.epoch, 1 + dice.roll(3))).await;
            }
        })
    });
    let buyers: Vec<_> = buyers.collect();
    loop {
        let over = buyers.iter().all(tokio::task::JoinHandle::is_finished);
        let books = of(fixture, product).await;
        let total = some(books.state, "the state").total;
        assert_eq!((books.deltas, books.contradictions), (i64::from(total.get()), 0), "{books:?}");
        assert_eq!((books.sales, books.units_sold), (books.orders, books.units_ordered), "{books:?}");
        assert_eq!(books.units_sold, 1000 - books.deltas, "{books:?}");
        if over {
            assert_eq!((books.orders, state_of(&record, product).await.total), (160, total));
            break;
        }
    }
    at_once(buyers).await.into_iter().for_each(ok);
}
