//! Both ports in one `SQLite` file: the default, durable, no services.
//!
//! [`EmbeddedStore`] is the record, the gate and the feed of one server. What it answered `Ok` for is on the disk, whatever happens to
//! the process or to its power afterwards.
//!
//! # How
//!
//! - The **gates** are kept in memory (the `book`) and decided there, at one instant each, by whichever thread calls. What a
//!   call changed goes to the writer, and its answer waits until that is on the disk; one that changed nothing and saw nothing
//!   that is still on its way is answered at once.
//! - The **writer**, one thread, writes all that waits in one transaction with one sync of the disk: holds as appended rows,
//!   however many there are, and sales. A sale takes the hold's row out in the transaction that writes the order.
//! - The **reader**, another thread, answers what is read of the record.
//! - At start the book is read from the file. A checkout that was under way in a process that died is no longer: its hold is
//!   held again, until its deadline.
//!
//! One process at a time has the folder; that is seen to with a lock that the system takes back however the process ends. Beside
//! it any number of [`RecordReader`]s may read what was sold.

mod apply;
mod book;
mod books;
mod connection;
mod error;
mod folder;
mod lanes;
mod ledger;
mod load;
mod record;
mod schema;
mod shared;
mod tally;
mod updates;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use diesel::QueryResult;
use diesel::sqlite::SqliteConnection;
use flashdeal_batching::{Batcher, Limits};
use flashdeal_domain::StoreError;
use flashdeal_domain::ports::Clock;

use folder::Folder;
use lanes::{Durable, ReadBatch, Reads, Records, rejected};
use record::{Answer, Leases, RecordCall};
use shared::Shared;
use writer::Writer;

pub use error::{BackupError, OpenError};
pub use record::RecordReader;

/// Batches of reads that may wait: each is one thread's, and a thread has one at a time.
const READS: usize = 256;

/// Both ports on one folder. Cheap to clone; clones share the store, which ends with the last of them.
///
/// Its calls must be made within a tokio runtime that has a timer.
#[derive(Clone)]
pub struct EmbeddedStore(Arc<Inner>);

struct Inner {
    file: PathBuf,
    shared: Arc<Shared>,
    leases: Arc<Leases>,
    durable: Batcher<Durable>,
    records: Batcher<Records>,
    reads: Batcher<Reads>,
    to_reader: Arc<Mutex<Option<SyncSender<ReadBatch>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl EmbeddedStore {
    /// Opens the store in `dir`, which is made if it is not there, and brings it up to date. Reads every live hold: a second
    /// or so for a million. Blocks meanwhile.
    ///
    /// `clock` decides when holds end and dates orders.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let folder = Folder::take(dir)?;
        let file = folder.database();
        if folder.is_foreign()? {
            return Err(OpenError::NotADatabase { file });
        }
        let failed = |source| OpenError::Database { file: file.clone(), source };
        let mut conn = connection::writer(&file).map_err(failed)?;
        connection::migrate(&mut conn, &file)?;
        let book = load::load(&mut conn, clock.now().as_millis()).map_err(|error| failed(error.into()))?;
        let reader = connection::reader(&file).map_err(failed)?;
        let shared = Arc::new(Shared::new(book, clock));
        let writer = Writer::new(Arc::clone(&shared), conn, folder);
        let (to_reader, batches) = sync_channel(READS);
        let to_reader = Arc::new(Mutex::new(Some(to_reader)));
        let reader = Builder::new().name("sqlite-reader".to_owned()).spawn(move || read_all(reader, &batches));
        let writer = Builder::new().name("sqlite-writer".to_owned()).spawn(move || writer.run());
        let threads = vec![reader.map_err(OpenError::Threads)?, writer.map_err(OpenError::Threads)?];
        let limits = Limits::default();
        Ok(Self(Arc::new(Inner {
            durable: Batcher::new(Durable(Arc::clone(&shared)), limits),
            records: Batcher::new(Records(Arc::clone(&shared)), limits),
            reads: Batcher::new(Reads(Arc::clone(&to_reader)), limits),
            file,
            shared,
            leases: Arc::default(),
            to_reader,
            threads: Mutex::new(threads),
        })))
    }

    /// Writes what waits, moves everything into the one file and lets go of the folder. Calls from now on, by any clone, find
    /// the store closed.
    pub async fn close(&self) {
        let threads = self.0.end();
        let ended = tokio::task::spawn_blocking(move || join(threads)).await;
        if let Err(error) = ended {
            tracing::error!(%error, "the store did not end in good order");
        }
    }

    fn shared(&self) -> &Shared {
        &self.0.shared
    }

    fn health(&self) -> Result<(), StoreError> {
        self.0.shared.health()
    }

    /// Ready when the file has everything up to this effect.
    async fn durable(&self, effect: u64) -> Result<(), StoreError> {
        if self.0.shared.is_durable(effect) {
            return Ok(());
        }
        self.0.durable.submit((), effect).await.map_err(rejected)?
    }

    /// Runs a call in the writer's next transaction; ready when that is durable.
    async fn write(&self, call: RecordCall) -> Result<(), StoreError> {
        self.0.records.submit((), call).await.map_err(rejected)?
    }

    /// Reads what is durable.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = Answer::new();
        let put = answer.clone();
        let read = Box::new(move |conn: &mut SqliteConnection| put.put(read(conn)));
        self.0.reads.submit((), read).await.map_err(rejected)??;
        answer.take()?.map_err(error::of_call)
    }
}

impl Inner {
    /// Tells the threads to end.
    fn end(&self) -> Vec<JoinHandle<()>> {
        // Without a sender the reader ends; its connection must be gone before the writer empties the log into the file.
        drop(self.to_reader.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.shared.close();
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        join(self.end());
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the store panicked");
        }
    }
}

/// The reader.
fn read_all(mut conn: SqliteConnection, batches: &Receiver<ReadBatch>) {
    for batch in batches {
        for read in batch.reads {
            read(&mut conn);
        }
        // A thread whose callers are all gone waits no more.
        let _ = batch.answer.send(());
    }
}
