//! What cases are written with: ids, users, quantities, and answers unwrapped.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::record::{Change, ChangeOutcome, Commit, Sale, StockChange};
use flashdeal_domain::ports::{JoinOutcome, LeaseToken, OrderFeed, Position, Reader, Waiting, Wish};
use flashdeal_domain::{
    Description, Epoch, HoldTime, IdempotencyKey, Order, OrderId, PageRequest, PageSize, Price, Product, ProductId,
    ProductName, Quantity, RecordState, ReservationId, StockRepository, Terms, Timestamp, Units, UserId, WaitingList,
};
use uuid::Uuid;

/// The answer, or a failure that names the error.
#[track_caller]
pub(crate) fn ok<T, E: Display>(answer: Result<T, E>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("a call failed: {error}"),
    }
}

/// What should be there, or a failure that says what is missing.
#[track_caller]
pub(crate) fn some<T>(thing: Option<T>, what: &str) -> T {
    match thing {
        Some(thing) => thing,
        None => panic!("missing: {what}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the suite is its own source of ids, as startup is the server's")]
fn uuid() -> Uuid {
    Uuid::now_v7()
}

/// Ids rise in the order in which they are minted.
pub(crate) fn product_id() -> ProductId {
    ProductId::from_uuid(uuid())
}

pub(crate) fn reservation_id() -> ReservationId {
    ReservationId::from_uuid(uuid())
}

pub(crate) fn order_id() -> OrderId {
    OrderId::from_uuid(uuid())
}

#[track_caller]
pub(crate) fn units(units: u32) -> Units {
    ok(Units::new(units))
}

#[track_caller]
pub(crate) fn user(name: &str) -> UserId {
    ok(UserId::parse(name))
}

/// `ada-0`, `ada-1` and so on.
pub(crate) fn users(name: &str, count: usize) -> Vec<UserId> {
    (0..count).map(|nth| user(&format!("{name}-{nth}"))).collect()
}

#[track_caller]
pub(crate) fn key(text: &str) -> IdempotencyKey {
    ok(IdempotencyKey::parse(text))
}

#[track_caller]
pub(crate) fn price(text: &str) -> Price {
    ok(Price::parse(text))
}

#[track_caller]
pub(crate) fn name(text: &str) -> ProductName {
    ok(ProductName::parse(text))
}

#[track_caller]
pub(crate) fn hold_time(ms: u64) -> HoldTime {
    ok(HoldTime::new(Duration::from_millis(ms)))
}

/// A product that nobody has created yet.
pub(crate) fn new_product(total: u32) -> Product {
    Product {
        id: product_id(),
        name: name("Phone"),
        description: ok(Description::parse("A phone.\n\tWith a line break.")),
        price: price("19.99"),
        total_stock: units(total),
        terms: Terms::NONE,
        created_at: Timestamp::from_millis(1_795_348_800_007),
    }
}

/// A product in the record.
pub(crate) async fn create(record: &Arc<dyn StockRepository>, total: u32) -> ProductId {
    ok(record.create_product(new_product(total)).await).id
}

/// A product in the record, with its state.
pub(crate) async fn create_with_state(record: &Arc<dyn StockRepository>, total: u32) -> (ProductId, RecordState) {
    let product = create(record, total).await;
    (product, state_of(record, product).await)
}

/// The record's state of a product it knows.
pub(crate) async fn state_of(record: &Arc<dyn StockRepository>, product: ProductId) -> RecordState {
    let states = ok(record.states(&[product]).await);
    match states.as_slice() {
        [(id, state)] if *id == product => *state,
        other => panic!("asked for the state of {product}, got {other:?}"),
    }
}

/// A sale of a hold nobody has heard of yet.
pub(crate) fn sale(product: ProductId, epoch: Epoch, quantity: u32) -> Sale {
    Sale {
        order: order_id(),
        product,
        reservation: reservation_id(),
        epoch,
        quantity: units(quantity),
        user: user("ada"),
        key: None,
    }
}

/// Commits a sale that must succeed now, and answers the order and the state.
pub(crate) async fn sell(record: &Arc<dyn StockRepository>, sale: Sale) -> (Order, RecordState) {
    match ok(record.commit(sale).await) {
        Commit::Sold { order, earlier: false, record } => (order, record),
        other => panic!("expected a sale by this call, got {other:?}"),
    }
}

/// Changes a product; the change must succeed.
pub(crate) async fn change(
    record: &Arc<dyn StockRepository>,
    product: ProductId,
    change: Change,
) -> (Product, RecordState) {
    match ok(record.change_product(product, change).await) {
        ChangeOutcome::Changed(product, state) => (product, state),
        other => panic!("expected a change, got {other:?}"),
    }
}

/// A change of stock alone.
pub(crate) fn stock(stock: StockChange) -> Change {
    Change { stock, ..Change::default() }
}

/// An increase of stock.
pub(crate) fn add(by: u32) -> Change {
    stock(StockChange::Add { id: reservation_id(), units: units(by) })
}

/// A wish to wait, in a line of any length.
#[track_caller]
pub(crate) fn wish(product: ProductId, name: &str, quantity: u32) -> Wish {
    let quantity = ok(Quantity::new(quantity));
    Wish { product, user: user(name), quantity, reservation: reservation_id(), most: 1000 }
}

/// Puts a user in line who did not wait, and answers as what they wait with the record after it.
pub(crate) async fn join(
    waiting: &Arc<dyn WaitingList>,
    product: ProductId,
    name: &str,
    quantity: u32,
) -> (Waiting, RecordState) {
    match ok(waiting.join(wish(product, name, quantity)).await) {
        JoinOutcome::Waits { waiting, created: true, record } => (waiting, record),
        other => panic!("expected that {name} joins, got {other:?}"),
    }
}

/// A reader of the feed.
#[track_caller]
pub(crate) fn reader(name: &str) -> Reader {
    ok(Reader::parse(name))
}

/// A lease nobody had.
pub(crate) fn token() -> LeaseToken {
    LeaseToken(uuid())
}

/// Where a reader is that nobody reads for: it is left without a lease.
pub(crate) async fn begin(feed: &Arc<dyn OrderFeed>, name: &str) -> Position {
    let (reader, token) = (reader(name), token());
    let begin = some(ok(feed.hold(&reader, token, Duration::from_secs(10)).await), "the lease of a reader");
    ok(feed.release(&reader, token).await);
    begin
}

/// Reads on until there are this many orders: the feed may hold back what is not settled yet. A case's own limit bounds it.
pub(crate) async fn read_all(feed: &Arc<dyn OrderFeed>, from: Position, count: usize) -> Vec<Order> {
    let (mut given, mut at) = (Vec::new(), from);
    while given.len() < count {
        let page = ok(feed.next_orders(at, 7).await);
        if page.through == at {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        at = page.through;
        given.extend(page.orders.into_iter().map(|(_, order)| order));
    }
    given
}

/// Runs all of them at once, each in a task of its own, and answers in their order.
pub(crate) async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::with_capacity(running.len());
    for task in running {
        answers.push(ok(task.await));
    }
    answers
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(sides.max(1))).unwrap_or(0)
    }
}

