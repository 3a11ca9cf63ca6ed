//! The feed of orders. Who holds a reader's lease is known in memory: one process at a time has the file, and what it forgets when it
//! dies nobody else could have.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::ports::feed::MAX_FAILURE_CHARS;
use flashdeal_domain::ports::{FeedPage, LeaseToken, OrderFeed, Position, Reader, Standing};
use flashdeal_domain::{StoreError, Timestamp};

use super::rows::{self, bad, kind};
use super::transaction::Transaction;
use crate::EmbeddedStore;
use crate::schema::{order_readers, stock_ledger};

/// Who holds which reader's lease, and until when in milliseconds.
#[derive(Default)]
pub(crate) struct Leases(Mutex<HashMap<Reader, (LeaseToken, i64)>>);

impl Leases {
    fn all(&self) -> MutexGuard<'_, HashMap<Reader, (LeaseToken, i64)>> {
        // Every change of the map is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes or renews a lease; `false` if somebody else has it.
    fn take(&self, reader: &Reader, token: LeaseToken, now: i64, lasts: Duration) -> bool {
        let mut all = self.all();
        // One that ends later than it can was taken before the clock was set back.
        let latest = later(now, Duration::from_mins(1).saturating_add(lasts.saturating_mul(2)));
        if all.get(reader).is_some_and(|(holder, until)| *holder != token && now < *until && *until <= latest) {
            return false;
        }
        all.insert(reader.clone(), (token, later(now, lasts)));
        true
    }

    fn renew(&self, reader: &Reader, token: LeaseToken, now: i64, lasts: Duration) -> bool {
        let mut all = self.all();
        let lease = all.get_mut(reader).filter(|(holder, _)| *holder == token);
        let Some((_, until)) = lease else { return false };
        *until = later(now, lasts);
        true
    }

    fn is_held_by(&self, reader: &Reader, token: LeaseToken) -> bool {
        self.all().get(reader).is_some_and(|(holder, _)| *holder == token)
    }
}

