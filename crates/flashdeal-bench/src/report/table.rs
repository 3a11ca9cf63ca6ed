//! The table, for a terminal.

use std::fmt::Write as _;

use super::{Measure, OF_ECHO, PEAK, REDIS_BYTES, Report, Row};
use crate::numbers::whole;

/// What the columns are called.
pub(super) const HEADINGS: [&str; 11] =
    ["workload", "server", "req/s", OF_ECHO, "p50 ms", "p99 ms", "max ms", PEAK, REDIS_BYTES, "also", "books"];
/// How many columns on the left are text.
const TEXT: usize = 2;
/// From where on they are text again.
const TEXT_AGAIN: usize = 9;

impl Report {
    /// The table, with what is worth knowing about it.
    pub(super) fn text(&self) -> String {
        let cells: Vec<[String; 11]> = self.rows.iter().map(Row::cells).collect();
        let headings = HEADINGS.map(str::to_owned);
        let mut widths = [0; 11];
        for row in std::iter::once(&headings).chain(&cells) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = format!("\n{}\n\n", self.about());
        for (number, row) in std::iter::once(&headings).chain(&cells).enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                let padding = " ".repeat(width - cell.chars().count());
                let is_text = !(TEXT..TEXT_AGAIN).contains(&column);
                let (before, after) = if is_text { ("", padding.as_str()) } else { (padding.as_str(), "") };
                let _ = write!(line, "{before}{cell}{after}  ");
            }
            let _ = writeln!(text, "{}", line.trim_end());
            if number == 0 {
                let _ = writeln!(text, "{}", "─".repeat(line.trim_end().chars().count()));
            }
        }
        for row in self.rows.iter().filter(|row| !row.faults.is_empty()) {
            let _ = writeln!(text, "\nWRONG: {}, {}:\n  {}", row.workload, row.server, row.faults.join("\n  "));
        }
        text
    }

    /// How it was measured.
    pub(super) fn about(&self) -> String {
        let quick = if self.quick { " A quick run: it shows that it works, not how fast." } else { "" };
        format!(
            "Medians of {} rounds of {} s on {} cores shared with the load generator, {} connections, {} workers; the load \
             average before was {:.1}.{quick}\n{OF_ECHO}: requests a second of those of the bare echo in the same round.",
            self.rounds, self.seconds, self.cores, self.connections, self.workers, self.load_average
        )
    }
}

impl Row {
    /// One text for each of the headings.
    pub(super) fn cells(&self) -> [String; 11] {
        let shown = |value: Option<f64>, digits: usize| {
            // What another tool did not tell is no number.
            value.filter(|value| value.is_finite()).map_or(String::new(), |value| format!("{value:.digits$}"))
        };
        let column = |name: &str, digits: usize| {
            self.find(name)
                .map_or(String::new(), |measure| format!("{:.digits$}{}", measure.median(), measure.verdict()))
        };
        let others = self.measures.iter().filter(|measure| ![OF_ECHO, PEAK, REDIS_BYTES].contains(&measure.name));
        let books = if self.faults.is_empty() { "balance" } else { "WRONG" };
        [
            self.workload.clone(),
            self.server.clone(),
            self.median(|sample| sample.per_second).map_or(String::new(), thousands),
            column(OF_ECHO, 2),
            shown(self.median(|sample| sample.p50_ms), 2),
            shown(self.median(|sample| sample.p99_ms), 2),
            shown(self.median(|sample| sample.max_ms), 1),
            column(PEAK, 0),
            column(REDIS_BYTES, 0),
            others.map(Measure::shown).collect::<Vec<_>>().join("; "),
            books.to_owned(),
        ]
    }
}

impl Measure {
    fn shown(&self) -> String {
        format!("{:.2} {}{}", self.median(), self.name, self.verdict())
    }
}

/// `12,345`.
fn thousands(number: f64) -> String {
    let digits = whole(number.round()).to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Goal, Sample};

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0.0, "0"), (999.4, "999"), (1_000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn a_row_shows_its_medians_its_goals_and_its_faults() {
        let mut row = Row::new("hot product", "distributed");
        row.rounds = [10_000.0, 30_000.0, 20_000.0]
            .map(|per_second| Sample { per_second, p50_ms: 1.0, p99_ms: 2.0, max_ms: 3.0 })
            .to_vec();
        row.measure(OF_ECHO, 0.61);
        row.goal(OF_ECHO, Goal::AtLeast(0.6));
        row.measure("× script", 4.5);
        let cells = row.cells();
        assert_eq!((cells[2].as_str(), cells[3].as_str()), ("20,000", "0.61 (≥ 0.6 ✓)"));
        assert_eq!((cells[9].as_str(), cells[10].as_str()), ("4.50 × script", "balance"));
        row.faults.push("one too many".to_owned());
        assert_eq!(row.cells()[10], "WRONG");
    }
}
