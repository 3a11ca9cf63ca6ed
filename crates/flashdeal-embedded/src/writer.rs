//! The one writer: a thread that writes everything that waits in one transaction, then tells everyone at once.
//!
//! Nobody waits for a timer: an idle writer takes the first call alone; while it is at the disk the next ones gather.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::StoreError;
use metrics::{Histogram, histogram};

use crate::apply::apply;
use crate::book::Effect;
use crate::connection;
use crate::error::of_call;
use crate::folder::Folder;
use crate::record::{Transaction, forget_changes};
use crate::shared::{RecordBatch, Shared, Work};

/// The writer, and what it alone has.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    file: PathBuf,
    /// `None` after a failure: a new one is made for the next try.
    conn: Option<SqliteConnection>,
    /// Effects that are not in the file though a try was made.
    unwritten: Vec<Effect>,
    meters: Meters,
    /// Ours until the connection is closed.
    _folder: Folder,
}

type Results = Vec<Vec<Result<(), StoreError>>>;

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, conn: SqliteConnection, folder: Folder) -> Self {
        let file = folder.database();
        Self { shared, file, conn: Some(conn), unwritten: Vec::new(), meters: Meters::new(), _folder: folder }
    }

    /// Writes until the store is closed.
    pub(crate) fn run(mut self) {
        // However this ends, nobody is left waiting.
        let _end = End(Arc::clone(&self.shared));
        while let Some(work) = self.shared.next_work(!self.unwritten.is_empty()) {
            self.write(work);
        }
        if let Some(conn) = &mut self.conn
            && let Err(error) = connection::checkpoint(conn)
        {
            tracing::warn!(%error, "the database was not checkpointed at its end; the next start does it");
        }
        self.conn = None;
    }

    fn write(&mut self, work: Work) {
        let Work { effects, through, mut batches } = work;
        self.unwritten.extend(effects);
        let begun = now();
        let written = self.transact(&mut batches, false).or_else(|error| {
            tracing::warn!(%error, "a transaction failed; its calls are tried one by one");
            self.transact(&mut batches, true)
        });
        self.meters.transaction.record(begun.elapsed());
        match written {
            Ok(results) => {
                let calls = batches.iter().map(|batch| batch.calls.len()).sum::<usize>();
                self.meters.batch(self.unwritten.len() + calls);
                self.unwritten.clear();
                self.shared.written(through, &batches).report();
                tell(batches, results);
            }
            Err(error) => {
                tracing::error!(%error, "the database cannot be written");
                self.conn = None;
                self.shared.not_written();
                let results = batches.iter().map(|batch| vec![Err(of_call_lost(&error)); batch.calls.len()]).collect();
                tell(batches, results);
            }
        }
    }

    /// One transaction of everything: first the gates' effects, then the calls to the record. If one call fails, all is
    /// undone; `apart` gives each call a savepoint of its own, so that a failing one stands alone.
    fn transact(&mut self, batches: &mut [RecordBatch], apart: bool) -> Result<Results, Failure> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(connection::writer(&self.file).map_err(Failure::Open)?),
        };
        let now = self.shared.now();
        forget_changes(batches);
        conn.immediate_transaction(|conn| {
            for effect in &self.unwritten {
                apply(conn, effect)?;
            }
            let mut transaction = Transaction::new(conn, now);
            let mut results = Results::new();
            for batch in batches {
                let mut run = |call| if apart { transaction.run_apart(call) } else { transaction.run(call).map(Ok) };
                let answers: QueryResult<Vec<_>> = batch.calls.iter_mut().map(&mut run).collect();
                results.push(answers?.into_iter().map(|answer| answer.map_err(of_call)).collect());
            }
            transaction.flush()?;
            Ok(results)
        })
        .map_err(Failure::Write)
    }
}

/// Why a transaction was not made.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Write(#[from] diesel::result::Error),
    #[error("{0}")]
    Open(Box<dyn std::error::Error + Send + Sync>),
}

/// What a call is told when the whole transaction failed: unknown, since a failed commit may have reached the disk.
fn of_call_lost(failure: &Failure) -> StoreError {
    StoreError::unavailable(crate::error::STORE, failure.to_string())
}

fn tell(batches: Vec<RecordBatch>, results: Results) {
    for (batch, results) in batches.into_iter().zip(results) {
        // A thread whose callers are all gone waits no more.
        let _ = batch.answer.send(results);
    }
}

struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.ended();
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how long the disk takes; decides nothing")]
fn now() -> Instant {
    Instant::now()
}

/// The writer's metrics, looked up once.
struct Meters {
    transaction: Histogram,
    batch: Histogram,
}

impl Meters {
    fn new() -> Self {
        Self {
            transaction: histogram!("flashdeal_sqlite_transaction_seconds"),
            batch: histogram!("flashdeal_batch_size", "store" => "sqlite"),
        }
    }

    fn batch(&self, size: usize) {
        self.batch.record(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
    }
}
