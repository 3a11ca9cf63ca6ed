//! The feed of orders.

mod horizon;

use std::time::Duration;

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use flashdeal_domain::ports::feed::MAX_FAILURE_CHARS;
use flashdeal_domain::ports::{FeedPage, LeaseToken, OrderFeed, Position, Reader, Standing};
use flashdeal_domain::{StoreError, Timestamp};
use tokio::time::{Instant, sleep};

use crate::error::{failed, unavailable};
use crate::rows::{OrderColumns, order_columns, time, time_column};
use crate::schema::stock_ledger;
use crate::store::PostgresStore;

use horizon::Look;

pub(crate) use horizon::Horizon;

const HOLD: &str = include_str!("feed/hold.sql");
const LOOK: &str = include_str!("feed/look.sql");
const REWIND: &str = include_str!("feed/rewind.sql");
const STANDINGS: &str = include_str!("feed/standings.sql");
const BEGIN: &str =
    "INSERT INTO order_readers (reader, position) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING position";
const ADVANCE: &str = "UPDATE order_readers SET position = $3, moved_at = clock_timestamp()
    WHERE reader = $1 AND holder = $2 AND held_in_run = pg_postmaster_start_time() AND position <= $3 RETURNING position";
const FORGET: &str = "DELETE FROM order_readers
    WHERE reader = $1 AND (holder IS NULL OR held_until <= clock_timestamp()) RETURNING position";
const NOTE_FAILURE: &str = "UPDATE order_readers SET failure = $3, failed_at = clock_timestamp()
    WHERE reader = $1 AND holder = $2 RETURNING position";
const RENEW: &str = "UPDATE order_readers SET held_until = clock_timestamp() + $3 * interval '1 millisecond'
    WHERE reader = $1 AND holder = $2 AND held_in_run = pg_postmaster_start_time() RETURNING position";
const RELEASE: &str = "UPDATE order_readers SET holder = NULL, held_until = NULL
    WHERE reader = $1 AND holder = $2 RETURNING position";

/// How often the end of the ledger is looked for when a reader begins, and the first of the pauses in between, each twice as long as
/// the one before: transactions that are under way are over by then, but for unusual ones.
const LOOKS: u32 = 7;
const PAUSE: Duration = Duration::from_millis(20);

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    position: Option<i64>,
    #[diesel(sql_type = Bool)]
    known: bool,
}

#[derive(QueryableByName)]
struct LookRow {
    #[diesel(sql_type = BigInt)]
    newest: i64,
    #[diesel(sql_type = BigInt)]
    oldest_running: i64,
    #[diesel(sql_type = BigInt)]
    after_ended: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    ours: Option<i64>,
    #[diesel(sql_type = Timestamptz)]
    run: PgTimestamp,
}

#[derive(QueryableByName)]
struct PositionRow {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

#[derive(QueryableByName)]
struct StandingRow {
    #[diesel(sql_type = Text)]
    reader: String,
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Timestamptz)]
    moved_at: PgTimestamp,
    #[diesel(sql_type = Bool)]
    held: bool,
    #[diesel(sql_type = Nullable<Text>)]
    failure: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    failed_at: Option<PgTimestamp>,
    #[diesel(sql_type = BigInt)]
    orders: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    oldest: Option<i64>,
}

impl StandingRow {
    fn read(self) -> Result<Standing, StoreError> {
        let failed_at = self.failed_at.map(|at| time(Some(at))).transpose()?;
        Ok(Standing {
            reader: Reader::parse(&self.reader).map_err(failed)?,
            position: Position(self.position),
            moved_at: time(Some(self.moved_at))?,
            held: self.held,
            failure: failed_at.zip(self.failure),
            waiting: u32::try_from(self.orders).map_err(failed)?,
            // A clock that stepped back makes nothing younger than it is now.
            oldest: self.oldest.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0))),
        })
    }
}

impl PostgresStore {
    /// One look at the end of the ledger: the newest entry there is, and up to which all are settled.
    async fn look(&self) -> Result<(i64, i64), StoreError> {
        let query = diesel::sql_query(LOOK).bind::<BigInt, _>(self.horizon.takes_above());
        let rows: Vec<LookRow> = self.pool.load("feed_look", query).await?;
        let row = rows.into_iter().next().ok_or_else(|| failed("the look at the ledger answered nothing"))?;
        let LookRow { newest, oldest_running, after_ended, ours, run: PgTimestamp(run) } = row;
        Ok((newest, self.horizon.after(Look { newest, oldest_running, after_ended, ours, run }, Instant::now())))
    }

    /// Begins a reader at the end of the ledger; one that somebody else began meanwhile is left as it is.
    async fn begin(&self, reader: &Reader) -> Result<(), StoreError> {
        let (end, mut settled) = self.look().await?;
        let mut looks = 1;
        while settled < end {
            if looks == LOOKS {
                return Err(unavailable(
                    "a transaction that began before goes on, so the end of the ledger cannot be told",
                ));
            }
            sleep(PAUSE * (1 << (looks - 1))).await;
            settled = self.look().await?.1;
            looks += 1;
        }
        let query = diesel::sql_query(BEGIN).bind::<Text, _>(reader.to_string()).bind::<BigInt, _>(settled);
        self.pool.load::<_, PositionRow>("feed_begin", query).await?;
        Ok(())
    }
}

