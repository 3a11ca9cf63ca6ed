//! A TCP proxy that breaks connections on purpose.
//!
//! It stands between the application and PostgreSQL or Redis, so that a test can lose exactly what it wants to lose: all
//! connections, one reply, or all patience.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::port;

/// How many connections are relayed at a time; more are dropped as they come.
const MAX_CONNECTIONS: usize = 2000;
/// How many bytes are relayed at a time.
const CHUNK: usize = 16 * 1024;

/// A proxy on a loopback port. Dropping it ends all its connections. It runs on the async runtime that started it.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    listening: watch::Receiver<bool>,
    accepting: JoinHandle<()>,
}

/// What the proxy's owner wants right now.
#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    refuse: bool,
    hang: bool,
    delay: Duration,
    /// A connection lives as long as this is what it was when it began.
    generation: u64,
    /// Where new connections lead.
    upstream: Option<SocketAddr>,
}

type Predicate = Box<dyn Fn(&[u8]) -> bool + Send>;

struct Shared {
    orders: watch::Sender<Orders>,
    /// The next request that fits loses its reply.
    victim: Mutex<Option<Predicate>>,
    /// How many more bytes of replies are relayed before a connection is cut; `None` when there is no such plan.
    reply_budget: Mutex<Option<usize>>,
    lost_replies: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("orders", &*self.orders.borrow()).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Starts a proxy in front of `upstream`, which need not be up yet.
    ///
    /// # Errors
    ///
    /// When it cannot listen.
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        let addr = port::free()?;
        let listener = TcpListener::bind(addr).await.context("cannot listen")?;
        let shared = Arc::new(Shared {
            orders: watch::Sender::default(),
            victim: Mutex::default(),
            reply_budget: Mutex::default(),
            lost_replies: AtomicU64::new(0),
        });
        let (state, listening) = watch::channel(true);
        let accepting = tokio::spawn(accept(listener, addr, upstream, Arc::clone(&shared), state));
        Ok(Self { addr, shared, listening, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Drops all connections. New ones are taken.
    pub fn cut_all(&self) {
        self.shared.orders.send_modify(|orders| orders.generation += 1);
    }

    /// Loses the reply to the next request: it is forwarded, and when the reply begins to arrive its connection is dropped. For
    /// the client the outcome is unknown; upstream it has happened.
    pub fn cut_next_reply(&self) {
        self.cut_reply_when(|_| true);
    }

    /// The same for the next request that `fits`, once. It sees the bytes that came in one piece, which with one request at a
    /// time on a connection is the request; of replies to earlier requests on that connection the last may be lost with it.
    pub fn cut_reply_when(&self, fits: impl Fn(&[u8]) -> bool + Send + 'static) {
        *lock(&self.shared.victim) = Some(Box::new(fits));
    }

    /// Relays `bytes` more bytes of replies, over all connections, then drops the connection that the next one comes on. Once.
    pub fn cut_replies_after(&self, bytes: usize) {
        *lock(&self.shared.reply_budget) = Some(bytes);
    }

    /// How many replies were lost as planned, so that a test can tell that its fault took place.
    #[must_use]
    pub fn lost_replies(&self) -> u64 {
        self.shared.lost_replies.load(Ordering::Relaxed)
    }

    /// Holds back every piece of a reply for that long, one after the other, from the next one on. Zero ends it.
    pub fn delay(&self, delay: Duration) {
        self.shared.orders.send_modify(|orders| orders.delay = delay);
    }

    /// While true, connections stay open and are taken, but nothing is relayed. What was held back is relayed afterwards.
    pub fn hang(&self, hang: bool) {
        self.shared.orders.send_modify(|orders| orders.hang = hang);
    }

    /// Leads new connections to another server from now on: see [`cut_all`](Self::cut_all) for the open ones.
    pub fn lead_to(&self, upstream: SocketAddr) {
        self.shared.orders.send_modify(|orders| orders.upstream = Some(upstream));
    }

    /// Ends all that was asked of it: it relays at once whatever comes, to where it leads.
    ///
    /// # Errors
    ///
    /// When it cannot listen again.
    pub async fn calm(&self) -> Result<()> {
        *lock(&self.shared.victim) = None;
        *lock(&self.shared.reply_budget) = None;
        self.shared.orders.send_modify(|orders| {
            orders.hang = false;
            orders.delay = Duration::ZERO;
        });
        self.refuse(false).await
    }

    /// While true, new connections are refused, as if no server were running. Open ones go on: see [`cut_all`](Self::cut_all).
    ///
    /// # Errors
    ///
    /// When it cannot listen again.
    pub async fn refuse(&self, refuse: bool) -> Result<()> {
        self.shared.orders.send_modify(|orders| orders.refuse = refuse);
        let mut listening = self.listening.clone();
        listening.wait_for(|listening| *listening != refuse).await.context("cannot listen again")?;
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections are tasks of a set that this task owns, so they end with it.
        self.accepting.abort();
    }
}

/// Whether a request to PostgreSQL runs a statement: a prepared one (Bind, Execute) or a simple query. The preparing does not.
#[must_use]
pub fn runs_statement(request: &[u8]) -> bool {
    matches!(request.first(), Some(b'B' | b'Q'))
}

/// A predicate for [`Proxy::cut_reply_when`]: whether `needle` is in the request.
pub fn contains(needle: &str) -> impl Fn(&[u8]) -> bool + Send + 'static {
    let needle = needle.as_bytes().to_vec();
    move |request| request.windows(needle.len().max(1)).any(|window| window == needle)
}

async fn accept(
    first: TcpListener,
    addr: SocketAddr,
    upstream: SocketAddr,
    shared: Arc<Shared>,
    state: watch::Sender<bool>,
) {
    let mut orders = shared.orders.subscribe();
    let mut connections = JoinSet::new();
    let mut listener = first;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let (Ok((client, _)), true) = (accepted, connections.len() < MAX_CONNECTIONS) {
                    let Orders { generation, upstream: led, .. } = *orders.borrow();
                    connections.spawn(relay(client, led.unwrap_or(upstream), Arc::clone(&shared), generation));
                }
            }
            Some(_) = connections.join_next() => {}
            refuse = wait_for(&mut orders, |orders| orders.refuse) => {
                drop(listener);
                state.send_replace(false);
                if !refuse || !wait_for(&mut orders, |orders| !orders.refuse).await {
                    return;
                }
                // Dropping `state` on failure tells whoever waits for it.
                let Ok(again) = TcpListener::bind(addr).await else { return };
                listener = again;
                state.send_replace(true);
            }
        }
    }
}

