//! The deliveries to one endpoint: whoever has its lease tells it order after order.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flashdeal_domain::ports::{FeedPage, IdSource, LeaseToken, OrderFeed, Position, Reader};
use flashdeal_domain::{Order, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::pauses::Pauses;
use super::{Endpoint, Event, GRACE, Sender};

/// How long a lease lasts, and how often it is renewed: whoever dies is succeeded after as long.
const LEASE: Duration = Duration::from_secs(10);
const RENEWAL: Duration = Duration::from_millis(2500);
/// How often somebody without the lease asks for it, and how long a store that cannot be asked is left alone.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How long an endpoint that knows of everything is left alone.
const POLL: Duration = Duration::from_millis(500);
/// How many rows of the ledger are read at once.
const PAGE: usize = 100;
/// How long it may take until a position is noted. What was told since is told again if this instance dies; so while it cannot be
/// noted, nothing more is told.
const NOTE: Duration = Duration::from_secs(1);

/// Delivers to one endpoint.
pub(super) struct Delivery {
    endpoint: Endpoint,
    feed: Arc<dyn OrderFeed>,
    sender: Sender,
    ids: Arc<dyn IdSource>,
}

/// Why somebody delivers no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The server stops.
    Stopped,
    /// Somebody else has the lease.
    Lost,
}

/// How far the one is that has the lease.
struct Term {
    token: LeaseToken,
    told: AtomicI64,
    noted: AtomicI64,
}

impl Term {
    fn told(&self) -> Position {
        Position(self.told.load(Ordering::Relaxed))
    }

    fn reach(&self, position: Position) {
        self.told.store(position.0, Ordering::Relaxed);
    }

    fn is_noted(&self) -> bool {
        self.noted.load(Ordering::Relaxed) == self.told().0
    }
}

/// What goes wrong for long is said once, and once more when it is over.
#[derive(Default)]
struct Outage(bool);

impl Outage {
    /// Whether it is news.
    const fn began(&mut self) -> bool {
        !std::mem::replace(&mut self.0, true)
    }

    const fn ended(&mut self) -> bool {
        std::mem::replace(&mut self.0, false)
    }
}

impl Delivery {
    pub(super) fn new(endpoint: Endpoint, feed: Arc<dyn OrderFeed>, sender: Sender, ids: Arc<dyn IdSource>) -> Self {
        Self { endpoint, feed, sender, ids }
    }

    fn reader(&self) -> &Reader {
        self.endpoint.name()
    }

