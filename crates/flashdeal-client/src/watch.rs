//! Live stock, over as many connections as it takes.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flashdeal_domain::{ProductId, StockLevel};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};
use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};

use crate::builder::Attempt;
use crate::error::{Error, Problem};
use crate::messages::{Message, Messages};
use crate::send::{Call, FIRST_WAIT, Sender, chance, is_worth_repeating, read_body, retry_after, wait};
use crate::wire::{LevelWire, Wire};

/// A quiet stream says something every 15 seconds: one that is silent for longer than this is dead.
const SILENCE: Duration = Duration::from_secs(25);
/// The longest wait before a connection that was lost is opened again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a product has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockEvent {
    /// Whose stock it is.
    pub product: ProductId,
    /// The three counters, of one moment.
    pub level: StockLevel,
    /// Names this state: to go on [after](Watch::after) it, in another stream.
    pub id: String,
}

/// The live stock of [`Client::watch`](crate::Client::watch).
///
/// ```no_run
/// # async fn watch(shop: flashdeal_client::Client, phone: flashdeal_domain::ProductId) -> Result<(), flashdeal_client::Error> {
/// let mut events = shop.watch([phone]);
/// while let Some(event) = events.next().await {
///     println!("{} available", event?.level.available().get());
/// }
/// # Ok(()) }
/// ```
///
/// What changes faster than it is read, or than ten times a second, is told as it is in the end. A connection that is lost, or
/// silent for longer than [`Self::silence`], is opened again with the last event's id: then a state that was seen is not told
/// again (of several products, the last one's). Before that it waits for as long as the server asks, a second if it does not,
/// and twice as long after each connection without an event, up to 10 s; then less up to half of it by chance. An attempt that
/// fails is repeated as any call's: `Retry-After` is honoured.
///
/// An error is the last item. It is one that no repeat can mend, such as [`Error::Refused`] with a status of 400, 401, 403 or
/// 404; [`Error::Unreadable`] for what is no live stock of the flashdeal API; or any, if there was no connection for as long as
/// [`Self::patience`] says.
#[must_use = "nothing is sent before the first event is asked for"]
pub struct Watch {
    setup: Setup,
    events: Option<BoxStream<'static, Result<StockEvent, Error>>>,
}

#[derive(Clone)]
struct Setup {
    sender: Arc<Sender>,
    call: Arc<Call>,
    last_id: String,
    patience: Duration,
    silence: Duration,
}

impl Watch {
    pub(crate) fn new(sender: Arc<Sender>, call: Call) -> Self {
        let patience = Duration::from_mins(1);
        let setup = Setup { sender, call: Arc::new(call), last_id: String::new(), patience, silence: SILENCE };
        Self { setup, events: None }
    }

    /// Goes on after the event with this id. Like the other settings, to be made before the first event is asked for.
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.setup.last_id = id.into();
        self
    }

    /// For how long a connection is tried for, each time there is none, before the error is yours; a minute by default.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.setup.patience = patience;
        self
    }

    /// After how much silence a connection is opened again; 25 s by default. The server says that it lives every 15 s.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.setup.silence = silence;
        self
    }

    /// The next event, as of any stream; `None` after an error. Dropped before it is there, it loses nothing.
    pub async fn next(&mut self) -> Option<Result<StockEvent, Error>> {
        StreamExt::next(self).await
    }
}

impl Stream for Watch {
    type Item = Result<StockEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let watch = &mut *self;
        watch.events.get_or_insert_with(|| Events::begin(watch.setup.clone())).poll_next_unpin(context)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.setup.call.url.as_str()).finish()
    }
}

struct Events {
    setup: Setup,
    connection: Option<(Response, Messages)>,
    ready: VecDeque<Message>,
    /// What the server asked for last.
    pause: Duration,
    /// How many connections ended since the last event; `None` before the first one was opened.
    fruitless: Option<u32>,
}

impl Events {
    fn begin(setup: Setup) -> BoxStream<'static, Result<StockEvent, Error>> {
        let pause = Duration::from_secs(1);
        let events = Self { setup, connection: None, ready: VecDeque::new(), pause, fruitless: None };
        stream::unfold(Some(events), |events| async {
            let mut events = events?;
            let item = events.next().await;
            let rest = item.is_ok().then_some(events);
            Some((item, rest))
        })
        // After the error there is nothing to be asked.
        .fuse()
        .boxed()
    }

    async fn next(&mut self) -> Result<StockEvent, Error> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                let event = read_event(message)?;
                self.setup.last_id.clone_from(&event.id);
                self.fruitless = Some(0);
                return Ok(event);
            }
            if self.connection.is_none() {
                if let Some(fruitless) = self.fruitless {
                    sleep(pause(self.pause, fruitless, chance())).await;
                    self.fruitless = Some(fruitless.saturating_add(1));
                } else {
                    self.fruitless = Some(0);
                }
                self.connection = Some((self.setup.connect().await?, Messages::default()));
            }
            if !self.read().await {
                self.connection = None;
            }
        }
    }

    /// Takes what comes next, and tells whether more may come.
    async fn read(&mut self) -> bool {
        let Some((response, messages)) = &mut self.connection else { return false };
        let Ok(Ok(Some(chunk))) = timeout(self.setup.silence, response.chunk()).await else { return false };
        let fed = messages.feed(&chunk, &mut self.ready);
        self.pause = messages.retry().unwrap_or(self.pause);
        fed.is_ok()
    }
}

