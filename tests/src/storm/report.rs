//! How it goes, and what it came to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::buyers::Trip;
use super::options::{FaultKind, Options};
use super::promises::Verdict;
use super::tally::{Counts, Ended, Tally};
use super::weather::Weather;

/// What a storm came to. Its text is the table.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed, to have it again.
    pub seed: u64,
    /// What was counted.
    pub counts: Counts,
    /// How often each fault took place.
    pub faults: BTreeMap<FaultKind, u64>,
    /// How many shopping trips there were.
    pub trips: usize,
    /// The promises.
    pub verdicts: Vec<Verdict>,
}

impl Report {
    pub(super) fn new(
        options: &Options,
        tally: &Tally,
        weather: &Weather,
        trips: &[Trip],
        verdicts: Vec<Verdict>,
    ) -> Self {
        let faults = weather.counts();
        Self { seed: options.seed, counts: tally.so_far(), faults, trips: trips.len(), verdicts }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn kept(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.broken == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endings: BTreeSet<Ended> = self.counts.requests.keys().map(|(_, ended)| *ended).collect();
        let operations: BTreeSet<&str> = self.counts.requests.keys().map(|(operation, _)| *operation).collect();
        write!(f, "{:<12}", "operation")?;
        for ended in &endings {
            write!(f, "{:>9}", title(*ended))?;
        }
        writeln!(f)?;
        for operation in operations {
            write!(f, "{operation:<12}")?;
            for ended in &endings {
                write!(f, "{:>9}", self.counts.requests.get(&(operation, *ended)).copied().unwrap_or(0))?;
            }
            writeln!(f)?;
        }
        let faults: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{} {count}", kind.name())).collect();
        writeln!(f, "\nfaults: {}", faults.join(", "))?;
        writeln!(
            f,
            "orders: {}, called: {}, trips: {}, retries: {}, slowest answer: {} ms\n",
            self.counts.orders, self.counts.called, self.trips, self.counts.retries, self.counts.slowest_ms
        )?;
        for verdict in &self.verdicts {
            let outcome = if verdict.broken == 0 { "kept".to_owned() } else { format!("BROKEN {}×", verdict.broken) };
            writeln!(f, "{outcome:<10} {} ({})", verdict.promise, verdict.checked)?;
            for told in &verdict.told {
                writeln!(f, "           - {told}")?;
            }
        }
        write!(f, "seed {}", self.seed)
    }
}

fn title(ended: Ended) -> String {
    match ended {
        Ended::Status(status) => status.to_string(),
        Ended::Broken => "broken".to_owned(),
        Ended::HungUp => "hung up".to_owned(),
        Ended::Silent => "silent".to_owned(),
    }
}

/// Shows a line that is written over twice a second on a terminal, and a line every five seconds elsewhere.
pub(super) async fn show_live(tally: Arc<Tally>, duration: Duration) {
    let began = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    let pause = if terminal { Duration::from_millis(500) } else { Duration::from_secs(5) };
    loop {
        sleep(pause).await;
        let counts = tally.so_far();
        let requests: u64 = counts.requests.values().sum();
        let broken: u64 = counts.findings.values().map(|(count, _)| count).sum();
        let line = format!(
            "{:>4} of {} s: {requests} requests, {} orders, {} retries, {} faults, {broken} broken promises",
            began.elapsed().as_secs(),
            duration.as_secs(),
            counts.orders,
            counts.retries,
            counts.faults
        );
        let mut out = std::io::stderr().lock();
        let _ = if terminal { write!(out, "\r{line}\x1b[K") } else { writeln!(out, "{line}") };
        let _ = out.flush();
    }
}
