//! `join_waiting_list`: users in line.

use diesel::Queryable;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use flashdeal_domain::ports::{JoinOutcome, Place, Waiting, Wish};
use flashdeal_domain::{ReservationId, StoreError};
use uuid::Uuid;

use super::function_call;
use crate::error::failed;
use crate::rows::{UserText, limit_column, state, there, time};

/// The wishes of one batch, column by column.
#[derive(Clone, Default)]
pub(crate) struct JoinWaitingList {
    products: Vec<Uuid>,
    reservations: Vec<Uuid>,
    users: Vec<UserText>,
    quantities: Vec<i32>,
    most: Vec<i64>,
}

function_call! {
    JoinWaitingList as JoinWaitingListId:
    SELECT "outcome, place, reservation_id, joined_at, epoch, version, total, starts_at, ends_at, max_per_reservation,
        queued" FROM "join_waiting_list" (
        products: Array<diesel::sql_types::Uuid>,
        reservations: Array<diesel::sql_types::Uuid>,
        users: Array<Text>,
        quantities: Array<Integer>,
        most: Array<BigInt>,
    )
    RETURNS (
        Text,
        Nullable<BigInt>,
        Nullable<diesel::sql_types::Uuid>,
        Nullable<Timestamptz>,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<Integer>,
        Nullable<Timestamptz>,
        Nullable<Timestamptz>,
        Nullable<Integer>,
        Nullable<Bool>,
    )
}

impl<'a> FromIterator<&'a Wish> for JoinWaitingList {
    fn from_iter<T: IntoIterator<Item = &'a Wish>>(wishes: T) -> Self {
        let mut batch = Self::default();
        for wish in wishes {
            batch.products.push(*wish.product.as_uuid());
            batch.reservations.push(*wish.reservation.as_uuid());
            batch.users.push(UserText(wish.user.clone()));
            batch.quantities.push(limit_column(wish.quantity));
            batch.most.push(i64::from(wish.most));
        }
        batch
    }
}

/// The answer to one wish.
#[derive(Debug, Queryable)]
pub(crate) struct JoinRow {
    outcome: String,
    place: Option<i64>,
    reservation_id: Option<Uuid>,
    joined_at: Option<PgTimestamp>,
    epoch: Option<i64>,
    version: Option<i64>,
    total: Option<i32>,
    starts_at: Option<PgTimestamp>,
    ends_at: Option<PgTimestamp>,
    max_per_reservation: Option<i32>,
    queued: Option<bool>,
}

impl JoinRow {
    /// The answer in the port's words.
    pub(crate) fn read(self, wish: &Wish) -> Result<JoinOutcome, StoreError> {
        let created = match self.outcome.as_str() {
            "joined" => true,
            "waits" => false,
            "full" => return Ok(JoinOutcome::Full),
            "unknown_product" => return Ok(JoinOutcome::UnknownProduct),
            other => return Err(failed(format!("join_waiting_list answered {other:?}"))),
        };
        let terms = (self.starts_at, self.ends_at, self.max_per_reservation, there(self.queued)?);
        let waiting = Waiting {
            product: wish.product,
            place: Place(there(self.place)?),
            user: wish.user.clone(),
            quantity: wish.quantity,
            reservation: ReservationId::from_uuid(there(self.reservation_id)?),
            joined_at: time(self.joined_at)?,
        };
        let record = state(self.epoch, self.version, self.total, terms)?;
        Ok(JoinOutcome::Waits { waiting, created, record })
    }
}