impl Setup {
    /// A new connection, however many attempts it takes until patience ends.
    async fn connect(&self) -> Result<Response, Error> {
        let begun = Instant::now();
        let mut number = 1;
        loop {
            let left = self.patience.saturating_sub(begun.elapsed());
            let failed = match self.attempt(number, left.min(self.sender.attempt_time)).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let wait = wait(&failed, number, chance());
            let left = self.patience.saturating_sub(begun.elapsed());
            if wait >= left || !is_worth_repeating(&failed, &self.call) {
                return Err(failed);
            }
            sleep(wait).await;
            number = number.saturating_add(1);
        }
    }

    async fn attempt(&self, number: u32, within: Duration) -> Result<Response, Error> {
        let begun = Instant::now();
        let mut status = None;
        let opened = timeout(within, self.open(number, &mut status)).await;
        if let Some(observe) = &self.sender.observe {
            observe(&Attempt { operation: self.call.operation, number, status, took: begun.elapsed() });
        }
        opened.unwrap_or(Err(Error::Silent { attempts: number }))
    }

    async fn open(&self, number: u32, status: &mut Option<u16>) -> Result<Response, Error> {
        let lost = |source| Error::Unreachable { attempts: number, source };
        let Call { method, url, .. } = &*self.call;
        let mut request = self.sender.http.request(method.clone(), url.clone()).header(ACCEPT, "text/event-stream");
        // What no header can carry was never an id of this server's.
        if let Some(id) = HeaderValue::from_str(&self.last_id).ok().filter(|id| !id.is_empty()) {
            request = request.header("last-event-id", id);
        }
        let mut response = request.send().await.map_err(lost)?;
        let answered = response.status();
        *status = Some(answered.as_u16());
        if !answered.is_success() {
            let retry_after = retry_after(&response);
            let body = read_body(&mut response).await.map_err(lost)?;
            return Err(Error::Refused(Box::new(Problem::read(answered.as_u16(), retry_after, &body))));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        if answered.as_u16() == 200 && kind.starts_with("text/event-stream") {
            return Ok(response);
        }
        Err(Error::Unreadable { status: answered.as_u16(), reason: format!("no stream of events, but {kind:?}") })
    }
}

/// How long to wait after so many connections without an event; `chance` is from 0 to 1.
fn pause(asked: Duration, fruitless: u32, chance: f64) -> Duration {
    let doubled = asked.max(FIRST_WAIT).saturating_mul(1 << fruitless.min(10)).min(LONGEST_PAUSE);
    doubled.mul_f64(1.0 - chance / 2.0)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whose {
    product_id: String,
}

fn read_event(Message { id, data }: Message) -> Result<StockEvent, Error> {
    let unreadable = |reason: String| Error::Unreadable { status: 200, reason };
    let whose: Whose = serde_json::from_str(&data).map_err(|error| unreadable(error.to_string()))?;
    let product = ProductId::parse(&whose.product_id).map_err(|error| unreadable(format!("productId {error}")))?;
    let level: LevelWire = serde_json::from_str(&data).map_err(|error| unreadable(error.to_string()))?;
    Ok(StockEvent { product, level: level.into_domain(), id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_what_was_asked_within_bounds() {
        let asked = Duration::from_secs(2);
        assert_eq!((pause(asked, 0, 0.0), pause(asked, 0, 1.0)), (asked, asked / 2));
        assert_eq!((pause(asked, 1, 0.0), pause(asked, u32::MAX, 0.0)), (asked * 2, LONGEST_PAUSE));
        assert_eq!((pause(Duration::ZERO, 0, 0.0), pause(Duration::MAX, 9, 0.0)), (FIRST_WAIT, LONGEST_PAUSE));
    }

    #[test]
    fn events_are_of_the_domain_or_unreadable() {
        let read = |data: &str| read_event(Message { id: "i".to_owned(), data: data.to_owned() });
        let product = "01890a5d-ac96-774b-bcce-b302099a8057";
        let event = read(&format!(r#"{{"productId":"{product}","totalStock":5,"reservedStock":2,"new":[]}}"#)).unwrap();
        assert_eq!((event.product.to_string().as_str(), event.level.available().get(), &*event.id), (product, 3, "i"));
        for bad in ["", "{}", "[", "null", r#"{"productId":"x","totalStock":5,"reservedStock":2}"#] {
            assert!(matches!(read(bad), Err(Error::Unreadable { status: 200, .. })), "{bad}");
        }
        let negative = format!(r#"{{"productId":"{product}","totalStock":-5,"reservedStock":2}}"#);
        assert!(read(&negative).is_err() && read(&"[".repeat(60_000)).is_err());
    }
}
