//! The book out of the file, at start.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::{Epoch, IdempotencyKey, ProductId, RecordState, ReservationId, Terms, Units, UserId, Version};

use crate::book::{Book, SavedGate, SavedHold};
use crate::record::rows::{TERMS, TermsColumns, bad, bytes, id, terms_of};
use crate::schema::{gates, hold_keys, holds, products};

/// Rows that nothing live stands on: lapsed; of a gate that was forgotten; or units that were withdrawn from sale.
const DROP_DEAD: [&str; 3] = [
    "DELETE FROM holds WHERE deadline <= ? OR NOT EXISTS
        (SELECT 1 FROM gates WHERE gates.product = holds.product AND gates.first_hold <= holds.id)",
    "DELETE FROM hold_keys WHERE deadline <= ? OR NOT EXISTS
        (SELECT 1 FROM gates WHERE gates.product = hold_keys.product AND gates.first_hold <= hold_keys.id)",
    "DELETE FROM holds WHERE ? IS NOT NULL AND substr(user_id, 1, 1) = char(1) AND EXISTS
        (SELECT 1 FROM stock_ledger WHERE stock_ledger.reservation = holds.reservation)",
];

/// The gates as they were when the last process ended, however it did; `now` in milliseconds. One transaction.
pub(crate) fn load(conn: &mut SqliteConnection, now: i64) -> QueryResult<Book> {
    conn.immediate_transaction(|conn| {
        for dead in DROP_DEAD {
            diesel::sql_query(dead).bind::<diesel::sql_types::BigInt, _>(now).execute(conn)?;
        }
        let mut book = Book::new();
        book.come_to(now);
        load_gates(conn, &mut book)?;
        load_holds(conn, &mut book)?;
        load_keys(conn, &mut book)?;
        Ok(book)
    })
}

fn load_gates(conn: &mut SqliteConnection, book: &mut Book) -> QueryResult<()> {
    type Row = (Vec<u8>, i64, i64, i64, i64);
    for (product, epoch, version, total, first_hold) in gates::table.load::<Row>(conn)? {
        let record = products::table
            .find(bytes(&id(&product)?))
            .select((products::version, products::total_stock, TERMS))
            .get_result::<(i64, i64, TermsColumns)>(conn)
            .optional()?;
        // Both are in one file, and the record's row is written first: it is never older, and it alone has the terms.
        let terms = record.map_or(Ok(Terms::NONE), |(_, _, terms)| terms_of(terms))?;
        let newer = record.map(|(version, total, _)| (version, total)).filter(|(newer, _)| *newer > version);
        let (version, total) = newer.unwrap_or((version, total));
        let total = Units::new(total).map_err(bad)?;
        let record = RecordState { epoch: Epoch(epoch), version: Version(version), total, terms };
        book.restore_gate(SavedGate { product: ProductId::from_uuid(id(&product)?), record });
        book.restore_rows(first_hold);
    }
    Ok(())
}

fn load_holds(conn: &mut SqliteConnection, book: &mut Book) -> QueryResult<()> {
    type Row = (i64, Vec<u8>, String, Vec<u8>, i64, i64, i64);
    for row in holds::table.order(holds::id).load_iter::<Row, diesel::connection::DefaultLoadingMode>(conn)? {
        let (row, product, user, reservation, quantity, deadline, ttl) = row?;
        book.restore_rows(row.saturating_add(1));
        book.restore(&SavedHold {
            row,
            product: ProductId::from_uuid(id(&product)?),
            user: &UserId::from_store(&user),
            key: None,
            reservation: ReservationId::from_uuid(id(&reservation)?),
            quantity: Units::new(quantity).map_err(bad)?.get(),
            deadline,
            ttl,
        });
    }
    Ok(())
}

fn load_keys(conn: &mut SqliteConnection, book: &mut Book) -> QueryResult<()> {
    type Row = (i64, Vec<u8>, String, String, Vec<u8>, i64, i64, i64);
    for row in hold_keys::table.order(hold_keys::id).load_iter::<Row, diesel::connection::DefaultLoadingMode>(conn)? {
        let (row, product, user, key, reservation, quantity, deadline, ttl) = row?;
        book.restore_rows(row.saturating_add(1));
        book.restore(&SavedHold {
            row,
            product: ProductId::from_uuid(id(&product)?),
            user: &UserId::from_store(&user),
            key: Some(&IdempotencyKey::parse(&key).map_err(bad)?),
            reservation: ReservationId::from_uuid(id(&reservation)?),
            quantity: Units::new(quantity).map_err(bad)?.get(),
            deadline,
            ttl,
        });
    }
    Ok(())
}