    /// Delivers whenever it has the lease, until the server stops.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut outage = Outage::default();
        loop {
            let token = LeaseToken(self.ids.next_id());
            match self.feed.hold(self.reader(), token, LEASE).await {
                Ok(Some(position)) => {
                    outage.ended();
                    if self.term(token, position, stop.clone()).await == End::Stopped {
                        return;
                    }
                }
                Ok(None) => drop(outage.ended()),
                Err(error) => self.cannot_ask(&mut outage, &error),
            }
            if stopped_within(&mut stop, ASK_AGAIN).await {
                return;
            }
        }
    }

    fn cannot_ask(&self, outage: &mut Outage, error: &StoreError) {
        if outage.began() {
            tracing::warn!(endpoint = %self.reader(), %error, "webhooks wait: the record cannot be asked; it is tried again");
        }
    }

    /// From having the lease to having it no more.
    async fn term(&self, token: LeaseToken, position: Position, stop: watch::Receiver<bool>) -> End {
        tracing::info!(endpoint = %self.reader(), "webhooks: this instance delivers to the endpoint from now on");
        let term = Term { token, told: AtomicI64::new(position.0), noted: AtomicI64::new(position.0) };
        let end = tokio::select! {
            end = self.deliver(&term, stop.clone()) => end,
            () = self.keep(token) => End::Lost,
            () = over(stop) => End::Stopped,
        };
        if end == End::Lost {
            tracing::info!(endpoint = %self.reader(),
                "webhooks: this instance delivers to the endpoint no more: another does, it was set back, or the record was away");
            let _ = self.feed.release(self.reader(), token).await;
            return end;
        }
        // What cannot be noted now is told again; what is not given back lapses.
        if !term.is_noted() {
            let _ = self.feed.advance(self.reader(), token, term.told()).await;
        }
        let _ = self.feed.release(self.reader(), token).await;
        end
    }

    /// Ready when the lease is lost, or could not be renewed for as long as it lasts.
    async fn keep(&self, token: LeaseToken) {
        let mut until = Instant::now() + LEASE;
        loop {
            sleep(RENEWAL).await;
            let asked = Instant::now();
            match timeout_at(until, self.feed.renew(self.reader(), token, LEASE)).await {
                Ok(Ok(true)) => until = asked + LEASE,
                Ok(Err(_)) if asked < until => {}
                _ => return,
            }
        }
    }

    async fn deliver(&self, term: &Term, mut stop: watch::Receiver<bool>) -> End {
        let (mut failing, mut outage) = (Outage::default(), Outage::default());
        let mut noted_at = Instant::now();
        loop {
            let pause = match self.feed.next_orders(term.told(), PAGE).await {
                Ok(page) => {
                    outage.ended();
                    let more = page.through > term.told();
                    if let Err(end) = self.tell_all(&page, term, &mut failing, &mut noted_at, &mut stop).await {
                        return end;
                    }
                    if more { Duration::ZERO } else { POLL }
                }
                Err(error) => {
                    self.cannot_ask(&mut outage, &error);
                    ASK_AGAIN
                }
            };
            if !pause.is_zero()
                && let Err(end) = self.note(term).await
            {
                return end;
            }
            if stopped_within(&mut stop, pause).await {
                return End::Stopped;
            }
        }
    }

    /// Tells the endpoint of a page's orders.
    async fn tell_all(
        &self,
        page: &FeedPage,
        term: &Term,
        failing: &mut Outage,
        noted_at: &mut Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        for (position, order) in &page.orders {
            self.tell(order, term, failing, stop).await?;
            term.reach(*position);
            if noted_at.elapsed() >= NOTE {
                while !self.note(term).await? {
                    if stopped_within(stop, ASK_AGAIN).await {
                        return Err(End::Stopped);
                    }
                }
                *noted_at = Instant::now();
            }
        }
        term.reach(page.through);
        Ok(())
    }

    /// Notes how far the endpoint is; `false` if that cannot be noted for now.
    async fn note(&self, term: &Term) -> Result<bool, End> {
        if term.is_noted() {
            return Ok(true);
        }
        let told = term.told();
        match self.feed.advance(self.reader(), term.token, told).await {
            Ok(true) => term.noted.store(told.0, Ordering::Relaxed),
            Ok(false) => return Err(End::Lost),
            Err(_) => return Ok(false),
        }
        Ok(true)
    }

    /// Tells the endpoint of an order until it takes it.
    async fn tell(
        &self,
        order: &Order,
        term: &Term,
        failing: &mut Outage,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        let event = match Event::order_created(order) {
            Ok(event) => event,
            Err(error) => {
                // There is no such order; one that cannot be written must not end all others.
                tracing::error!(%error, order = %order.id, "webhooks: an order cannot be written, and is left out");
                return Ok(());
            }
        };
        let mut pauses = Pauses::default();
        loop {
            if *stop.borrow() {
                return Err(End::Stopped);
            }
            let Some(failure) = self.attempt(&event).await else {
                if failing.ended() {
                    tracing::info!(endpoint = %self.reader(), "webhooks: the endpoint takes orders again");
                }
                return Ok(());
            };
            if failing.began() {
                let cause = failure.why.as_str();
                tracing::warn!(endpoint = %self.reader(), cause, order = %order.id,
                    "webhooks: the endpoint does not take an order; it is tried again, ever more rarely, and what is sold later waits");
            }
            let _ = self.feed.note_failure(self.reader(), term.token, &failure.why).await;
            self.note(term).await?;
            let random = self.ids.next_id().as_bytes().last().copied().unwrap_or_default();
            if stopped_within(stop, pauses.next(failure.retry_after, random)).await {
                return Err(End::Stopped);
            }
        }
    }

    /// One attempt; `None` if it was taken.
    async fn attempt(&self, event: &Event) -> Option<super::Failure> {
        let sent = self.sender.send(&self.endpoint, event).await;
        let endpoint = self.reader().to_string();
        let outcome = match &sent.taken {
            Ok(_) => "delivered",
            Err(failure) if failure.answered => "refused",
            Err(_) => "unanswered",
        };
        metrics::histogram!("flashdeal_webhook_delivery_seconds", "endpoint" => endpoint.clone()).record(sent.took);
        metrics::counter!("flashdeal_webhook_deliveries_total", "endpoint" => endpoint, "outcome" => outcome)
            .increment(1);
        sent.taken.err()
    }
}

/// Whether the server is to stop by the time the pause is over.
async fn stopped_within(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    // An error says that nobody is left who could stop it.
    timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
}

/// Ready when the server stops and a delivery that was under way has had its time.
async fn over(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
    sleep(GRACE).await;
}
