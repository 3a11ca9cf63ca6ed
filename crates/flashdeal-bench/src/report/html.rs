//! The chart and the table as one HTML file that needs nothing else.

use std::fmt::Write as _;

use super::table::HEADINGS;
use super::{Goal, OF_ECHO, Report, Row};

/// Pixels from one bar to the next.
const STEP: f64 = 26.0;
const BAR: f64 = 16.0;
/// Where the bars begin.
const LEFT: f64 = 300.0;
/// How long a bar is that equals the echo.
const UNIT: f64 = 520.0;
const WIDTH: f64 = 980.0;

impl Report {
    /// The page.
    pub(super) fn html(&self) -> String {
        let mut table = String::from("<thead><tr>");
        for heading in HEADINGS {
            let _ = write!(table, "<th scope=\"col\">{}</th>", escaped(heading));
        }
        table.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            table.push_str("<tr>");
            for cell in row.cells() {
                let class = if cell == "WRONG" || cell.contains('✗') { " class=\"missed\"" } else { "" };
                let _ = write!(table, "<td{class}>{}</td>", escaped(&cell));
            }
            table.push_str("</tr>\n");
        }
        table.push_str("</tbody>");
        let mut faults = String::new();
        for row in self.rows.iter().filter(|row| !row.faults.is_empty()) {
            let text = format!("{}, {}: {}", row.workload, row.server, row.faults.join("; "));
            let _ = writeln!(faults, "<p class=\"missed\">WRONG: {}</p>", escaped(&text));
        }
        include_str!("page.html")
            .replace("{{about}}", &escaped(&self.about()))
            .replace("{{chart}}", &self.chart())
            .replace("{{faults}}", &faults)
            .replace("{{table}}", &table)
    }

    /// A bar for every row that is compared with the echo, and a mark where it is to reach.
    fn chart(&self) -> String {
        let bars: Vec<(&Row, f64)> =
            self.rows.iter().filter_map(|row| Some((row, row.find(OF_ECHO)?.median()))).collect();
        let mut svg = String::new();
        let mut top = 30.0;
        for tick in [0.0_f64, 0.25, 0.5, 0.75, 1.0] {
            let x = LEFT + tick * UNIT;
            let _ = write!(svg, "<text class=\"tick\" x=\"{x}\" y=\"14\" text-anchor=\"middle\">{tick}</text>");
            let _ = writeln!(svg, "<line class=\"grid\" x1=\"{x}\" x2=\"{x}\" y1=\"20\" y2=\"100%\"/>");
        }
        for (row, ratio) in bars {
            let (middle, width) = (top + BAR * 0.8, (ratio * UNIT).clamp(1.0, WIDTH - LEFT));
            let class = row.server.split(' ').next().unwrap_or_default();
            let label = escaped(&format!("{}, {}", row.workload, row.server));
            let rate = row.cells().into_iter().nth(2).unwrap_or_default();
            let _ = write!(svg, "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{label}</text>", LEFT - 8.0);
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\">\
                 <title>{label}: {ratio:.2} of the echo, {rate} requests a second</title></rect>"
            );
            let goal = row.find(OF_ECHO).and_then(|measure| measure.goal);
            let mut beside = LEFT + width + 6.0;
            if let Some(Goal::AtLeast(bound)) = goal {
                let x = LEFT + bound * UNIT;
                let (from, to) = (top - 3.0, top + BAR + 3.0);
                let _ = write!(svg, "<line class=\"goal\" x1=\"{x}\" x2=\"{x}\" y1=\"{from}\" y2=\"{to}\"/>");
                if bound > ratio {
                    beside = x + 6.0;
                }
            }
            let _ =
                writeln!(svg, "<text class=\"value\" x=\"{beside:.1}\" y=\"{middle}\">{ratio:.2} · {rate}/s</text>");
            top += STEP;
        }
        let height = top + 4.0;
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Requests a second as a share of the bare echo's\">\n\
             {svg}</svg>"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut row = Row::new("hot <product>", "distributed");
        row.measure(OF_ECHO, 0.5);
        row.goal(OF_ECHO, Goal::AtLeast(0.6));
        row.faults.push("1 < 2".to_owned());
        Report {
            made_at_unix_ms: 0,
            cores: 2,
            connections: 128,
            rounds: 3,
            seconds: 3.0,
            workers: 2,
            quick: false,
            load_average: 0.1,
            rows: vec![row],
        }
    }

    #[test]
    fn the_page_has_the_bar_its_goal_and_what_is_wrong() {
        let page = report().html();
        assert!(page.contains("width=\"260.0\"") && page.contains("class=\"goal\" x1=\"612\""), "{page}");
        assert!(page.contains("hot &lt;product&gt;") && page.contains("1 &lt; 2"));
        assert!(!page.contains("{{"), "a place was left unfilled");
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = report().html();
        for outside in ["http://", "https://", "<script", "<link", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