impl PostgresStore {
    /// Forgets a reader, unless somebody has its lease; whether it did. That takes a role that may delete readers: the one that sells
    /// need not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_reader(&self, reader: &Reader) -> Result<bool, StoreError> {
        let query = diesel::sql_query(FORGET).bind::<Text, _>(reader.to_string());
        Ok(!self.pool.load::<_, PositionRow>("feed_forget", query).await?.is_empty())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl OrderFeed for PostgresStore {
    async fn hold(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<Option<Position>, StoreError> {
        let query = diesel::sql_query(HOLD)
            .bind::<Text, _>(reader.to_string())
            .bind::<SqlUuid, _>(token.0)
            .bind::<BigInt, _>(millis(lasts));
        let held = async || {
            let rows: Vec<HeldRow> = self.pool.load("feed_hold", query.clone()).await?;
            rows.into_iter().next().ok_or_else(|| failed("the lease of a reader answered nothing"))
        };
        let mut row = held().await?;
        if !row.known {
            self.begin(reader).await?;
            row = held().await?;
        }
        Ok(row.position.map(Position))
    }

    async fn renew(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<bool, StoreError> {
        let query = diesel::sql_query(RENEW)
            .bind::<Text, _>(reader.to_string())
            .bind::<SqlUuid, _>(token.0)
            .bind::<BigInt, _>(millis(lasts));
        let rows: Vec<PositionRow> = self.pool.load("feed_renew", query).await?;
        Ok(!rows.is_empty())
    }

    async fn next_orders(&self, after: Position, limit: usize) -> Result<FeedPage, StoreError> {
        let (_, settled) = self.look().await?;
        if settled <= after.0 {
            return Ok(FeedPage { orders: Vec::new(), through: after });
        }
        let query = stock_ledger::table
            .filter(stock_ledger::entry.gt(after.0))
            .filter(stock_ledger::entry.le(settled))
            .order(stock_ledger::entry.asc())
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select((stock_ledger::entry, stock_ledger::kind, order_columns()));
        let rows: Vec<(i64, String, OrderColumns)> = self.pool.load("next_orders", query).await?;
        let last = rows.last().filter(|_| rows.len() == limit).map(|(entry, ..)| *entry);
        let sold = rows.into_iter().filter(|(_, kind, _)| kind == "sold");
        let orders = sold.map(|(entry, _, order)| Ok((Position(entry), order.read()?)));
        Ok(FeedPage { orders: orders.collect::<Result<_, StoreError>>()?, through: Position(last.unwrap_or(settled)) })
    }

    async fn advance(&self, reader: &Reader, token: LeaseToken, to: Position) -> Result<bool, StoreError> {
        let query = diesel::sql_query(ADVANCE)
            .bind::<Text, _>(reader.to_string())
            .bind::<SqlUuid, _>(token.0)
            .bind::<BigInt, _>(to.0);
        let rows: Vec<PositionRow> = self.pool.load("feed_advance", query).await?;
        Ok(!rows.is_empty())
    }

    async fn note_failure(&self, reader: &Reader, token: LeaseToken, why: &str) -> Result<(), StoreError> {
        // The one character that PostgreSQL's texts cannot have.
        let why: String = why.chars().filter(|char| *char != '\0').take(MAX_FAILURE_CHARS).collect();
        let query = diesel::sql_query(NOTE_FAILURE)
            .bind::<Text, _>(reader.to_string())
            .bind::<SqlUuid, _>(token.0)
            .bind::<Text, _>(why);
        self.pool.load::<_, PositionRow>("feed_note_failure", query).await.map(drop)
    }

    async fn release(&self, reader: &Reader, token: LeaseToken) -> Result<(), StoreError> {
        let query = diesel::sql_query(RELEASE).bind::<Text, _>(reader.to_string()).bind::<SqlUuid, _>(token.0);
        self.pool.load::<_, PositionRow>("feed_release", query).await.map(drop)
    }

    async fn rewind(&self, reader: &Reader, since: Timestamp) -> Result<Position, StoreError> {
        let query =
            diesel::sql_query(REWIND).bind::<Text, _>(reader.to_string()).bind::<Timestamptz, _>(time_column(since));
        // Over the whole ledger, so with the patience of an audit.
        let rewound = async || self.audits.load::<_, PositionRow>("feed_rewind", query.clone()).await;
        let mut rows = rewound().await?;
        if rows.is_empty() {
            self.begin(reader).await?;
            rows = rewound().await?;
        }
        let row = rows.into_iter().next().ok_or_else(|| failed("a reader was neither there nor could be made"))?;
        Ok(Position(row.position))
    }

    async fn standings(&self, of: Option<&[Reader]>) -> Result<Vec<Standing>, StoreError> {
        let names = of.map(|readers| readers.iter().map(Reader::to_string).collect::<Vec<_>>());
        let query = diesel::sql_query(STANDINGS)
            .bind::<BigInt, _>(i64::from(Standing::MOST))
            .bind::<Nullable<Array<Text>>, _>(names);
        let rows: Vec<StandingRow> = self.pool.load("feed_standings", query).await?;
        rows.into_iter().map(StandingRow::read).collect()
    }
}
