//! Webhooks: every sold order is told to the endpoints that the settings name, at least once and in the order of the ledger.
//!
//! The format is that of [Standard Webhooks](https://www.standardwebhooks.com). What is to be told is read from the record, never
//! remembered: a checkout does nothing for it, and whoever dies loses nothing. Of all instances one has the lease of an endpoint at
//! a time, tells it order after order, and notes how far it is, at the latest after a second; another takes over when it dies.
//! An endpoint that is down is tried again, ever more rarely, and holds up nobody else.

mod deliver;
mod event;
mod pauses;
mod send;
mod sign;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::OrderFeed;
use flashdeal_domain::ports::{Clock, IdSource, LeaseToken, Reader};
use futures_util::future::join_all;
use sha2::{Digest, Sha256};
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::Url;

use deliver::Delivery;

pub use event::Event;
pub(crate) use event::ORDER_CREATED;
pub use send::{Failure, Sender};
pub use sign::Secret;

/// To whom, and how it is signed.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// At least one; no two have the same URL.
    pub endpoints: Vec<Endpoint>,
    /// Signs what any of them is sent.
    pub secret: Secret,
}

/// One endpoint.
#[derive(Clone)]
pub struct Endpoint {
    url: Url,
    name: Reader,
}

impl Endpoint {
    /// An endpoint that is told from others by its scheme, host, port and path; `None` if the URL has no host.
    #[must_use]
    pub fn new(url: Url) -> Option<Self> {
        // The path may be a secret; a part of its digest tells two of one host apart. What else may be one is often changed, and
        // the endpoint stays the same.
        let mut place = url.clone();
        place.set_query(None);
        place.set_username("").and_then(|()| place.set_password(None)).ok()?;
        let digest = Sha256::digest(place.as_str().as_bytes());
        let digest = digest.first_chunk().map_or(0, |head| u64::from_be_bytes(*head)) >> 16;
        Self::named(&format!("{digest:012x}"), url)
    }

    /// An endpoint that stays the same wherever on its host it moves; `None` if the URL has no host, or the name cannot be part of a
    /// [`Reader`]'s.
    #[must_use]
    pub fn named(name: &str, url: Url) -> Option<Self> {
        let origin = url.origin().ascii_serialization();
        let short = origin.get(..200).unwrap_or(&origin);
        let name = url.has_host().then(|| Reader::parse(&format!("{short}#{name}")).ok())??;
        Some(Self { url, name })
    }

    /// Where it is.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Under which name its position is kept, and it is logged and shown: it tells the host, and no secret that a URL may hold.
    #[must_use]
    pub const fn name(&self) -> &Reader {
        &self.name
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.name)
    }
}

/// How long a server waits at its start for an endpoint to have its place.
const BEGIN: Duration = Duration::from_secs(5);
const CANNOT_BEGIN: &str = "webhooks: it cannot be told yet how far the endpoint is; if it is new, it is not told what is sold until then, \
     unless you go back: flashdeal webhooks replay --since";

/// How long a delivery that is under way may take when the server stops, and what then is left to do.
const GRACE: Duration = Duration::from_secs(3);
const END: Duration = Duration::from_secs(5);

/// The deliveries of a running server.
pub(crate) struct Deliveries {
    stop: signal::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Webhooks {
    /// Sees to it that every endpoint has its place in the ledger before anything is sold here: it is told what is sold from then on.
    pub(crate) async fn begin(&self, feed: &Arc<dyn OrderFeed>, clock: &Arc<dyn Clock>, ids: &Arc<dyn IdSource>) {
        let since = clock.now();
        let begun = self.endpoints.iter().map(|endpoint| async {
            let name = endpoint.name();
            match timeout(BEGIN, feed.hold(name, LeaseToken(ids.next_id()), Duration::ZERO)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(endpoint = %name, %error, "{CANNOT_BEGIN} {since}"),
                Err(_) => tracing::warn!(endpoint = %name, error = "it took too long", "{CANNOT_BEGIN} {since}"),
            }
        });
        join_all(begun).await;
    }

    /// Begins to tell the endpoints.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub(crate) fn start(
        &self,
        feed: &Arc<dyn OrderFeed>,
        clock: &Arc<dyn Clock>,
        ids: &Arc<dyn IdSource>,
    ) -> reqwest::Result<Deliveries> {
        let sender = Sender::new(self.secret.clone(), Arc::clone(clock))?;
        let (stop, stopped) = signal::channel(false);
        let deliver = |endpoint: &Endpoint| {
            let delivery = Delivery::new(endpoint.clone(), Arc::clone(feed), sender.clone(), Arc::clone(ids));
            tokio::spawn(delivery.run(stopped.clone()))
        };
        let mut tasks: Vec<_> = self.endpoints.iter().map(deliver).collect();
        let names = self.endpoints.iter().map(|endpoint| endpoint.name().clone()).collect();
        tasks.push(tokio::spawn(watch::look_at_readers(Arc::clone(feed), names, stopped)));
        Ok(Deliveries { stop, tasks })
    }
}

impl Deliveries {
    /// No delivery begins from now on.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Ready when those that were under way have ended, their positions are noted and their leases given back; within five seconds.
    pub(crate) async fn ended(self) {
        self.stop();
        let handles: Vec<_> = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        if timeout(END, join_all(self.tasks)).await.is_err() {
            handles.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_host_and_nothing_else() {
        let endpoint = |url: &str| Endpoint::new(Url::parse(url).unwrap()).unwrap();
        let name = endpoint("https://user:pass@shop.example:8443/hooks/T0KEN?key=s3cret").name().to_string();
        assert!(name.starts_with("https://shop.example:8443#") && name.len() == 26 + 12, "{name}");
        assert_ne!(endpoint("http://h/a").name(), endpoint("http://h/b").name());
        assert_eq!(endpoint("http://h:80/a").name(), endpoint("HTTP://H/a").name());
        assert!(endpoint(&format!("http://{}/", "a".repeat(250))).name().as_str().len() <= Reader::MAX_CHARS);
        assert!(!format!("{:?}", endpoint("https://h/T0KEN")).contains("T0KEN"));
        // Who changes a password goes on where they were, and nothing of it is shown, not even in a digest.
        assert_eq!(endpoint("https://ada:1@h/a?key=1").name(), endpoint("https://bob:2@h/a?key=2").name());
    }
}
