//! The waiting lists. Joins share statements as sales do: a crowd that finds a product sold out comes all at once.

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Uuid as SqlUuid};
use flashdeal_domain::ports::{JoinOutcome, Place, Waiting, Wish};
use flashdeal_domain::{
    IdempotencyKey, ProductId, Quantity, RecordState, ReservationId, StockRepository, StoreError, UserId, WaitingList,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::batch::Settle;
use crate::pool::Pool;
use crate::queries::join_waiting_list::{JoinRow, JoinWaitingList};
use crate::queries::leave_waiting_list::{LeaveRow, LeaveWaitingList};
use crate::rows::{corrupt, time};
use crate::schema::waiting_list;
use crate::store::PostgresStore;

const QUEUES: &str = include_str!("waiting/queues.sql");

/// Puts users in line.
pub(crate) struct Joins;

impl Settle for Joins {
    type Item = Wish;
    type Answer = JoinOutcome;
    const CALL: &'static str = "join";

    async fn run(
        pool: &Pool,
        wishes: &[&Wish],
        deadline: Instant,
    ) -> Result<Vec<Result<Self::Answer, StoreError>>, StoreError> {
        let batch: JoinWaitingList = wishes.iter().copied().collect();
        let rows: Vec<JoinRow> = pool.load_here(Self::CALL, batch, deadline).await?;
        Ok(rows.into_iter().zip(wishes).map(|(row, wish)| row.read(wish)).collect())
    }

    fn product(wish: &Wish) -> ProductId {
        wish.product
    }

    fn reservation(wish: &Wish) -> ReservationId {
        wish.reservation
    }

    fn key(_: &Wish) -> Option<(ProductId, &UserId, &IdempotencyKey)> {
        None
    }

    fn is_repeat(first: &Wish, second: &Wish) -> bool {
        first == second
    }

    fn answer_again(answer: Self::Answer) -> Self::Answer {
        answer
    }
}

#[derive(QueryableByName)]
struct QueueRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// A row of `waiting_list`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = waiting_list, check_for_backend(diesel::pg::Pg))]
struct WaitingRow {
    product_id: Uuid,
    place: i64,
    user_id: String,
    quantity: i32,
    reservation_id: Uuid,
    joined_at: PgTimestamp,
}

impl WaitingRow {
    fn read(self) -> Result<Waiting, StoreError> {
        Ok(Waiting {
            product: ProductId::from_uuid(self.product_id),
            place: Place(self.place),
            user: UserId::from_store(&self.user_id),
            quantity: Quantity::new(self.quantity).map_err(corrupt("waiting_list.quantity"))?,
            reservation: ReservationId::from_uuid(self.reservation_id),
            joined_at: time(Some(self.joined_at))?,
        })
    }
}

impl PostgresStore {
    async fn take_out(&self, query: LeaveWaitingList) -> Result<Option<LeaveRow>, StoreError> {
        let rows: Vec<LeaveRow> = self.pool.load("leave", query).await?;
        Ok(rows.into_iter().next())
    }
}

#[async_trait]
impl WaitingList for PostgresStore {
    async fn join(&self, wish: Wish) -> Result<JoinOutcome, StoreError> {
        self.joins.submit(wish).await
    }

    async fn leave(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, RecordState)>, StoreError> {
        let Some(row) = self.take_out(LeaveWaitingList::user(product, user)).await? else { return Ok(None) };
        let Some(waiting) = row.waiting(product, user)? else { return Ok(None) };
        Ok(Some((waiting, row.record()?)))
    }

    async fn remove(&self, product: ProductId, who: &[Waiting]) -> Result<Option<RecordState>, StoreError> {
        let row = self.take_out(LeaveWaitingList::these(product, who)).await?;
        row.map(|row| row.record()).transpose()
    }

    async fn waiting(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, u64)>, StoreError> {
        let before = diesel::alias!(waiting_list as before);
        let ahead = before
            .filter(before.field(waiting_list::product_id).eq(waiting_list::product_id))
            .filter(before.field(waiting_list::place).lt(waiting_list::place))
            .count()
            .single_value();
        let query = waiting_list::table
            .filter(waiting_list::product_id.eq(*product.as_uuid()))
            .filter(waiting_list::user_id.eq(user.as_str().to_owned()))
            .select((WaitingRow::as_select(), ahead));
        let rows: Vec<(WaitingRow, Option<i64>)> = self.pool.load("waiting", query).await?;
        let Some((row, ahead)) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some((row.read()?, u64::try_from(ahead.unwrap_or(0)).unwrap_or(0))))
    }

    async fn line(&self, product: ProductId, after: Option<Place>, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        let query = waiting_list::table
            .filter(waiting_list::product_id.eq(*product.as_uuid()))
            .filter(waiting_list::place.gt(after.map_or(0, |after| after.0)))
            .order(waiting_list::place.asc())
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(WaitingRow::as_select());
        let rows: Vec<WaitingRow> = self.pool.load("line", query).await?;
        rows.into_iter().map(WaitingRow::read).collect()
    }

    async fn queues(
        &self,
        after: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        let query = diesel::sql_query(QUEUES)
            .bind::<Nullable<SqlUuid>, _>(after.map(|after| *after.as_uuid()))
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<QueueRow> = self.pool.load("queues", query).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = rows.iter().map(|row| ProductId::from_uuid(row.id)).collect();
        let mut states = self.states(&ids).await?;
        states.sort_unstable_by_key(|(product, _)| *product);
        Ok(states)
    }
}
