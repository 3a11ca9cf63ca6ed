//! Calls on pooled connections: one statement each, bounded in time, and none leaves a connection half used.

use std::time::Duration;

use deadpool::managed::{Object, PoolError};
use diesel_async::methods::LoadQuery;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use flashdeal_domain::StoreError;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::config::PostgresConfig;
use crate::connection::{ConnectFailure, Connector};
use crate::error::{ConnectError, Locked, Meaning, failed, lost, meaning, unavailable};

/// How often one call is tried within its time. Repeating a call is always safe; what it gains is that a server which was
/// restarted while connections were idle is met again without a single failed call.
const ATTEMPTS: u32 = 3;
/// How long a call waits for leave to connect to a server that just failed. A server that is down is not waited for longer:
/// its callers are told so while there is time to tell them.
const DOOR_PATIENCE: Duration = Duration::from_millis(300);
/// How often it looks whether it may, as somebody else's attempt may succeed at any time.
const DOOR_POLL: Duration = Duration::from_millis(20);

/// A bounded set of connections. Cheap to clone; clones share it.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: deadpool::managed::Pool<Connector>,
    call_timeout: Duration,
}

impl Pool {
    /// Opens nothing yet.
    pub(crate) fn new(config: &PostgresConfig) -> Result<Self, ConnectError> {
        let connections = deadpool::managed::Pool::builder(Connector::new(config)?)
            .max_size(config.max_connections.max(1))
            .build()
            .map_err(|error| ConnectError::Config(error.to_string()))?;
        Ok(Self { connections, call_timeout: config.call_timeout })
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// When a call that begins now must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.call_timeout
    }

    /// Runs one statement in a task of its own, so that a caller who stops waiting changes nothing about it.
    pub(crate) async fn load<Q, U>(&self, call: &'static str, query: Q) -> Result<Vec<U>, StoreError>
    where
        Q: LoadQuery<'static, AsyncPgConnection, U> + Clone + Send + 'static,
        U: Send + 'static,
    {
        let pool = self.clone();
        let deadline = self.deadline();
        let task = tokio::spawn(async move { pool.load_here(call, query, deadline).await });
        task.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Runs one statement, for a caller that is a task of its own already.
    pub(crate) async fn load_here<'query, Q, U>(
        &self,
        call: &'static str,
        query: Q,
        deadline: Instant,
    ) -> Result<Vec<U>, StoreError>
    where
        Q: LoadQuery<'query, AsyncPgConnection, U> + Clone + Send + 'query,
        U: Send,
    {
        let begun = Instant::now();
        let mut attempt = 1;
        let answer = loop {
            let failure = match self.attempt(query.clone(), deadline).await {
                Ok(rows) => break Ok(rows),
                Err(failure) => failure,
            };
            match failure.again {
                Again::AtOnce if attempt < ATTEMPTS => attempt += 1,
                Again::WhenOpen(until) => {
                    let at = until.min(Instant::now() + DOOR_POLL);
                    if at >= deadline.min(begun + DOOR_PATIENCE) {
                        break Err(failure.error);
                    }
                    sleep_until(at).await;
                }
                Again::AtOnce | Again::Never => break Err(failure.error),
            }
        };
        metrics::histogram!("flashdeal_postgres_call_seconds", "call" => call).record(begun.elapsed());
        answer
    }

    async fn attempt<'query, Q, U>(&self, query: Q, deadline: Instant) -> Result<Vec<U>, Failure>
    where
        Q: LoadQuery<'query, AsyncPgConnection, U> + Send + 'query,
        U: Send,
    {
        let mut lease = self.lease(deadline).await?;
        match timeout_at(deadline, query.load(lease.postgres()?)).await {
            Ok(Ok(rows)) => {
                lease.give_back();
                Ok(rows)
            }
            Ok(Err(error)) => Err(lease.explain(error, deadline).await),
            Err(_) => Err(Failure::last("no answer in time")),
        }
    }

    async fn lease(&self, deadline: Instant) -> Result<Lease, Failure> {
        let begun = Instant::now();
        let got = timeout_at(deadline, self.connections.get()).await;
        metrics::histogram!("flashdeal_postgres_pool_wait_seconds").record(begun.elapsed());
        match got {
            Ok(Ok(connection)) => Ok(Lease(Some(connection))),
            Ok(Err(PoolError::Backend(ConnectFailure { why, closed_until }))) => {
                Err(Failure { error: unavailable(why), again: Again::WhenOpen(closed_until) })
            }
            Ok(Err(error)) => Err(Failure::last(error.to_string())),
            Err(_) => Err(Failure::last("no connection became free in time")),
        }
    }
}

/// A failed attempt.
struct Failure {
    error: StoreError,
    again: Again,
}

/// When another attempt of the same call is worth it.
enum Again {
    /// The connection was lost; another may serve.
    AtOnce,
    /// No connection may be made before then.
    WhenOpen(Instant),
    Never,
}

impl Failure {
    fn last(why: impl Into<String>) -> Self {
        Self { error: unavailable(why.into()), again: Again::Never }
    }
}

/// A connection on loan. It goes back to the pool only when a statement on it came to its end; dropped any other way it is
/// closed, since an answer may still be on its way.
struct Lease(Option<Object<Connector>>);

impl Lease {
    fn postgres(&mut self) -> Result<&mut AsyncPgConnection, Failure> {
        let connection = self.0.as_mut().ok_or_else(|| Failure::last("the connection was given back"))?;
        Ok(&mut connection.postgres)
    }

    fn give_back(mut self) {
        self.0.take();
    }

    /// Tells what a statement's error means for the call, and keeps the connection only if it still is of use.
    async fn explain(mut self, error: diesel::result::Error, deadline: Instant) -> Failure {
        let mut meaning = meaning(&error);
        if meaning == Meaning::Unclear {
            meaning = if self.answers(deadline).await { Meaning::Refused } else { Meaning::Lost };
        }
        match meaning {
            Meaning::Refused => {
                self.give_back();
                Failure { error: failed(error), again: Again::Never }
            }
            Meaning::Lost => Failure { error: unavailable(error), again: Again::AtOnce },
            Meaning::Locked => Failure { error: unavailable(Locked(error)), again: Again::Never },
            Meaning::NotNow | Meaning::Unclear => Failure { error: unavailable(error), again: Again::Never },
        }
    }

    async fn answers(&mut self, deadline: Instant) -> bool {
        let Ok(connection) = self.postgres() else { return false };
        matches!(timeout_at(deadline, connection.batch_execute("")).await, Ok(Ok(())))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
