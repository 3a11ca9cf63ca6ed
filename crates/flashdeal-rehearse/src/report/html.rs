//! The report as one page that needs nothing else: no script, no font, no picture from anywhere.

use std::fmt::Write;

use crate::numbers::shown;

use super::{Operation, Report, charts};

/// Text that cannot become markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What is told of an operation.
type Cell = fn(&Operation) -> String;

/// The rows of the table.
const ROWS: [(&str, Cell); 7] = [
    ("attempts", |operation| operation.attempts.to_string()),
    ("repeats", |operation| operation.repeats.to_string()),
    ("no answer or 5xx", |operation| operation.failures.to_string()),
    ("p50", |operation| shown(operation.p50)),
    ("p90", |operation| shown(operation.p90)),
    ("p99", |operation| shown(operation.p99)),
    ("max", |operation| shown(operation.max)),
];

const STYLE: &str = include_str!("report.css");

impl Report {
    /// The report as an HTML page.
    #[must_use]
    pub fn html(&self) -> String {
        let plan = &self.plan;
        let (class, verdict) = if self.books.balance() { ("good", "✓") } else { ("bad", "✗") };
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
             <title>Rehearsal of {at}</title><style>{STYLE}</style></head><body>\n\
             <h1>Rehearsal</h1><p class=\"about\">{about}</p>\n<p class=\"books {class}\">{verdict} {books}</p>\n",
            at = self.at,
            about = escape(&format!(
                "{} buyers ({} over {}, seed {}), {} units at {}, {} each, at {} on {}. It took {}. Product {}.",
                plan.buyers,
                plan.arrivals,
                shown(plan.over),
                plan.seed,
                plan.stock.get(),
                plan.price,
                plan.quantity,
                plan.base_url,
                self.at,
                shown(self.took),
                self.product
            )),
            books = escape(&self.books.line()),
        );
        for advice in self.advice() {
            // Writing to a String has no way to fail, here and below.
            let _ = writeln!(page, "<p class=\"note\">{}</p>", escape(&advice));
        }
        page.push_str(&self.tiles());
        for (title, chart) in [
            ("Arrivals over time", charts::arrivals(self)),
            ("Units sold over time", charts::sold(self)),
            ("Latency by operation", charts::latencies(self)),
            ("Refusals by reason", charts::refusals(self)),
        ] {
            let _ = writeln!(page, "<section><h2>{title}</h2>{chart}</section>");
        }
        page.push_str(&self.table());
        page + "</body></html>\n"
    }

    /// How it ended for whom.
    fn tiles(&self) -> String {
        let people = self.people;
        let tiles = [
            ("came", people.arrived),
            ("bought", people.bought),
            ("units sold", self.books.units_sold),
            ("cancelled", people.cancelled),
            ("walked away", people.walked_away),
            ("lost their hold", people.lapsed),
            ("turned away", people.turned_away),
            ("failed", people.failed),
        ];
        let tile = |(what, number): (&str, u64)| format!("<div><b>{number}</b><span>{what}</span></div>");
        format!("<div class=\"tiles\">{}</div>\n", tiles.map(tile).concat())
    }

    /// The exact latencies: a column for each operation, as a phone has room for four but not for seven.
    fn table(&self) -> String {
        let mut table = String::from("<section><h2>Operations</h2><div class=\"wide\"><table><tr><th></th>");
        for operation in &self.operations {
            let _ = write!(table, "<th>{}</th>", operation.name);
        }
        table.push_str("</tr>");
        for (title, cell) in ROWS {
            let _ = write!(table, "<tr><th>{title}</th>");
            for operation in &self.operations {
                let _ = write!(table, "<td>{}</td>", cell(operation));
            }
            table.push_str("</tr>");
        }
        table + "</table></div></section>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;

    /// Every element is closed in its turn, and every `<` and `&` is markup.
    fn assert_well_formed(page: &str) {
        let mut open = Vec::new();
        let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
        while let Some((text, after)) = rest.split_once('<') {
            assert!(!text.contains('>') || open.last() == Some(&"style"), "stray > in {text:?}");
            for entity in text.split('&').skip(1) {
                let name = entity.split(';').next().unwrap();
                assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{entity:?}");
            }
            let (tag, after) = after.split_once('>').expect("a tag ends");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().unwrap());
            }
            rest = after;
        }
        assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
    }

    #[test]
    fn the_page_is_well_formed_and_has_the_numbers() {
        let report = example();
        let page = report.html();
        assert_well_formed(&page);
        for expected in ["4321", "3977", "422", "sold_out", "3000", "reserve p99", "stock 500"] {
            assert!(page.contains(expected), "{expected} is not in the page");
        }
        assert_eq!(page.matches("<svg").count(), 4);
        assert!(page.contains(&super::escape(&report.books.line())));
    }

    #[test]
    fn what_a_server_says_stays_text_and_nothing_is_loaded() {
        let page = example().html();
        assert!(!page.contains("<script") && !page.contains("<b>&"), "markup got in");
        assert!(page.contains("&lt;script&gt;") && page.contains("&lt;b&gt;&amp;"));
        for loaded in ["src=", "href=", "url(", "@import"] {
            assert!(!page.contains(loaded), "{loaded}");
        }
    }

    #[test]
    fn an_empty_rehearsal_has_a_page_too() {
        let mut report = example();
        (report.arrivals, report.sales, report.operations, report.refusals) = Default::default();
        report.took = std::time::Duration::ZERO;
        let page = report.html();
        assert_well_formed(&page);
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
