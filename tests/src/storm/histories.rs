//! Many histories under faults, each checked for an order of its calls that explains every answer.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::linear::{Event, Verdict, check};

use super::client::Client;
use super::faults;
use super::history::History;
use super::options::Options;
use super::recorder::record;
use super::shopkeeper;
use super::tally::{Counts, Tally};
use super::weather::Weather;
use super::world::World;

/// How many histories are recorded at the same time.
const AT_ONCE: usize = 6;
/// The stack of a search: it goes one frame deeper with every call.
const STACK: usize = 64 * 1024 * 1024;
/// How long the faults go on at most.
const AT_MOST: Duration = Duration::from_hours(1);

/// What the histories came to.
#[derive(Debug, Default)]
pub struct Histories {
    /// How many were explained.
    pub explained: usize,
    /// How many calls they had.
    pub calls: usize,
    /// How many of those were never answered.
    pub unknown: usize,
    /// How many searches were given up.
    pub undecided: usize,
    /// Those that cannot be explained, told.
    pub contradictions: Vec<String>,
    /// What was counted meanwhile.
    pub counts: Counts,
}

impl Histories {
    /// Whether none was contradicted and at most one in two was left undecided: where many calls were never answered, as on a busy
    /// machine, there are more orders than can be tried.
    #[must_use]
    pub fn sound(&self) -> bool {
        let findings: u64 = self.counts.findings.values().map(|(count, _)| count).sum();
        self.contradictions.is_empty() && findings == 0 && self.undecided <= self.explained
    }
}

impl fmt::Display for Histories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.explained + self.undecided + self.contradictions.len();
        writeln!(
            f,
            "{total} histories, {} calls ({} never answered), {} faults: {} explained, {} undecided, {} contradictions",
            self.calls,
            self.unknown,
            self.counts.faults,
            self.explained,
            self.undecided,
            self.contradictions.len()
        )?;
        for (promise, (count, told)) in &self.counts.findings {
            writeln!(f, "BROKEN {count}× {promise}: {}", told.join("; "))?;
        }
        self.contradictions.iter().try_for_each(|told| writeln!(f, "{told}"))
    }
}

/// Records this many histories of so many calls, and checks them.
///
/// # Errors
///
/// When the servers cannot be started, or the storm would roll Redis back half way, which the checker's model does not know.
pub async fn run(options: Options, histories: usize, calls: usize) -> Result<Histories> {
    let rolls_back = options.faults.iter().any(|kind| kind.rolls_back(options.persistence));
    ensure!(!rolls_back, "histories are checked where Redis forgets all or nothing");
    let options = Arc::new(options);
    let world = Arc::new(World::start(&options).await?);
    let (tally, weather) = (Arc::new(Tally::default()), Arc::new(Weather::default()));
    let client = Client::new(Arc::clone(&world), Arc::clone(&tally), Arc::clone(&weather), Arc::clone(&options));
    let shelf = Arc::new(shopkeeper::stock_up(&client).await?);
    let faults = faults::unleash(&options, &world, &weather, &tally, &shelf, Instant::now() + AT_MOST);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut recording = JoinSet::new();
    for number in 0..histories {
        let (client, places, seed) = (client.clone(), Arc::clone(&places), options.seed);
        recording.spawn(async move {
            let _place = places.acquire_owned().await?;
            let history = record(&client, seed.wrapping_mul(1000) + u64::try_from(number)?, calls).await?;
            judge(history).await
        });
    }
    let mut sum = Histories::default();
    while let Some(judged) = recording.join_next().await {
        let (history, verdict) = judged??;
        sum.count(&history, &verdict, &options.keep)?;
        if options.live {
            let (explained, undecided, contradictions) = (sum.explained, sum.undecided, sum.contradictions.len());
            eprintln!(
                "of {histories} histories {explained} explained, {undecided} undecided, {contradictions} contradicted"
            );
        }
    }
    drop(faults);
    sum.counts = tally.so_far();
    Ok(sum)
}

/// Looks for an explanation of a history.
///
/// # Errors
///
/// When there is no thread for it.
pub async fn judge(history: History) -> Result<(History, Verdict)> {
    let judged = tokio::task::spawn_blocking(|| {
        let search = move || {
            let verdict = check(history.stock, &history.events());
            (history, verdict)
        };
        std::thread::Builder::new().stack_size(STACK).spawn(search)?.join().map_err(|_| anyhow::anyhow!("it panicked"))
    });
    judged.await?
}

impl Histories {
    fn count(&mut self, history: &History, verdict: &Verdict, folder: &Path) -> Result<()> {
        self.calls += history.calls.len();
        self.unknown += history.calls.iter().filter(|call| call.told.is_none()).count();
        let told = tell(history, verdict);
        match verdict {
            Verdict::Explained => self.explained += 1,
            Verdict::Undecided => {
                self.undecided += 1;
                history.keep(folder, &told)?;
            }
            Verdict::Contradiction { .. } => {
                let file = history.keep(folder, &told)?;
                self.contradictions.push(format!("{told}\n kept in {}", file.display()));
            }
        }
        Ok(())
    }
}

/// The verdict; of a contradiction also what was going on around it, times in milliseconds since the history began.
#[must_use]
pub fn tell(history: &History, verdict: &Verdict) -> String {
    let Verdict::Contradiction { explained, shop, stuck } = verdict else { return format!("{verdict:?}") };
    let line = |event: &Event| {
        let unanswered = if event.answered { "" } else { "?" };
        let (from, to) = (event.from / 1000, event.to / 1000);
        format!("  {from}–{to}{unanswered} ms user {}: {:?}", event.user, event.did)
    };
    let mut events = history.events();
    events.sort_by_key(|event| event.from);
    let from = stuck.iter().map(|event| event.from).min().unwrap_or_default() - 3_000_000;
    let to = stuck.iter().filter(|event| event.answered).map(|event| event.to).max().unwrap_or_default();
    let around: Vec<String> = events.iter().filter(|event| event.from <= to && event.to >= from).map(line).collect();
    let stuck: Vec<String> = stuck.iter().map(line).collect();
    format!(
        "a contradiction after {explained} calls (seed {}, stock {}, begun at {})\n {shop}\n none of these fits:\n{}\n around:\n{}",
        history.seed,
        history.stock,
        history.began,
        stuck.join("\n"),
        around.join("\n")
    )
}
