//! The load generator: one thread, non-blocking sockets, one request under way per connection.
//!
//! It shares the machine with what it measures, so it does as little as it can: no runtime, no allocation per request, one
//! `write` and one `read` each.

mod connection;
mod pace;
pub(crate) mod response;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::clock;
use crate::numbers::float;

use connection::Connection;
use pace::Pace;

/// What a request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Reserve,
    Status,
    Cancel,
    Checkout,
}

/// A request, as whoever wrote it knows it again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) verb: Verb,
    /// Which of the shop's products.
    pub(crate) product: usize,
    pub(crate) user: u64,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// Says what is asked, and is told what was answered.
pub(crate) trait Script {
    /// Writes the next request to the end of `out`; `None` when there is none left.
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask>;

    /// Takes an answer.
    ///
    /// # Errors
    /// When it makes no sense to go on.
    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()>;
}

/// How the load is put on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    /// How long before what happens is measured.
    pub(crate) warm_up: Duration,
    /// How long it is measured; `None`: until the script has nothing left.
    pub(crate) measure: Option<Duration>,
    /// Requests a second; `None`: the next as soon as the last is answered.
    pub(crate) per_second: Option<f64>,
}

impl Plan {
    /// As fast as it goes, until the script has nothing left.
    pub(crate) fn until_done(connections: usize) -> Self {
        Self { connections, warm_up: Duration::ZERO, measure: None, per_second: None }
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Answers in the time that was measured.
    pub(crate) answers: u64,
    pub(crate) took: Duration,
    /// In microseconds, of every request that began in the time that was measured.
    pub(crate) latency: Histogram<u64>,
}

impl Measured {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        float(self.answers) / self.took.as_secs_f64().max(1e-9)
    }

    /// The latency that this percentage stays within, in milliseconds.
    pub(crate) fn percentile(&self, percentage: f64) -> f64 {
        float(self.latency.value_at_percentile(percentage)) / 1000.0
    }

    /// The longest latency, in milliseconds.
    pub(crate) fn slowest(&self) -> f64 {
        float(self.latency.max()) / 1000.0
    }
}

/// How long nothing may be answered before it is given up.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);
/// The longest latency that is told from longer ones: a minute, in microseconds.
pub(crate) const LATENCY_LIMIT: u64 = 60_000_000;
/// The longest single wait, so that silence is noticed.
const WAIT_LIMIT: Duration = Duration::from_millis(500);
/// More than any answer of ours is long.
const SCRATCH: usize = 64 * 1024;
/// How many events are taken at once.
const EVENTS: usize = 256;

/// Puts the load of `script` on the server at `addr`. It returns when every request is answered, so that books can be compared.
///
/// # Errors
/// When the server hangs up, is silent for 20 seconds or answers what is not HTTP, and when the script gives up.
pub(crate) fn drive(addr: SocketAddr, plan: Plan, script: &mut impl Script) -> Result<Measured> {
    let connections = (0..plan.connections).map(|_| Connection::open(addr)).collect::<Result<Vec<_>>>()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll")?;
    let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET | epoll::EventFlags::RDHUP;
    for (token, connection) in (0_u64..).zip(&connections) {
        epoll::add(&epoll, &connection.stream, epoll::EventData::new_u64(token), flags)
            .context("cannot watch a socket")?;
    }
    let begin = clock::now();
    let measure_from = begin + plan.warm_up;
    let mut load = Load {
        idle: (0..connections.len()).collect(),
        connections,
        script,
        measure_from,
        end: plan.measure.map(|measure| measure_from + measure),
        pace: plan.per_second.map(|per_second| Pace::new(begin, per_second)),
        exhausted: false,
        underway: 0,
        answers: 0,
        last: begin,
        latency: Histogram::new_with_bounds(1, LATENCY_LIMIT, 3).context("the bounds of the histogram")?,
    };
    load.run(&epoll)?;
    let until = load.end.filter(|_| !load.exhausted).unwrap_or(load.last);
    Ok(Measured { answers: load.answers, took: until.saturating_duration_since(measure_from), latency: load.latency })
}

