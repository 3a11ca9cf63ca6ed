//! A good client: it repeats what is unsettled, with the same key, at whichever instance answers. It watches every answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::http::Answer;

use super::dice::Dice;
use super::options::Options;
use super::tally::{Ended, Tally};
use super::weather::{Span, Weather, now_ms, now_us};
use super::world::World;

/// The promise that every request is answered well.
pub const ANSWERS: &str = "no 500, no hang, no answer that the contract does not have";
/// How long after an instance was killed a pooled connection may still seem to be open.
const GRACE_MS: i64 = 300;
/// The pauses between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(350));

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub struct Call {
    /// What the tables call it.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The `Idempotency-Key`.
    pub key: Option<String>,
    /// The body.
    pub body: Option<Value>,
    /// The statuses it may be answered with, besides 503.
    pub allowed: &'static [u16],
}

/// What became of a call after all its attempts.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The last answer, which is not 503; `None` when the client gave up.
    pub answer: Option<Answer>,
    /// From the first attempt's sending to the last one's answer.
    pub span: Span,
    /// How many attempts besides the last one may have done their work, or may do it yet.
    pub unknown: u32,
    /// All attempts, in their order; if there is an answer it is the last one's.
    pub attempts: Vec<Attempt>,
}

/// One sending of a call. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it was sent.
    pub from: i64,
    /// When it was answered or given up.
    pub to: i64,
    /// To which instance.
    pub instance: usize,
    /// How it ended.
    pub ended: Ended,
}

/// A client of all instances. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    world: Arc<World>,
    tally: Arc<Tally>,
    weather: Arc<Weather>,
    options: Arc<Options>,
}

impl Client {
    /// A client of this world's instances.
    #[must_use]
    pub fn new(world: Arc<World>, tally: Arc<Tally>, weather: Arc<Weather>, options: Arc<Options>) -> Self {
        Self(Arc::new(Shared { world, tally, weather, options }))
    }

    /// The servers.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// The counts.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.0.tally
    }

    /// The faults so far.
    #[must_use]
    pub fn weather(&self) -> &Weather {
        &self.0.weather
    }

    /// The storm's settings.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// One attempt at the instance that `choice` falls on. `None`: its outcome is unknown.
    pub async fn attempt(&self, call: &Call, choice: u64) -> Option<Answer> {
        self.attempt_within(call, choice, None).await
    }

    /// The same; the client hangs up after `patience`.
    pub async fn attempt_within(&self, call: &Call, choice: u64, patience: Option<Duration>) -> Option<Answer> {
        self.attempt_told(call, choice, patience).await?.1
    }

    /// The same, with what there is to tell of the attempt; nothing if there is no instance.
    async fn attempt_told(
        &self,
        call: &Call,
        choice: u64,
        patience: Option<Duration>,
    ) -> Option<(Attempt, Option<Answer>)> {
        let (index, instance) = self.world().chosen(choice).ok()?;
        let mut request = instance.http.request(call.method.clone(), &call.path);
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let limit = patience.unwrap_or(self.options().deadline + self.options().margin);
        let sent = now_us();
        let answered = timeout(limit, request.send()).await;
        let ended_at = now_us();
        let (from, span) = (sent / 1000, Span { from: sent / 1000, to: ended_at / 1000 });
        let ended = match &answered {
            Ok(Ok(answer)) => Ended::Status(answer.status),
            Ok(Err(_)) => Ended::Broken,
            Err(_) if patience.is_some() => Ended::HungUp,
            Err(_) => Ended::Silent,
        };
        // An instance that was frozen or killed is excused, and so is its answer that comes after all.
        let excused = self.weather().hit_within(index, Span { from: from - GRACE_MS, ..span });
        self.tally().request(call.name, ended, if excused { 0 } else { span.to - span.from });
        if !excused && matches!(ended, Ended::Silent) {
            self.tally().find(ANSWERS, format!("{} {}: no answer in {limit:?}", call.method, call.path));
        }
        if !excused && matches!(ended, Ended::Broken) {
            let why = answered.as_ref().ok().and_then(|answer| answer.as_ref().err());
            let why = why.map(|error| format!("{error:#}")).unwrap_or_default();
            let told = format!("instance {index}, {from}–{}: {} {}: {why}", span.to, call.method, call.path);
            self.tally().find(ANSWERS, told);
        }
        let attempt = Attempt { from: sent, to: ended_at, instance: index, ended };
        let Ok(Ok(answer)) = answered else { return Some((attempt, None)) };
        self.judge(call, &answer);
        Some((attempt, (answer.status != 503).then_some(answer)))
    }

    /// Attempts until there is an answer other than 503, or `give_up` is over.
    pub async fn settle(&self, call: &Call, dice: &mut Dice, give_up: Duration) -> Settled {
        let until = Instant::now() + give_up;
        let mut settled =
            Settled { answer: None, span: Span { from: now_ms(), to: 0 }, unknown: 0, attempts: Vec::new() };
        let first = dice.roll();
        for turn in 0.. {
            if let Some((attempt, answer)) = self.attempt_told(call, first.wrapping_add(turn), None).await {
                settled.attempts.push(attempt);
                settled.answer = answer;
            }
            if settled.answer.is_some() || Instant::now() > until {
                break;
            }
            settled.unknown += 1;
            self.tally().retry();
            sleep(dice.time(BACKOFF.0, BACKOFF.1)).await;
        }
        settled.span.to = now_ms();
        settled
    }

    /// One attempt only, for what must not be repeated.
    pub async fn once(&self, call: &Call, dice: &mut Dice) -> Settled {
        let from = now_ms();
        let told = self.attempt_told(call, dice.roll(), None).await;
        let (attempts, answer) = told.map_or((Vec::new(), None), |(attempt, answer)| (vec![attempt], answer));
        Settled { answer, span: Span { from, to: now_ms() }, unknown: 0, attempts }
    }

    fn judge(&self, call: &Call, answer: &Answer) {
        let told = || format!("{} {} → {} {}", call.method, call.path, answer.status, answer.text);
        if answer.status == 503 {
            if answer.header("retry-after").is_none() {
                self.tally().find(ANSWERS, format!("no Retry-After: {}", told()));
            }
        } else if !call.allowed.contains(&answer.status) {
            self.tally().find(ANSWERS, told());
        }
    }

    /// Writes a request slowly, byte by byte at the end, and hangs up with half an answer read. Its outcome is unknown.
    ///
    /// # Errors
    ///
    /// When the instance does not take the connection.
    pub async fn dawdle(&self, call: &Call, choice: u64, pause: Duration) -> Result<()> {
        let (_, instance) = self.world().chosen(choice)?;
        let request = raw(call, instance.app.addr());
        let (head, tail) = request.split_at_checked(request.len() / 2).context("an empty request")?;
        let mut stream = TcpStream::connect(instance.app.addr()).await?;
        stream.write_all(head.as_bytes()).await?;
        sleep(pause).await;
        stream.write_all(tail.as_bytes()).await?;
        let mut half = [0; 16];
        let _ = timeout(self.options().deadline, stream.read(&mut half)).await;
        self.tally().request(call.name, Ended::HungUp, 0);
        Ok(())
    }
}

fn raw(call: &Call, host: SocketAddr) -> String {
    let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
    let key = call.key.as_ref().map(|key| format!("idempotency-key: {key}\r\n")).unwrap_or_default();
    format!(
        "{} {} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{key}\r\n{body}",
        call.method,
        call.path,
        body.len()
    )
}
