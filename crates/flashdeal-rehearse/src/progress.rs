//! What the operator sees meanwhile: a bar on a terminal, a line now and then anywhere else.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::tally::Counts;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows on the standard error how far the rehearsal is.
#[derive(Debug)]
pub struct Progress(Kind);

#[derive(Debug)]
enum Kind {
    Bar(ProgressBar),
    Lines { buyers: u32, next: Duration },
    Silent,
}

impl Progress {
    /// A bar if the standard error is a terminal, else lines.
    #[must_use]
    pub fn on_stderr(buyers: u32) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(Kind::Lines { buyers, next: LINE_EVERY });
        }
        let bar = ProgressBar::new(u64::from(buyers));
        if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} [{bar:30}] {pos}/{len} came · {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(Kind::Bar(bar))
    }

    /// Shows nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self(Kind::Silent)
    }

    pub(crate) fn show(&mut self, counts: &Counts, elapsed: Duration) {
        let people = counts.people;
        let state = format!(
            "{} bought, {} cancelled, {} walked away, {} turned away, {} failed",
            people.bought, people.cancelled, people.walked_away, people.turned_away, people.failed
        );
        match &mut self.0 {
            Kind::Bar(bar) => {
                bar.set_position(people.arrived);
                bar.set_message(state);
            }
            Kind::Lines { buyers, next } if elapsed >= *next => {
                *next = elapsed + LINE_EVERY;
                eprintln!("{:.0} s: {}/{buyers} came, {state}", elapsed.as_secs_f64(), people.arrived);
            }
            _ => {}
        }
    }

    pub(crate) fn say(&self, line: &str) {
        match &self.0 {
            Kind::Bar(bar) => bar.println(line),
            Kind::Lines { .. } => eprintln!("{line}"),
            Kind::Silent => {}
        }
    }

    pub(crate) fn finish(&self, line: &str) {
        if let Kind::Bar(bar) = &self.0 {
            bar.abandon();
        }
        if !matches!(self.0, Kind::Silent) {
            eprintln!("{line}");
        }
    }
}
