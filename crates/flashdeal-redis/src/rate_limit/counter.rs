//! Counting in Redis: callers of the same moment share a call, and those of one client share a count.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, Script, cmd, from_redis_value};
use flashdeal_batching::Run;
use flashdeal_domain::StoreError;
use tokio::time::Instant;

use super::Decision;
use super::client::Client;
use crate::connections::Connections;
use crate::error::{self, STORE, store_error};

const SOURCE: &str = include_str!("../scripts/rate_limit.lua");

/// Who shares a call.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Everyone on the thread.
    Everyone,
    /// One client: in a cluster a script must not touch two slots.
    Client(IpAddr),
}

pub(super) struct Counter {
    connections: Arc<Connections>,
    script: Script,
    limit: u64,
    window: Duration,
}

/// The callers of one client in one call.
struct Asking {
    client: Arc<Client>,
    admitted: u64,
    places: Vec<usize>,
}

/// What Redis said of one client.
struct Counted {
    granted: u64,
    count: u64,
    left: Duration,
}

impl Run for Counter {
    type Key = Lane;
    type Item = Arc<Client>;
    type Answer = Result<Decision, StoreError>;

    async fn run(&self, _lane: &Lane, items: Vec<Arc<Client>>) -> Vec<Self::Answer> {
        let now = Instant::now();
        let mut asking: Vec<Asking> = Vec::new();
        let mut answers = Vec::with_capacity(items.len());
        for (place, client) in items.into_iter().enumerate() {
            answers.push(Err(StoreError::failed(STORE, "no answer for this client")));
            match asking.iter_mut().find(|known| Arc::ptr_eq(&known.client, &client)) {
                Some(known) => known.places.push(place),
                None => asking.push(Asking { admitted: client.take_unsettled(now), client, places: vec![place] }),
            }
        }
        let counted = self.count(&asking, now).await;
        for (number, of_client) in asking.iter().enumerate() {
            let counted = match &counted {
                Ok(counted) => counted.get(number),
                Err(error) => {
                    for place in &of_client.places {
                        if let Some(answer) = answers.get_mut(*place) {
                            *answer = Err(error.clone());
                        }
                    }
                    continue;
                }
            };
            let Some(counted) = counted else { continue };
            for (nth, place) in (1..).zip(&of_client.places) {
                if let Some(answer) = answers.get_mut(*place) {
                    *answer = Ok(self.decision(counted, nth));
                }
            }
        }
        answers
    }
}

impl Counter {
    pub(super) fn new(connections: Arc<Connections>, limit: u64, window: Duration) -> Self {
        Self { connections, script: Script::new(SOURCE), limit, window }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn lane(&self, client: &Client) -> Lane {
        if self.connections.is_cluster() { Lane::Client(client.address) } else { Lane::Everyone }
    }

    /// Tells Redis what was admitted without asking it.
    pub(super) async fn settle(&self, clients: &[Arc<Client>]) {
        let now = Instant::now();
        let unsettled: Vec<Asking> = clients
            .iter()
            .map(|client| Asking {
                client: Arc::clone(client),
                admitted: client.take_unsettled(now),
                places: Vec::new(),
            })
            .filter(|asking| asking.admitted > 0)
            .collect();
        let a_call = if self.connections.is_cluster() { 1 } else { unsettled.len().max(1) };
        for some in unsettled.chunks(a_call) {
            if let Err(error) = self.count(some, now).await {
                tracing::debug!(%error, "admitted requests could not be counted in Redis");
            }
        }
    }

    /// One call for all of them; what it says is remembered with each client.
    async fn count(&self, asking: &[Asking], asked_at: Instant) -> Result<Vec<Counted>, StoreError> {
        let answer = self.evaluate(asking).await;
        match &answer {
            Ok(counted) => {
                for (of_client, counted) in asking.iter().zip(counted) {
                    let ends = asked_at + counted.left;
                    of_client.client.settled(of_client.admitted, counted.count, ends);
                }
            }
            Err(_) => {
                for of_client in asking {
                    of_client.client.not_settled(of_client.admitted);
                }
            }
        }
        answer
    }

    async fn evaluate(&self, asking: &[Asking]) -> Result<Vec<Counted>, StoreError> {
        let mut by_hash = cmd("EVALSHA");
        by_hash.arg(self.script.get_hash());
        self.arguments(&mut by_hash, asking);
        let mut result = self.connections.call(&by_hash).await?;
        if result.as_ref().is_err_and(error::is_no_script) {
            let mut by_source = cmd("EVAL");
            by_source.arg(SOURCE);
            self.arguments(&mut by_source, asking);
            result = self.connections.call(&by_source).await?;
        }
        let numbers: Vec<i64> =
            from_redis_value(result.map_err(store_error)?).map_err(|error| StoreError::failed(STORE, error))?;
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        let counted = numbers.as_chunks().0.iter().map(|[granted, count, left]| Counted {
            granted: number(*granted),
            count: number(*count),
            left: Duration::from_millis(number(*left)),
        });
        Ok(counted.collect())
    }

    fn arguments(&self, command: &mut Cmd, asking: &[Asking]) {
        command.arg(asking.len());
        for of_client in asking {
            command.arg(format!("flashdeal:limit:{{{}}}", of_client.client.address));
        }
        let window = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        command.arg(self.limit).arg(window.max(1));
        for of_client in asking {
            command.arg(of_client.admitted).arg(of_client.places.len());
        }
    }

    /// What to tell the `nth` caller of a client, counted from 1.
    fn decision(&self, counted: &Counted, nth: u64) -> Decision {
        let allowed = nth <= counted.granted;
        let after_them = counted.granted.saturating_sub(nth);
        let count_then = counted.count.saturating_sub(after_them);
        Decision {
            allowed,
            remaining: if allowed { self.limit.saturating_sub(count_then) } else { 0 },
            reset_after: counted.left,
            local: false,
        }
    }
}
