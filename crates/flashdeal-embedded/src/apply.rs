//! Effects of the gates, as rows.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::IdempotencyKey;

use crate::book::{Effect, HoldRow};
use crate::schema::{gates, hold_keys, holds};
use crate::updates::SetQuantity;

/// Makes `effect` in the open transaction. But for the opening of a gate, every statement is prepared once.
pub(crate) fn apply(conn: &mut SqliteConnection, effect: &Effect) -> QueryResult<()> {
    match effect {
        Effect::PutHold(hold) => put_hold(conn, hold),
        Effect::PutKey { row, key } => put_key(conn, row, key),
        Effect::SetQuantity { row, quantity } => {
            SetQuantity { row: *row, quantity: i64::from(*quantity) }.execute(conn).map(drop)
        }
        Effect::DropHolds { first, last } => {
            let over = holds::table.filter(holds::id.ge(*first)).filter(holds::id.le(*last));
            diesel::delete(over).execute(conn).map(drop)
        }
        Effect::DropKeys { first, last } => {
            let over = hold_keys::table.filter(hold_keys::id.ge(*first)).filter(hold_keys::id.le(*last));
            diesel::delete(over).execute(conn).map(drop)
        }
        Effect::PutGate { product, record, first_hold } => {
            let state = (
                gates::epoch.eq(record.epoch.0),
                gates::version.eq(record.version.0),
                gates::total.eq(i64::from(record.total.get())),
            );
            let product = product.as_uuid().as_bytes().as_slice();
            // A gate that is opened again keeps the holds it has: its first row stays.
            diesel::insert_into(gates::table)
                .values((gates::product.eq(product), state, gates::first_hold.eq(*first_hold)))
                .on_conflict(gates::product)
                .do_update()
                .set(state)
                .execute(conn)
                .map(drop)
        }
        Effect::DropGate { product } => {
            let gate = gates::table.find(product.as_uuid().as_bytes().as_slice());
            diesel::delete(gate).execute(conn).map(drop)
        }
    }
}

fn put_hold(conn: &mut SqliteConnection, hold: &HoldRow) -> QueryResult<()> {
    diesel::replace_into(holds::table)
        .values((
            holds::id.eq(hold.row),
            holds::product.eq(hold.product.as_uuid().as_bytes().as_slice()),
            holds::user_id.eq(hold.user.as_str()),
            holds::reservation.eq(hold.reservation.as_uuid().as_bytes().as_slice()),
            holds::quantity.eq(i64::from(hold.quantity)),
            holds::deadline.eq(hold.deadline.as_millis()),
            holds::ttl.eq(hold.ttl),
        ))
        .execute(conn)
        .map(drop)
}

fn put_key(conn: &mut SqliteConnection, row: &HoldRow, key: &IdempotencyKey) -> QueryResult<()> {
    diesel::replace_into(hold_keys::table)
        .values((
            hold_keys::id.eq(row.row),
            hold_keys::product.eq(row.product.as_uuid().as_bytes().as_slice()),
            hold_keys::user_id.eq(row.user.as_str()),
            hold_keys::key.eq(key.as_str()),
            hold_keys::reservation.eq(row.reservation.as_uuid().as_bytes().as_slice()),
            hold_keys::quantity.eq(i64::from(row.quantity)),
            hold_keys::deadline.eq(row.deadline.as_millis()),
            hold_keys::ttl.eq(row.ttl),
        ))
        .execute(conn)
        .map(drop)
}
