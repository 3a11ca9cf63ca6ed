//! Making connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::PostgresConfig;
use crate::door::Door;
use crate::error::{ConnectError, whole_story};
use crate::tls::read_url;

/// How long making one connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A peer that acknowledges nothing for this long is gone. It matters while no call waits; a call has its own limit.
const TCP_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection, and whether the server is still at its other end.
pub(crate) struct Connection {
    pub(crate) postgres: AsyncPgConnection,
    alive: Arc<AtomicBool>,
    /// Dropping it closes the socket at once, answers outstanding or not.
    close: oneshot::Sender<()>,
}

impl Connection {
    /// The connection alone, and what keeps it open.
    pub(crate) fn into_parts(self) -> (AsyncPgConnection, oneshot::Sender<()>) {
        (self.postgres, self.close)
    }
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct ConnectFailure {
    pub(crate) why: String,
    /// When another attempt may be made.
    pub(crate) closed_until: Instant,
}

/// Makes connections to one database for a pool.
pub(crate) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    call_timeout: Duration,
    door: Door,
}

impl Connector {
    pub(crate) fn new(config: &PostgresConfig) -> Result<Self, ConnectError> {
        let (mut postgres, tls) = read_url(&config.url)?;
        postgres
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(TCP_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(TCP_TIMEOUT)
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(3);
        if postgres.get_application_name().is_none() {
            postgres.application_name("flashdeal");
        }
        Ok(Self { config: postgres, tls, call_timeout: config.call_timeout, door: Door::default() })
    }

    /// Makes a connection as it comes, without the limits of calls.
    pub(crate) async fn connect(&self) -> Result<Connection, String> {
        let (client, io) = self.config.connect(self.tls.clone()).await.map_err(|error| whole_story(&error))?;
        let alive = Arc::new(AtomicBool::new(true));
        let (close, closed) = oneshot::channel();
        let still_alive = Arc::clone(&alive);
        tokio::spawn(async move {
            tokio::select! {
                ended = io => if let Err(error) = ended {
                    tracing::debug!(error = whole_story(&error), "a connection to PostgreSQL ended");
                },
                _ = closed => {}
            }
            still_alive.store(false, Ordering::Release);
        });
        let postgres = AsyncPgConnection::try_from(client).await.map_err(|error| whole_story(&error))?;
        Ok(Connection { postgres, alive, close })
    }

    async fn connect_for_calls(&self) -> Result<Connection, String> {
        let mut connection = self.connect().await?;
        connection.postgres.batch_execute(&self.session()).await.map_err(|error| whole_story(&error))?;
        Ok(connection)
    }

    /// What the functions rely on (READ COMMITTED), what an answered sale is worth (it is on disk), and the limits that hold
    /// even when nobody is left to enforce them from this side.
    fn session(&self) -> String {
        let limit = self.call_timeout.as_millis().max(5);
        // A locked row is given up on while there is time to serve the others of its batch. One row can cost this twice: for
        // its place in the queue, and for the transaction that has it.
        let lock_limit = limit / 5;
        format!(
            "SET default_transaction_isolation = 'read committed';
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
             SET statement_timeout = {limit};
             SET lock_timeout = {lock_limit};
             SET idle_in_transaction_session_timeout = {limit};
             SET jit = off"
        )
    }
}

impl Manager for Connector {
    type Type = Connection;
    type Error = ConnectFailure;

    async fn create(&self) -> Result<Connection, ConnectFailure> {
        self.door
            .enter(CONNECT_TIMEOUT)
            .map_err(|closed| ConnectFailure { why: closed.why, closed_until: closed.until })?;
        let made = timeout(CONNECT_TIMEOUT, self.connect_for_calls())
            .await
            .unwrap_or_else(|_| Err("the server takes too long to accept a connection".to_owned()));
        match made {
            Ok(connection) => {
                self.door.succeeded();
                Ok(connection)
            }
            Err(why) => {
                tracing::warn!(error = why, "cannot connect to PostgreSQL");
                let closed_until = self.door.failed(why.clone());
                Err(ConnectFailure { why, closed_until })
            }
        }
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<ConnectFailure> {
        if connection.alive.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(RecycleError::message("the connection was lost while nobody used it"))
    }
}
