//! One delivery: a signed request, bounded in everything.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::HttpDate;
use flashdeal_domain::Timestamp;
use flashdeal_domain::ports::Clock;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, redirect};
use tokio::time::{Instant, timeout};

use super::{Endpoint, Event, Secret};

/// How long a delivery may take in all, and of that its connection.
const LIMIT: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How much of an answer is read, in bytes, and for how long: so that its connection can be used again, and no more.
const MAX_ANSWER: usize = 64 * 1024;
const READ_LIMIT: Duration = Duration::from_millis(500);
/// How long a connection waits for the next delivery: less than receivers are wont to.
const IDLE: Duration = Duration::from_secs(4);

/// Sends events. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Sender {
    http: Client,
    secret: Secret,
    clock: Arc<dyn Clock>,
}

/// Why an event was not taken.
#[derive(Debug, Clone)]
pub struct Failure {
    /// In words, without the URL, which may hold a secret.
    pub why: String,
    /// Whether there was an answer at all.
    pub answered: bool,
    /// The pause that the endpoint asked for.
    pub(super) retry_after: Option<Duration>,
}

/// How a delivery ended.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The status if it was one of 200 to 299.
    pub taken: Result<u16, Failure>,
    /// From the first byte to the answer.
    pub took: Duration,
}

impl Sender {
    /// Signs with `secret`, by a clock that receivers are told.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up, say for want of certificates that are trusted.
    pub fn new(secret: Secret, clock: Arc<dyn Clock>) -> reqwest::Result<Self> {
        // One that is installed already stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .user_agent(concat!("flashdeal/", env!("CARGO_PKG_VERSION")))
            // What is meant for one endpoint goes to no other.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(LIMIT)
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE)
            .build()?;
        Ok(Self { http, secret, clock })
    }

    /// Sends an event to an endpoint, once.
    pub async fn send(&self, endpoint: &Endpoint, event: &Event) -> Sent {
        let begun = Instant::now();
        let now = self.clock.now();
        let timestamp = now.as_millis().div_euclid(1000);
        let request = self
            .http
            .post(endpoint.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", event.id())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.secret.sign(event.id(), timestamp, event.body()))
            .body(event.body().to_owned());
        let taken = match request.send().await {
            Ok(answer) => judge(answer, now).await,
            Err(error) => Err(Failure { why: whole_story(error), answered: false, retry_after: None }),
        };
        Sent { taken, took: begun.elapsed() }
    }
}

async fn judge(answer: Response, now: Timestamp) -> Result<u16, Failure> {
    let status = answer.status();
    let retry_after = retry_after(answer.headers(), now);
    // What it says is of no interest, and neither is how its end comes about; without one, the connection ends.
    let _ = timeout(READ_LIMIT, read_up(answer)).await;
    if status.is_success() {
        return Ok(status.as_u16());
    }
    let moved = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    Err(Failure { why: format!("answered {}{moved}", status.as_u16()), answered: true, retry_after })
}

async fn read_up(mut answer: Response) {
    let mut read = 0;
    while read <= MAX_ANSWER
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        read += chunk.len();
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = SystemTime::from(text.parse::<HttpDate>().ok()?);
    let now = Duration::from_millis(u64::try_from(now.as_millis()).ok()?);
    Some(date.duration_since(UNIX_EPOCH).ok()?.saturating_sub(now))
}

/// What failed, and why, and why that.
fn whole_story(error: reqwest::Error) -> String {
    if error.is_timeout() && error.is_connect() {
        return format!("no connection within {CONNECT_LIMIT:?}");
    }
    if error.is_timeout() {
        return format!("no answer within {LIMIT:?}");
    }
    let error = error.without_url();
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        story = format!("{story}: {error}");
        cause = error.source();
    }
    story
}

#[cfg(test)]
mod tests {
    use flashdeal_domain::ports::IdSource;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::time::sleep;

    use super::*;
    use crate::environment::{RandomIds, SystemClock};

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse("2026-11-22T12:00:00.500Z").unwrap();
        let asked = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, now)
        };
        assert_eq!(asked("120"), Some(Duration::from_mins(2)));
        assert_eq!(asked("Sun, 22 Nov 2026 12:01:00 GMT"), Some(Duration::from_millis(59_500)));
        assert_eq!(asked("Sun, 22 Nov 2026 11:00:00 GMT"), Some(Duration::ZERO));
        for none in ["", "soon", "-1", "1.5"] {
            assert_eq!(asked(none), None, "{none}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    fn sender_to(addr: std::net::SocketAddr) -> (Sender, Endpoint) {
        let sender = Sender::new(Secret::new(&[7; 32]).unwrap(), Arc::new(SystemClock)).unwrap();
        (sender, Endpoint::new(format!("http://{addr}/").parse().unwrap()).unwrap())
    }

    #[tokio::test]
    async fn an_answer_that_does_not_end_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (sender, endpoint) = sender_to(listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n";
            let mut drip = stream.write_all(head.as_bytes()).await;
            while drip.is_ok() {
                drip = stream.write_all(b".").await;
                sleep(Duration::from_millis(20)).await;
            }
        });
        let event = Event::ping(RandomIds.next_id(), SystemClock.now()).unwrap();
        let sent = sender.send(&endpoint, &event).await;
        assert_eq!(sent.taken.unwrap(), 200);
        assert!(sent.took < LIMIT, "{:?}", sent.took);
    }

    #[tokio::test]
    async fn a_connection_that_fails_is_no_answer_that_is_late() {
        // Nobody accepts; once its queue is full, who connects hears nothing.
        let listener = TcpSocket::new_v4().unwrap();
        listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = listener.listen(1).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = timeout(Duration::from_secs(1), TcpStream::connect(addr)).await {
            waiting.push(stream);
        }
        let (sender, endpoint) = sender_to(addr);
        let event = Event::ping(RandomIds.next_id(), SystemClock.now()).unwrap();
        let failure = sender.send(&endpoint, &event).await.taken.unwrap_err();
        assert_eq!(failure.why, "no connection within 5s");
        assert!(!failure.answered);
    }
}