/// The first page, as large as pages get.
pub(crate) fn first_page<Id>() -> PageRequest<Id> {
    PageRequest { size: ok(PageSize::new(PageSize::MAX)), after: None }
}

/// Users whose ids are trouble wherever an id is joined, quoted, split, folded, trimmed or cut. All different.
pub(crate) fn odd_users() -> Vec<UserId> {
    let four_bytes = "😀".repeat(UserId::MAX_CHARS);
    let cut = "😀".repeat(UserId::MAX_CHARS - 1);
    let longest = "u".repeat(UserId::MAX_CHARS);
    [
        four_bytes.as_str(),
        &cut,
        &longest,
        "ada",
        "ada ",
        " ada",
        "Ada",
        "a:b",
        "a:b:c",
        "a|b",
        "a\u{a0}b",
        "a,b;c",
        "a/b\\c",
        "a=b&c",
        "{}",
        "{0}",
        "{a}{b}",
        "[1,2]",
        "\"",
        "'; DROP TABLE orders;--",
        "`$(id)`",
        "%s%d%%",
        "*",
        "?",
        "null",
        "nil",
        "0",
        "00",
        "-1",
        "1e3",
        "e\u{301}",
        "\u{e9}",
        "ß",
        "ss",
        "İ",
        "ردة עברית",
        "\u{202e}adb",
        "a\u{200b}",
        "👩\u{200d}👩\u{200d}👧",
        "\u{10ffff}",
        "\u{fffd}",
        "total",
        "reserved",
        "epoch",
        "version",
        "hold:ada",
        "withdrawal:ada",
    ]
    .into_iter()
    .map(user)
    .collect()
}
