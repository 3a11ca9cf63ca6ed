//! Connections: one that asks for nothing is cut off, one that takes nothing is given up, and there are never more of them than the
//! process has room for.
//!
//! The framework times the first request of a connection and the pause between two. What it does not time is cut off here: a later
//! request that is begun and never finished, answers that nobody reads, a body that goes on after its answer.

use std::any::Any;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::net::Shutdown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long, in seconds, a connection may be open while no request of it is being answered. A client that is slow to read the
/// largest page has this long for what the kernel does not take over.
const QUIET: u64 = 15;
/// How long the kernel keeps what a client does not take, however long the answer is.
#[cfg(target_os = "linux")]
const UNREAD: Duration = Duration::from_secs(30);
/// How many bytes of its answers the kernel takes over, and about as many again for itself: what a client costs that
/// takes nothing. Left alone it would go up to megabytes each.
const TAKEN_OVER: usize = 128 * 1024;
/// How often they are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Files for everything but connections: stores, logs, pools.
const FILES_KEPT: u64 = 128;
/// The most and the fewest connections of one worker.
const MOST: u64 = 25_000;
const FEWEST: u64 = 16;

/// The connections of one server; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Connections {
    /// Seconds since the server started, by the looks that were had.
    now: Arc<AtomicU64>,
    open: Arc<Mutex<Vec<Weak<Connection>>>>,
}

/// One connection, known to the requests that come over it.
pub(crate) struct Connection {
    /// The same socket once more, to be shut down from outside.
    socket: OwnedFd,
    now: Arc<AtomicU64>,
    answering: AtomicUsize,
    quiet_since: AtomicU64,
}

/// A request is being answered: its connection is left alone until this is dropped.
pub(crate) struct Answering(Arc<Connection>);

impl Connections {
    /// Takes note of a connection, in the data that its requests can see.
    pub(crate) fn opened(&self, io: &dyn Any, data: &mut Extensions) {
        let Some(stream) = io.downcast_ref::<TcpStream>() else { return };
        #[cfg(target_os = "linux")]
        if let Ok(unread) = u32::try_from(UNREAD.as_millis()) {
            // A client that is gone already is no loss.
            let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, unread);
        }
        // As above.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(stream, TAKEN_OVER);
        let Ok(socket) = stream.as_fd().try_clone_to_owned() else { return };
        let connection = Arc::new(Connection {
            socket,
            now: Arc::clone(&self.now),
            answering: AtomicUsize::new(0),
            quiet_since: AtomicU64::new(self.now.load(Ordering::Relaxed)),
        });
        self.open().push(Arc::downgrade(&connection));
        data.insert(connection);
    }

    /// Cuts off what is quiet for too long, for ever.
    pub(crate) async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
            self.open().retain(|connection| {
                let Some(connection) = connection.upgrade() else { return false };
                if connection.is_quiet(now) {
                    // Its task sees an end of file, or fails to write, and ends. A socket that is shut already is as good.
                    let _ = rustix::net::shutdown(&connection.socket, Shutdown::Both);
                }
                true
            });
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Weak<Connection>>> {
        // The list has no invariant that a panic between two statements could break.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn is_quiet(&self, now: u64) -> bool {
        // One that was noted between two looks may be almost a second younger than it seems.
        self.answering.load(Ordering::Acquire) == 0
            && now.saturating_sub(self.quiet_since.load(Ordering::Relaxed)) > QUIET
    }
}

impl Answering {
    /// For the connection that this request came over, if it came over one.
    pub(crate) fn begin(request: &HttpRequest) -> Option<Self> {
        let connection = Arc::clone(request.conn_data::<Arc<Connection>>()?);
        connection.answering.fetch_add(1, Ordering::Relaxed);
        Some(Self(connection))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Self(connection) = self;
        connection.quiet_since.store(connection.now.load(Ordering::Relaxed), Ordering::Relaxed);
        connection.answering.fetch_sub(1, Ordering::Release);
    }
}

/// How many connections each worker may have: as many as there may be files, less those that the rest needs. The process may have
/// as many files as the system lets it.
pub(crate) fn most_per_worker(workers: NonZeroUsize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).is_ok()
    {
        limit.current = limit.maximum;
    }
    let files = limit.current.unwrap_or(u64::MAX);
    let workers = u64::try_from(workers.get()).unwrap_or(u64::MAX);
    // Each has two, see [`Connection::socket`].
    let most = (files.saturating_sub(FILES_KEPT) / 2 / workers).clamp(FEWEST, MOST);
    usize::try_from(most).unwrap_or(usize::MAX)
}
