//! The feed in memory.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_domain::ports::feed::MAX_FAILURE_CHARS;
use flashdeal_domain::ports::{Clock, FeedPage, LeaseToken, OrderFeed, Position, Reader, Standing};
use flashdeal_domain::{Order, OrderId, StockRepository, StoreError, Timestamp};
use futures_util::lock::Mutex;

/// The feed of any record in memory. It looks at the record with every call: an order's place is the one where it was first seen,
/// so one that becomes visible late is passed over by nobody. See [`OrderFeed`] for what it does.
pub struct Feed {
    record: Arc<dyn StockRepository>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ledger: Vec<Order>,
    known: HashSet<OrderId>,
    readers: BTreeMap<Reader, Row>,
}

struct Row {
    position: usize,
    moved_at: Timestamp,
    lease: Option<(LeaseToken, Timestamp)>,
    failure: Option<(Timestamp, String)>,
}

impl Row {
    fn is_held_by(&self, token: LeaseToken) -> bool {
        self.lease.is_some_and(|(holder, _)| holder == token)
    }
}

/// An order's position is how many orders there are up to it.
fn position(orders: usize) -> Position {
    Position(i64::try_from(orders).unwrap_or(i64::MAX))
}

fn orders(position: Position) -> usize {
    usize::try_from(position.0).unwrap_or(0)
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

impl Feed {
    /// The feed of `record`, whose leases end by `clock`.
    #[must_use]
    pub fn new(record: Arc<dyn StockRepository>, clock: Arc<dyn Clock>) -> Self {
        Self { record, clock, state: Mutex::default() }
    }

    /// The state, with every order that the record has.
    async fn state(&self) -> Result<futures_util::lock::MutexGuard<'_, State>, StoreError> {
        let mut state = self.state.lock().await;
        let mut after = None;
        loop {
            let page = self.record.orders_after(None, after, 1000).await?;
            let Some(last) = page.last() else { return Ok(state) };
            after = Some(last.id);
            for order in page {
                if state.known.insert(order.id) {
                    state.ledger.push(order);
                }
            }
        }
    }

    fn begun(&self, position: usize) -> Row {
        Row { position, moved_at: self.clock.now(), lease: None, failure: None }
    }
}

#[async_trait]
impl OrderFeed for Feed {
    async fn hold(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<Option<Position>, StoreError> {
        let mut state = self.state().await?;
        let now = self.clock.now();
        let end = state.ledger.len();
        let row = state.readers.entry(reader.clone()).or_insert_with(|| self.begun(end));
        // One that ends later than it can was taken before the clock was set back.
        let latest = later(now, Duration::from_mins(1).saturating_add(lasts.saturating_mul(2)));
        if row.lease.is_some_and(|(holder, until)| holder != token && now < until && until <= latest) {
            return Ok(None);
        }
        row.lease = Some((token, later(now, lasts)));
        Ok(Some(position(row.position)))
    }

    async fn renew(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<bool, StoreError> {
        let mut state = self.state().await?;
        let now = self.clock.now();
        let Some(row) = state.readers.get_mut(reader).filter(|row| row.is_held_by(token)) else { return Ok(false) };
        row.lease = Some((token, later(now, lasts)));
        Ok(true)
    }

    async fn next_orders(&self, after: Position, limit: usize) -> Result<FeedPage, StoreError> {
        let state = self.state().await?;
        let later = state.ledger.iter().enumerate().skip(orders(after)).take(limit);
        let given: Vec<_> = later.map(|(place, order)| (position(place + 1), order.clone())).collect();
        Ok(FeedPage { through: given.last().map_or(after, |(position, _)| *position), orders: given })
    }

    async fn advance(&self, reader: &Reader, token: LeaseToken, to: Position) -> Result<bool, StoreError> {
        let mut state = self.state().await?;
        let now = self.clock.now();
        let Some(row) = state.readers.get_mut(reader).filter(|row| row.is_held_by(token)) else { return Ok(false) };
        if orders(to) < row.position {
            return Ok(false);
        }
        row.position = orders(to);
        row.moved_at = now;
        Ok(true)
    }

    async fn note_failure(&self, reader: &Reader, token: LeaseToken, why: &str) -> Result<(), StoreError> {
        let mut state = self.state().await?;
        let now = self.clock.now();
        if let Some(row) = state.readers.get_mut(reader).filter(|row| row.is_held_by(token)) {
            row.failure = Some((now, why.chars().take(MAX_FAILURE_CHARS).collect()));
        }
        Ok(())
    }

    async fn release(&self, reader: &Reader, token: LeaseToken) -> Result<(), StoreError> {
        let mut state = self.state().await?;
        if let Some(row) = state.readers.get_mut(reader).filter(|row| row.is_held_by(token)) {
            row.lease = None;
        }
        Ok(())
    }

    async fn rewind(&self, reader: &Reader, since: Timestamp) -> Result<Position, StoreError> {
        let mut state = self.state().await?;
        let now = self.clock.now();
        let end = state.ledger.len();
        let first = state.ledger.iter().position(|order| order.created_at >= since);
        let row = state.readers.entry(reader.clone()).or_insert_with(|| self.begun(end));
        row.position = row.position.min(first.unwrap_or(end));
        row.moved_at = now;
        row.lease = None;
        Ok(position(row.position))
    }

    async fn standings(&self, of: Option<&[Reader]>) -> Result<Vec<Standing>, StoreError> {
        let state = self.state().await?;
        let now = self.clock.now();
        let age = |order: &Order| {
            let millis = now.as_millis().saturating_sub(order.created_at.as_millis());
            Duration::from_millis(u64::try_from(millis).unwrap_or(0))
        };
        let standing = |(reader, row): (&Reader, &Row)| Standing {
            reader: reader.clone(),
            position: position(row.position),
            moved_at: row.moved_at,
            held: row.lease.is_some_and(|(_, until)| now < until),
            failure: row.failure.clone(),
            waiting: u32::try_from(state.ledger.len() - row.position).unwrap_or(u32::MAX).min(Standing::MOST),
            oldest: state.ledger.get(row.position).map(age),
        };
        let asked_for = |reader: &Reader| of.is_none_or(|readers| readers.contains(reader));
        Ok(state.readers.iter().filter(|(reader, _)| asked_for(reader)).map(standing).collect())
    }
}
