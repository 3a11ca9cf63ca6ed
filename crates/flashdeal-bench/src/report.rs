//! What was measured, and how it is shown.

mod html;
mod table;

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cli::Options;
use crate::load::Measured;
use crate::numbers::{float, median};

/// Everything that was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) made_at_unix_ms: u64,
    pub(crate) cores: usize,
    pub(crate) connections: usize,
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
    pub(crate) workers: usize,
    pub(crate) quick: bool,
    /// Load of the machine over the last minute, before anything was started.
    pub(crate) load_average: f64,
    pub(crate) rows: Vec<Row>,
}

/// One server under one workload.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) server: String,
    pub(crate) rounds: Vec<Sample>,
    pub(crate) measures: Vec<Measure>,
    /// What was wrong; empty: the books balance.
    pub(crate) faults: Vec<String>,
}

/// One round.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl From<&Measured> for Sample {
    fn from(measured: &Measured) -> Self {
        Self {
            per_second: measured.rate(),
            p50_ms: measured.percentile(50.0),
            p99_ms: measured.percentile(99.0),
            max_ms: measured.slowest(),
        }
    }
}

/// Something that is compared, once or in each round.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<f64>,
    pub(crate) goal: Option<Goal>,
}

/// What a measure is to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// The measure that has a column of its own.
pub(crate) const OF_ECHO: &str = "× echo";
/// Another one.
pub(crate) const PEAK: &str = "peak MiB";
/// And another.
pub(crate) const REDIS_BYTES: &str = "Redis B/hold";

impl Row {
    pub(crate) fn new(workload: &str, server: &str) -> Self {
        Self {
            workload: workload.to_owned(),
            server: server.to_owned(),
            rounds: Vec::new(),
            measures: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Adds the value of one more round.
    pub(crate) fn measure(&mut self, name: &'static str, value: f64) {
        match self.measures.iter_mut().find(|measure| measure.name == name) {
            Some(measure) => measure.values.push(value),
            None => self.measures.push(Measure { name, values: vec![value], goal: None }),
        }
    }

    /// Adds the rates of all rounds as ratios to the rates of another server, round by round.
    pub(crate) fn compare(&mut self, name: &'static str, rates: &[f64], with: &[f64]) {
        for (rate, with) in rates.iter().zip(with) {
            self.measure(name, rate / with);
        }
    }

    /// Says what a measure is to be.
    pub(crate) fn goal(&mut self, name: &'static str, goal: Goal) {
        if let Some(measure) = self.measures.iter_mut().find(|measure| measure.name == name) {
            measure.goal = Some(goal);
        }
    }

    /// Adds a peak of memory.
    pub(crate) fn peak(&mut self, bytes: u64) {
        self.measure(PEAK, float(bytes) / 1_048_576.0);
    }

    fn median(&self, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(&self.rounds.iter().map(of).collect::<Vec<_>>())
    }

    fn find(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.name == name)
    }
}

impl Measure {
    fn median(&self) -> f64 {
        median(&self.values).unwrap_or(f64::NAN)
    }

    /// `(≥ 0.6 ✓)`, or nothing.
    fn verdict(&self) -> String {
        let Some(goal) = self.goal else { return String::new() };
        let (sign, bound) = match goal {
            Goal::AtLeast(bound) => ('≥', bound),
            Goal::AtMost(bound) => ('≤', bound),
        };
        let mark = if goal.is_met(self.median()) { '✓' } else { '✗' };
        format!(" ({sign} {bound} {mark})")
    }
}

impl Report {
    /// Whether everything that was answered was right.
    pub(crate) fn is_right(&self) -> bool {
        self.rows.iter().all(|row| row.faults.is_empty())
    }

    /// Prints the table and writes the files that were asked for.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn deliver(&self, options: &Options) -> Result<()> {
        print!("{}", self.text());
        if let Some(path) = &options.json {
            let json = serde_json::to_vec_pretty(self).context("cannot write JSON")?;
            fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if let Some(path) = &options.html {
            fs::write(path, self.html()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_judged_by_the_median() {
        let mut row = Row::new("hot", "distributed");
        for value in [0.1, 0.7, 0.65] {
            row.measure(OF_ECHO, value);
        }
        row.goal(OF_ECHO, Goal::AtLeast(0.6));
        assert_eq!(row.measures[0].verdict(), " (≥ 0.6 ✓)");
        row.goal(OF_ECHO, Goal::AtLeast(0.66));
        assert_eq!(row.measures[0].verdict(), " (≥ 0.66 ✗)");
        row.measure(PEAK, 151.0);
        row.goal(PEAK, Goal::AtMost(150.0));
        assert!(row.measures[1].verdict().contains('✗'));
    }

    #[test]
    fn a_goal_without_a_value_is_missed() {
        assert!(!Goal::AtLeast(0.6).is_met(f64::NAN) && !Goal::AtMost(0.6).is_met(f64::NAN));
    }
}