fn later(now: i64, by: Duration) -> i64 {
    now.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

/// The last row of the ledger. Its rows are numbered as they are committed: there is one writer.
fn end(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let last = stock_ledger::table.select(diesel::dsl::max(stock_ledger::id)).get_result::<Option<i64>>(conn)?;
    Ok(last.unwrap_or(0))
}

/// Where the reader is; one that is new begins at the end.
fn begin(txn: &mut Transaction<'_>, reader: &Reader) -> QueryResult<Position> {
    let there = order_readers::table.find(reader.as_str()).select(order_readers::position);
    if let Some(position) = there.get_result(txn.conn).optional()? {
        return Ok(Position(position));
    }
    let position = end(txn.conn)?;
    diesel::insert_into(order_readers::table)
        .values((
            order_readers::reader.eq(reader.as_str()),
            order_readers::position.eq(position),
            order_readers::moved_at.eq(txn.now),
        ))
        .execute(txn.conn)?;
    Ok(Position(position))
}

fn advance(txn: &mut Transaction<'_>, reader: &Reader, to: Position) -> QueryResult<bool> {
    let moved = diesel::update(order_readers::table.find(reader.as_str()).filter(order_readers::position.le(to.0)))
        .set((order_readers::position.eq(to.0), order_readers::moved_at.eq(txn.now)))
        .execute(txn.conn)?;
    Ok(moved > 0)
}

fn rewind(txn: &mut Transaction<'_>, reader: &Reader, since: Timestamp) -> QueryResult<Position> {
    let Position(position) = begin(txn, reader)?;
    let first = stock_ledger::table
        .filter(stock_ledger::kind.eq(kind::SOLD))
        .filter(stock_ledger::created_at.ge(since.as_millis()))
        .select(diesel::dsl::min(stock_ledger::id))
        .get_result::<Option<i64>>(txn.conn)?;
    let back = first.map_or(position, |first| position.min(first - 1));
    diesel::update(order_readers::table.find(reader.as_str()))
        .set((order_readers::position.eq(back), order_readers::moved_at.eq(txn.now)))
        .execute(txn.conn)?;
    Ok(Position(back))
}

fn page(conn: &mut SqliteConnection, after: Position, limit: usize) -> QueryResult<FeedPage> {
    let entries = stock_ledger::table
        .filter(stock_ledger::id.gt(after.0))
        .order(stock_ledger::id.asc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((stock_ledger::id, stock_ledger::order_id))
        .load::<(i64, Option<Vec<u8>>)>(conn)?;
    let through = entries.last().map_or(after, |(entry, _)| Position(*entry));
    let mut orders = Vec::with_capacity(entries.len());
    for (entry, order) in entries {
        if let Some(order) = order {
            let order = rows::order(conn, &order)?.ok_or(diesel::result::Error::NotFound)?;
            orders.push((Position(entry), order));
        }
    }
    Ok(FeedPage { orders, through })
}

type ReaderRow = (String, i64, i64, Option<String>, Option<i64>);

/// How far these readers (or all) are, at `now`. Whose lease is held is not known here.
pub(super) fn standings(conn: &mut SqliteConnection, now: i64, of: Option<Vec<String>>) -> QueryResult<Vec<Standing>> {
    let mut query = order_readers::table.order(order_readers::reader.asc()).into_boxed();
    if let Some(names) = of {
        query = query.filter(order_readers::reader.eq_any(names));
    }
    let readers = query.load::<ReaderRow>(conn)?;
    let standing = |(reader, position, moved_at, failure, failed_at): ReaderRow| {
        let waiting = stock_ledger::table
            .filter(stock_ledger::id.gt(position))
            .filter(stock_ledger::kind.eq(kind::SOLD))
            .order(stock_ledger::id.asc())
            .limit(i64::from(Standing::MOST))
            .select(stock_ledger::created_at)
            .load::<i64>(conn)?;
        let age = |sold_at: &i64| Duration::from_millis(u64::try_from(now.saturating_sub(*sold_at)).unwrap_or(0));
        Ok(Standing {
            reader: Reader::parse(&reader).map_err(bad)?,
            position: Position(position),
            moved_at: Timestamp::from_millis(moved_at),
            held: false,
            failure: failed_at.map(Timestamp::from_millis).zip(failure),
            waiting: u32::try_from(waiting.len()).unwrap_or(u32::MAX),
            oldest: waiting.first().map(age),
        })
    };
    readers.into_iter().map(standing).collect()
}

impl EmbeddedStore {
    /// Forgets a reader, unless somebody has its lease; whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_reader(&self, reader: &Reader) -> Result<bool, StoreError> {
        let (leases, reader, now) = (self.0.leases.clone(), reader.clone(), self.shared().now());
        self.change(move |txn| {
            if leases.all().get(&reader).is_some_and(|(_, until)| now < *until) {
                return Ok(false);
            }
            Ok(diesel::delete(order_readers::table.find(reader.as_str())).execute(txn.conn)? > 0)
        })
        .await
    }
}

#[async_trait]
impl OrderFeed for EmbeddedStore {
    async fn hold(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<Option<Position>, StoreError> {
        if !self.0.leases.take(reader, token, self.shared().now(), lasts) {
            return Ok(None);
        }
        let name = reader.clone();
        let there = self
            .read(move |conn| {
                order_readers::table
                    .find(name.as_str())
                    .select(order_readers::position)
                    .get_result::<i64>(conn)
                    .optional()
            })
            .await?;
        if let Some(position) = there {
            return Ok(Some(Position(position)));
        }
        let reader = reader.clone();
        self.change(move |txn| begin(txn, &reader)).await.map(Some)
    }

    async fn renew(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<bool, StoreError> {
        Ok(self.0.leases.renew(reader, token, self.shared().now(), lasts))
    }

    async fn next_orders(&self, after: Position, limit: usize) -> Result<FeedPage, StoreError> {
        self.read(move |conn| page(conn, after, limit)).await
    }

    async fn advance(&self, reader: &Reader, token: LeaseToken, to: Position) -> Result<bool, StoreError> {
        let (leases, reader) = (self.0.leases.clone(), reader.clone());
        self.change(move |txn| Ok(leases.is_held_by(&reader, token) && advance(txn, &reader, to)?)).await
    }

    async fn note_failure(&self, reader: &Reader, token: LeaseToken, why: &str) -> Result<(), StoreError> {
        let (leases, reader) = (self.0.leases.clone(), reader.clone());
        let why: String = why.chars().take(MAX_FAILURE_CHARS).collect();
        self.change(move |txn| {
            if leases.is_held_by(&reader, token) {
                diesel::update(order_readers::table.find(reader.as_str()))
                    .set((order_readers::failure.eq(&why), order_readers::failed_at.eq(txn.now)))
                    .execute(txn.conn)?;
            }
            Ok(())
        })
        .await
    }

    async fn release(&self, reader: &Reader, token: LeaseToken) -> Result<(), StoreError> {
        let mut leases = self.0.leases.all();
        if leases.get(reader).is_some_and(|(holder, _)| *holder == token) {
            leases.remove(reader);
        }
        Ok(())
    }

    async fn rewind(&self, reader: &Reader, since: Timestamp) -> Result<Position, StoreError> {
        let (leases, reader) = (self.0.leases.clone(), reader.clone());
        self.change(move |txn| {
            leases.all().remove(&reader);
            rewind(txn, &reader, since)
        })
        .await
    }

    async fn standings(&self, of: Option<&[Reader]>) -> Result<Vec<Standing>, StoreError> {
        let now = self.shared().now();
        let names = of.map(|readers| readers.iter().map(Reader::to_string).collect());
        let mut standings = self.read(move |conn| standings(conn, now, names)).await?;
        let leases = self.0.leases.all();
        for standing in &mut standings {
            standing.held = leases.get(&standing.reader).is_some_and(|(_, until)| now < *until);
        }
        Ok(standings)
    }
}
