//! `leave_waiting_list`: users out of line.

use diesel::Queryable;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use flashdeal_domain::ports::{Place, Waiting};
use flashdeal_domain::{ProductId, Quantity, RecordState, ReservationId, StoreError, UserId};
use uuid::Uuid;

use super::function_call;
use crate::rows::{UserText, corrupt, state, there, time};

/// Who leaves.
#[derive(Clone)]
pub(crate) struct LeaveWaitingList {
    product: Uuid,
    user: Option<UserText>,
    places: Vec<i64>,
    reservations: Vec<Uuid>,
}

function_call! {
    LeaveWaitingList as LeaveWaitingListId:
    SELECT "place, quantity, reservation_id, joined_at, epoch, version, total, starts_at, ends_at, max_per_reservation,
        queued" FROM "leave_waiting_list" (
        product: diesel::sql_types::Uuid,
        user: Nullable<Text>,
        places: Array<BigInt>,
        reservations: Array<diesel::sql_types::Uuid>,
    )
    RETURNS (
        Nullable<BigInt>,
        Nullable<Integer>,
        Nullable<diesel::sql_types::Uuid>,
        Nullable<Timestamptz>,
        BigInt,
        BigInt,
        Integer,
        Nullable<Timestamptz>,
        Nullable<Timestamptz>,
        Nullable<Integer>,
        Bool,
    )
}

impl LeaveWaitingList {
    /// This user.
    pub(crate) fn user(product: ProductId, user: &UserId) -> Self {
        let user = Some(UserText(user.clone()));
        Self { product: *product.as_uuid(), user, places: Vec::new(), reservations: Vec::new() }
    }

    /// All of these, whose wait is this very one.
    pub(crate) fn these(product: ProductId, who: &[Waiting]) -> Self {
        let places = who.iter().map(|waiting| waiting.place.0).collect();
        let reservations = who.iter().map(|waiting| *waiting.reservation.as_uuid()).collect();
        Self { product: *product.as_uuid(), user: None, places, reservations }
    }
}

/// The product after it, and as what the user waited.
#[derive(Debug, Queryable)]
pub(crate) struct LeaveRow {
    place: Option<i64>,
    quantity: Option<i32>,
    reservation_id: Option<Uuid>,
    joined_at: Option<PgTimestamp>,
    epoch: i64,
    version: i64,
    total: i32,
    starts_at: Option<PgTimestamp>,
    ends_at: Option<PgTimestamp>,
    max_per_reservation: Option<i32>,
    queued: bool,
}

impl LeaveRow {
    pub(crate) fn record(&self) -> Result<RecordState, StoreError> {
        let terms = (self.starts_at, self.ends_at, self.max_per_reservation, self.queued);
        state(Some(self.epoch), Some(self.version), Some(self.total), terms)
    }

    pub(crate) fn waiting(&self, product: ProductId, user: &UserId) -> Result<Option<Waiting>, StoreError> {
        let Some(place) = self.place else { return Ok(None) };
        Ok(Some(Waiting {
            product,
            place: Place(place),
            user: user.clone(),
            quantity: Quantity::new(there(self.quantity)?).map_err(corrupt("waiting_list.quantity"))?,
            reservation: ReservationId::from_uuid(there(self.reservation_id)?),
            joined_at: time(self.joined_at)?,
        }))
    }
}