struct Load<'a, S> {
    connections: Vec<Connection>,
    script: &'a mut S,
    /// Connections without a request, the longest idle first, so that all of them are used.
    idle: VecDeque<usize>,
    measure_from: Instant,
    end: Option<Instant>,
    pace: Option<Pace>,
    /// The script has nothing left.
    exhausted: bool,
    underway: usize,
    answers: u64,
    /// When the last answer came.
    last: Instant,
    latency: Histogram<u64>,
}

impl<S: Script> Load<'_, S> {
    fn run(&mut self, epoll: impl std::os::fd::AsFd) -> Result<()> {
        let mut scratch = vec![0; SCRATCH];
        let mut events = Vec::with_capacity(EVENTS);
        self.fill(clock::now())?;
        while self.underway > 0 || self.wants_more() {
            let wait = Timespec::try_from(self.wait()).context("a wait that is too long")?;
            events.clear();
            match epoll::wait(&epoll, spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("cannot wait for sockets"),
            }
            for event in &events {
                let token = usize::try_from(event.data.u64()).context("a token of ours")?;
                self.ready(token, event.flags, &mut scratch)?;
            }
            let now = clock::now();
            if now.saturating_duration_since(self.last) > SILENCE_LIMIT && self.underway > 0 {
                bail!("the server has not answered for {SILENCE_LIMIT:?}");
            }
            self.fill(now)?;
        }
        Ok(())
    }

    /// Whether requests are still to be sent. Those that were due before the end are sent, however late.
    fn wants_more(&self) -> bool {
        let upcoming = match &self.pace {
            Some(pace) => pace.next(),
            None => clock::now(),
        };
        !self.exhausted && self.end.is_none_or(|end| upcoming < end)
    }

    /// How long nothing can happen but an answer.
    fn wait(&self) -> Duration {
        match &self.pace {
            Some(pace) if !self.idle.is_empty() && self.wants_more() => {
                pace.next().saturating_duration_since(clock::now()).min(WAIT_LIMIT)
            }
            _ => WAIT_LIMIT,
        }
    }

    /// Takes what came on a connection, and without a pace sends the next request on it at once.
    fn ready(&mut self, token: usize, flags: epoll::EventFlags, scratch: &mut [u8]) -> Result<()> {
        let connection = self.connections.get_mut(token).context("no such connection")?;
        if flags.contains(epoll::EventFlags::OUT) {
            connection.flush()?;
        }
        if !flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::HUP) {
            return Ok(());
        }
        let now = clock::now();
        let (measured, end) = (self.measure_from, self.end);
        let (script, latency, answers) = (&mut *self.script, &mut self.latency, &mut self.answers);
        let whole = connection.receive(scratch, |underway, answer| {
            if underway.begun >= measured && end.is_none_or(|end| underway.begun < end) {
                let took = now.saturating_duration_since(underway.begun).as_micros();
                latency.saturating_record(u64::try_from(took).unwrap_or(LATENCY_LIMIT));
            }
            if now >= measured && end.is_none_or(|end| now < end) {
                *answers += 1;
            }
            script.answered(underway.ask, answer)
        })?;
        if whole {
            self.last = now;
            self.underway -= 1;
            if self.pace.is_some() || !self.begin(token, now)? {
                self.idle.push_back(token);
            }
        }
        Ok(())
    }

    /// Sends what is due on the connections that have nothing to do.
    fn fill(&mut self, now: Instant) -> Result<()> {
        while self.wants_more()
            && let Some(token) = self.idle.front().copied()
        {
            let due = match &mut self.pace {
                None => Some(now),
                Some(pace) => pace.take(now),
            };
            let Some(due) = due else { return Ok(()) };
            if !self.send(token, due)? {
                return Ok(());
            }
            self.idle.pop_front();
        }
        Ok(())
    }

    /// Sends the next request without a pace, unless it is over.
    fn begin(&mut self, token: usize, now: Instant) -> Result<bool> {
        if self.exhausted || self.end.is_some_and(|end| now >= end) {
            return Ok(false);
        }
        self.send(token, now)
    }

    fn send(&mut self, token: usize, begun: Instant) -> Result<bool> {
        let connection = self.connections.get_mut(token).context("no such connection")?;
        connection.request.clear();
        let Some(ask) = self.script.next(&mut connection.request) else {
            self.exhausted = true;
            return Ok(false);
        };
        connection.send(ask, begun)?;
        self.underway += 1;
        Ok(true)
    }
}
