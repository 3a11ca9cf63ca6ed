//! The waiting lists.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::ports::{JoinOutcome, Place, Waiting, Wish};
use flashdeal_domain::{ProductId, Quantity, RecordState, ReservationId, StoreError, Timestamp, UserId, WaitingList};

use super::reads;
use super::rows::{self, bad, bytes};
use super::transaction::{Stock, Transaction};
use crate::EmbeddedStore;
use crate::schema::{products, waiting_list};

type Row = (Vec<u8>, i64, String, i64, Vec<u8>, i64);

fn waiting_of((product, place, user, quantity, reservation, joined_at): Row) -> QueryResult<Waiting> {
    Ok(Waiting {
        product: ProductId::from_uuid(rows::id(&product)?),
        place: Place(place),
        user: UserId::from_store(&user),
        quantity: Quantity::new(quantity).map_err(bad)?,
        reservation: ReservationId::from_uuid(rows::id(&reservation)?),
        joined_at: Timestamp::from_millis(joined_at),
    })
}

fn found(conn: &mut SqliteConnection, product: ProductId, user: &UserId) -> QueryResult<Option<Waiting>> {
    let row = waiting_list::table
        .filter(waiting_list::product.eq(bytes(product.as_uuid())))
        .filter(waiting_list::user_id.eq(user.as_str()))
        .get_result::<Row>(conn)
        .optional()?;
    row.map(waiting_of).transpose()
}

/// Makes the product's row say whether anybody waits; what it says of stock and terms then.
fn mark(txn: &mut Transaction<'_>, product: ProductId, stock: Stock) -> QueryResult<RecordState> {
    let line = waiting_list::table.filter(waiting_list::product.eq(bytes(product.as_uuid())));
    let queued = diesel::select(diesel::dsl::exists(line)).get_result::<bool>(txn.conn)?;
    if queued == stock.terms.queued() {
        return stock.state();
    }
    diesel::update(products::table.find(bytes(product.as_uuid())))
        .set(products::queued.eq(queued))
        .execute(txn.conn)?;
    let stock = Stock { terms: stock.terms.with_queue(queued), version: stock.version + 1, ..stock };
    txn.set_stock(product, stock);
    stock.state()
}

fn join(txn: &mut Transaction<'_>, wish: &Wish) -> QueryResult<JoinOutcome> {
    let Some(stock) = txn.stock(wish.product)? else { return Ok(JoinOutcome::UnknownProduct) };
    let of_product = waiting_list::product.eq(bytes(wish.product.as_uuid()));
    let quantity = i64::from(wish.quantity.get());
    if let Some(there) = found(txn.conn, wish.product, &wish.user)? {
        diesel::update(waiting_list::table.filter(of_product).filter(waiting_list::place.eq(there.place.0)))
            .set(waiting_list::quantity.eq(quantity))
            .execute(txn.conn)?;
        let waiting = Waiting { quantity: wish.quantity, ..there };
        let created = waiting.reservation == wish.reservation;
        return Ok(JoinOutcome::Waits { waiting, created, record: stock.state()? });
    }
    let (first, last) = waiting_list::table
        .filter(of_product)
        .select((diesel::dsl::min(waiting_list::place), diesel::dsl::max(waiting_list::place)))
        .get_result::<(Option<i64>, Option<i64>)>(txn.conn)?;
    let last = last.unwrap_or(0);
    if first.is_some_and(|first| last - first + 1 >= i64::from(wish.most)) {
        return Ok(JoinOutcome::Full);
    }
    let waiting = Waiting {
        product: wish.product,
        place: Place(last + 1),
        user: wish.user.clone(),
        quantity: wish.quantity,
        reservation: wish.reservation,
        joined_at: Timestamp::from_millis(txn.now),
    };
    diesel::insert_into(waiting_list::table)
        .values((
            of_product,
            waiting_list::place.eq(waiting.place.0),
            waiting_list::user_id.eq(wish.user.as_str()),
            waiting_list::quantity.eq(quantity),
            waiting_list::reservation.eq(bytes(wish.reservation.as_uuid())),
            waiting_list::joined_at.eq(txn.now),
        ))
        .execute(txn.conn)?;
    Ok(JoinOutcome::Waits { waiting, created: true, record: mark(txn, wish.product, stock)? })
}