/// Waits for orders that fit; false when there will be none any more.
async fn wait_for(orders: &mut watch::Receiver<Orders>, fits: impl FnMut(&Orders) -> bool) -> bool {
    orders.wait_for(fits).await.is_ok()
}

/// One connection, until either side or the owner ends it. Any failure is an end like another.
async fn relay(client: TcpStream, upstream: SocketAddr, shared: Arc<Shared>, generation: u64) {
    let mut orders = shared.orders.subscribe();
    let relayed = async {
        let server = TcpStream::connect(upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let doomed = AtomicBool::new(false);
        // In one task, so that between a request that was forwarded and its doom no reply can slip through.
        tokio::select! {
            result = relay_requests(from_client, to_server, &shared, &doomed) => result,
            result = relay_replies(from_server, to_client, &shared, &doomed) => result,
        }
    };
    tokio::select! {
        _ = relayed => {}
        _ = wait_for(&mut orders, |orders| orders.generation != generation) => {}
    }
}

async fn relay_requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    doomed: &AtomicBool,
) -> std::io::Result<()> {
    let mut orders = shared.orders.subscribe();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = client.read(&mut chunk).await?;
        let request = chunk.get(..length).unwrap_or_default();
        if request.is_empty() {
            // The client has said all it will. The server answers what it was asked, then ends the connection itself.
            server.shutdown().await?;
            return std::future::pending().await;
        }
        wait_for(&mut orders, |orders| !orders.hang).await;
        let chosen = lock(&shared.victim).take_if(|fits| fits(request)).is_some();
        server.write_all(request).await?;
        if chosen {
            doomed.store(true, Ordering::Relaxed);
        }
    }
}

async fn relay_replies(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    shared: &Shared,
    doomed: &AtomicBool,
) -> std::io::Result<()> {
    let mut orders = shared.orders.subscribe();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = server.read(&mut chunk).await?;
        let reply = chunk.get(..length).unwrap_or_default();
        if reply.is_empty() {
            return Ok(());
        }
        let allowed = if doomed.load(Ordering::Relaxed) { 0 } else { shared.spend_reply_budget(length) };
        let delay = orders.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        wait_for(&mut orders, |orders| !orders.hang).await;
        client.write_all(reply.get(..allowed).unwrap_or_default()).await?;
        if allowed < length {
            shared.lost_replies.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
    }
}

impl Shared {
    /// How many of the next `length` bytes of replies may be relayed. When that is not all, the plan is carried out and over.
    fn spend_reply_budget(&self, length: usize) -> usize {
        let mut budget = lock(&self.reply_budget);
        match *budget {
            None => length,
            Some(left) if left >= length => {
                *budget = Some(left - length);
                length
            }
            Some(left) => {
                *budget = None;
                left
            }
        }
    }
}

/// A panic elsewhere leaves nothing half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
