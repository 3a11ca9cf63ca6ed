//! What went wrong, when: so that the checks know what is to be excused.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::options::FaultKind;

/// Milliseconds since 1970 by the wall clock, which is the ledger's clock on this machine.
#[must_use]
pub fn now_ms() -> i64 {
    now_us() / 1000
}

/// The same in microseconds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "deadlines are compared with the ledger's own clock")]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// From when to when, both included, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub from: i64,
    /// When it was over; the end of time while it is not.
    pub to: i64,
}

impl Span {
    /// Whether they have a moment in common.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

/// A fault that took place.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// What.
    pub kind: FaultKind,
    /// From when to when.
    pub span: Span,
    /// The instance that was frozen or killed.
    pub instance: Option<usize>,
    /// Whether the gate may have lost memory.
    pub forgot: bool,
}

/// A log of the faults.
#[derive(Debug, Default)]
pub struct Weather(Mutex<Vec<Event>>);

/// A fault under way, by its place in the log.
#[derive(Debug)]
pub struct UnderWay(usize);

impl Weather {
    /// A fault begins.
    pub fn begin(&self, kind: FaultKind, instance: Option<usize>, forgot: bool) -> UnderWay {
        let mut events = self.events();
        events.push(Event { kind, span: Span { from: now_ms(), to: i64::MAX }, instance, forgot });
        UnderWay(events.len() - 1)
    }

    /// It is over.
    pub fn end(&self, fault: &UnderWay) {
        if let Some(event) = self.events().get_mut(fault.0) {
            event.span.to = now_ms();
        }
    }

    /// Whether the gate may have lost memory within this span.
    #[must_use]
    pub fn forgot_within(&self, span: Span) -> bool {
        self.events().iter().any(|event| event.forgot && event.span.meets(span))
    }

    /// Whether this instance was frozen or killed within this span.
    #[must_use]
    pub fn hit_within(&self, instance: usize, span: Span) -> bool {
        self.events().iter().any(|event| event.instance == Some(instance) && event.span.meets(span))
    }

    /// What went wrong within this span.
    #[must_use]
    pub fn within(&self, span: Span) -> Vec<Event> {
        self.events().iter().filter(|event| event.span.meets(span)).copied().collect()
    }

    /// How often each fault took place.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<FaultKind, u64> {
        let mut counts = BTreeMap::new();
        for event in self.events().iter() {
            *counts.entry(event.kind).or_default() += 1;
        }
        counts
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
