//! What the checker found, to be read by people.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use stateright::{Checker, HasDiscoveries, Model as _};

use crate::config::Config;
use crate::model::Protocol;
use crate::promises;
use crate::state::State;
use crate::step::Step;

/// What a search found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Different states seen.
    pub states: usize,
    /// Steps taken, also those that led to a state seen before.
    pub steps: usize,
    /// The longest path, in states.
    pub depth: usize,
    /// Whether every reachable state was seen.
    pub complete: bool,
    /// Broken promises, each with the steps that broke it.
    pub broken: Vec<(&'static str, Vec<Step>)>,
}

impl Report {
    /// The steps that broke a promise, if it was.
    #[must_use]
    pub fn trace(&self, promise: &str) -> Option<&[Step]> {
        let found = self.broken.iter().find(|(name, _)| *name == promise);
        found.map(|(_, steps)| steps.as_slice())
    }
}

/// How to search.
#[derive(Debug, Clone)]
pub struct Search {
    /// Threads. One finds the shortest trace.
    pub threads: usize,
    /// Depth first, and of the states that differ only in which buyer, call or loader is which, only one: less memory and
    /// fewer states, longer traces.
    pub depth_first: bool,
    /// Stop when this promise is broken; else at any.
    pub until: Option<&'static str>,
    /// Give up after about this many steps.
    pub limit: Option<NonZeroUsize>,
}

impl Default for Search {
    fn default() -> Self {
        Self { threads: 1, depth_first: false, until: None, limit: None }
    }
}

/// Searches a world, all of it unless a promise is broken or the limit is reached.
#[must_use]
pub fn search(config: Config, how: &Search) -> Report {
    let stop = how.until.map_or(HasDiscoveries::AnyFailures, |promise| HasDiscoveries::AnyOf([promise].into()));
    let mut builder = Protocol(config).checker().threads(how.threads).finish_when(stop);
    if let Some(limit) = how.limit {
        builder = builder.target_state_count(limit.get());
    }
    let mut report = if how.depth_first {
        report(&builder.symmetry().spawn_dfs().join())
    } else {
        report(&builder.spawn_bfs().join())
    };
    let limited = how.limit.is_some_and(|limit| report.steps >= limit.get());
    report.complete = report.broken.is_empty() && !limited;
    report
}

fn report(checker: &impl Checker<Protocol>) -> Report {
    let mut broken: Vec<_> =
        checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions())).collect();
    broken.sort_by_key(|(name, steps)| (steps.len(), *name));
    Report {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        complete: false,
        broken,
    }
}

/// A report for a terminal: the counts, each promise, and the steps to each broken one.
#[must_use]
pub fn print(config: Config, report: &Report) -> String {
    let mut out = format!(
        "{} states, {} steps, depth {}: {}\n",
        report.states,
        report.steps,
        report.depth,
        if report.complete { "all of it" } else { "not all of it" },
    );
    for property in promises::properties() {
        let kept = report.trace(property.name).is_none();
        let _ = writeln!(out, "  {}  {}", if kept { "kept  " } else { "BROKEN" }, property.name);
    }
    for (name, steps) in &report.broken {
        let _ = writeln!(out, "\nBroken: {name}");
        out.push_str(&trace(config, steps));
    }
    out
}

/// The steps one by one, with what each answered and what both stores then have.
fn trace(config: Config, steps: &[Step]) -> String {
    let model = Protocol(config);
    let mut state = State::new(&config);
    let mut out = String::new();
    for (step, number) in steps.iter().zip(1_usize..) {
        let answer = model.take(&mut state, *step);
        let row = state.record.row;
        let gate = state.gate.memory.book.map_or_else(
            || "no state".to_owned(),
            |book| format!("epoch {}, total {}, reserved {}", book.epoch, book.total, book.reserved),
        );
        let _ = writeln!(out, "{number:>3}. {step:?}\n     answers {answer:?}");
        let _ = writeln!(out, "     record: epoch {}, total {}; gate: {gate}", row.epoch, row.total);
    }
    out
}