fn leave(txn: &mut Transaction<'_>, product: ProductId, user: &UserId) -> QueryResult<Option<(Waiting, RecordState)>> {
    let Some(stock) = txn.stock(product)? else { return Ok(None) };
    let Some(waiting) = found(txn.conn, product, user)? else { return Ok(None) };
    take_out(txn, &waiting)?;
    Ok(Some((waiting, mark(txn, product, stock)?)))
}

fn remove(txn: &mut Transaction<'_>, product: ProductId, who: &[Waiting]) -> QueryResult<Option<RecordState>> {
    let Some(stock) = txn.stock(product)? else { return Ok(None) };
    for waiting in who.iter().filter(|waiting| waiting.product == product) {
        take_out(txn, waiting)?;
    }
    mark(txn, product, stock).map(Some)
}

/// Takes out this very wait, if it is still there.
fn take_out(txn: &mut Transaction<'_>, waiting: &Waiting) -> QueryResult<()> {
    let there = waiting_list::table
        .filter(waiting_list::product.eq(bytes(waiting.product.as_uuid())))
        .filter(waiting_list::place.eq(waiting.place.0))
        .filter(waiting_list::reservation.eq(bytes(waiting.reservation.as_uuid())));
    diesel::delete(there).execute(txn.conn).map(drop)
}

/// The products that are waited for or marked so: one step in the index for each of them, however long its line is.
fn queues(
    conn: &mut SqliteConnection,
    after: Option<ProductId>,
    limit: usize,
) -> QueryResult<Vec<(ProductId, RecordState)>> {
    let limit_of_marked = i64::try_from(limit).unwrap_or(i64::MAX);
    // No bytes at all are below every id.
    let mut at = after.map_or_else(Vec::new, |after| after.as_uuid().as_bytes().to_vec());
    let mut ids = products::table
        .filter(products::queued)
        .filter(products::id.gt(at.clone()))
        .order(products::id.asc())
        .limit(limit_of_marked)
        .select(products::id)
        .load::<Vec<u8>>(conn)?;
    for _ in 0..limit {
        let next = waiting_list::table
            .filter(waiting_list::product.gt(at))
            .order(waiting_list::product.asc())
            .select(waiting_list::product)
            .first::<Vec<u8>>(conn)
            .optional()?;
        let Some(next) = next else { break };
        ids.push(next.clone());
        at = next;
    }
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(limit);
    let state = |id: Vec<u8>| {
        let product = ProductId::from_uuid(rows::id(&id)?);
        Ok(reads::state(conn, product)?.map(|state| (product, state)))
    };
    ids.into_iter().map(state).filter_map(Result::transpose).collect()
}

#[async_trait]
impl WaitingList for EmbeddedStore {
    async fn join(&self, wish: Wish) -> Result<JoinOutcome, StoreError> {
        self.change(move |txn| join(txn, &wish)).await
    }

    async fn leave(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, RecordState)>, StoreError> {
        let user = user.clone();
        self.change(move |txn| leave(txn, product, &user)).await
    }

    async fn remove(&self, product: ProductId, who: &[Waiting]) -> Result<Option<RecordState>, StoreError> {
        let who = who.to_vec();
        self.change(move |txn| remove(txn, product, &who)).await
    }

    async fn waiting(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, u64)>, StoreError> {
        let user = user.clone();
        self.read(move |conn| {
            let Some(waiting) = found(conn, product, &user)? else { return Ok(None) };
            let ahead = waiting_list::table
                .filter(waiting_list::product.eq(bytes(product.as_uuid())))
                .filter(waiting_list::place.lt(waiting.place.0))
                .count()
                .get_result::<i64>(conn)?;
            Ok(Some((waiting, u64::try_from(ahead).unwrap_or(0))))
        })
        .await
    }

    async fn line(&self, product: ProductId, after: Option<Place>, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |conn| {
            let rows = waiting_list::table
                .filter(waiting_list::product.eq(bytes(product.as_uuid())))
                .filter(waiting_list::place.gt(after.map_or(0, |after| after.0)))
                .order(waiting_list::place.asc())
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .load::<Row>(conn)?;
            rows.into_iter().map(waiting_of).collect()
        })
        .await
    }

    async fn queues(
        &self,
        after: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        self.read(move |conn| queues(conn, after, limit)).await
    }
}
