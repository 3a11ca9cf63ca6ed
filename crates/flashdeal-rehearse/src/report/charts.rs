//! The charts, as SVG that stands in the page. Everything is measured in the units of a viewBox of 720 by 220.

use std::fmt::Write;
use std::time::Duration;

use crate::numbers::{count, float, shown};

use super::Report;
use super::html::escape;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// The room for labels at the left, at the right and below.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const BELOW: f64 = 26.0;
const ABOVE: f64 = 12.0;
/// How many bars time is cut into.
const BARS: u32 = 60;

fn plot_width() -> f64 {
    WIDTH - LEFT - RIGHT
}

fn plot_height() -> f64 {
    HEIGHT - ABOVE - BELOW
}

/// Opens a chart with its title for those who cannot see it.
fn open(title: &str, height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\"><title>{}</title>", escape(title))
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, text: &str) {
    // Writing to a String has no way to fail, here and below.
    let _ = write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>", at.0, at.1, escape(text));
}

/// The axes of a chart over time.
fn axes(svg: &mut String, top: u64, took: Duration) {
    // The outer two stand within the chart, where nothing else is.
    for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
        let y = ABOVE + plot_height() * (1.0 - share);
        let _ =
            write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", WIDTH - RIGHT);
        let x = LEFT + plot_width() * share;
        text(svg, (x, HEIGHT - 8.0), anchor, &format!("{:.1} s", took.as_secs_f64() * share));
    }
    text(svg, (LEFT - 6.0, ABOVE + 4.0), "end", &top.to_string());
    text(svg, (LEFT - 6.0, ABOVE + plot_height() + 4.0), "end", "0");
}

/// How many came in each sixtieth of the time.
pub(super) fn arrivals(report: &Report) -> String {
    let counted = cut(report.arrivals.iter().map(|at| (*at, 1)), report.took);
    let top = counted.iter().copied().max().unwrap_or(0).max(1);
    let mut svg = open("Arrivals over time", HEIGHT);
    axes(&mut svg, top, report.took);
    let width = plot_width() / f64::from(BARS);
    for (number, came) in (0_u32..).zip(&counted).filter(|(_, came)| **came > 0) {
        let height = plot_height() * float(*came) / float(top);
        let (x, y) = (LEFT + width * f64::from(number), ABOVE + plot_height() - height);
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{came}</title></rect>",
            width - 1.0
        );
    }
    svg + "</svg>"
}

/// Sums what fell into each sixtieth of the time.
fn cut(events: impl Iterator<Item = (Duration, u32)>, took: Duration) -> Vec<u64> {
    let mut sums = vec![0_u64; usize::try_from(BARS).unwrap_or(0)];
    let slice = (took / BARS).max(Duration::from_micros(1));
    for (at, weight) in events {
        let number = usize::try_from(at.as_micros() / slice.as_micros()).unwrap_or(usize::MAX);
        let last = sums.len().saturating_sub(1);
        if let Some(sum) = sums.get_mut(number.min(last)) {
            *sum += u64::from(weight);
        }
    }
    sums
}

/// The units sold until each instant, below the line of the stock.
pub(super) fn sold(report: &Report) -> String {
    let stock = u64::from(report.plan.stock.get());
    let top = report.sales.iter().map(|(_, units)| u64::from(*units)).sum::<u64>().max(stock).max(1);
    let mut svg = open("Units sold over time", HEIGHT);
    axes(&mut svg, top, report.took);
    let y = |units: u64| ABOVE + plot_height() * (1.0 - float(units) / float(top));
    let _ = write!(
        svg,
        "<line class=\"stock\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/>",
        WIDTH - RIGHT,
        y(stock)
    );
    text(&mut svg, (WIDTH - RIGHT, y(stock) + 20.0), "end", &format!("stock {stock}"));
    let mut units = 0;
    let mut points = format!("{LEFT:.1},{:.1}", y(0));
    for (number, sum) in (1_u32..).zip(cut(report.sales.iter().copied(), report.took)) {
        units += sum;
        let x = LEFT + plot_width() * f64::from(number) / f64::from(BARS);
        let _ = write!(points, " {x:.1},{:.1}", y(units));
    }
    let _ = write!(svg, "<polyline class=\"line\" points=\"{points}\"/>");
    svg + "</svg>"
}

/// Bars that lie, one for each row: a label, what it shows, how long it is.
fn lying(title: &str, rows: &[(String, String, f64)]) -> String {
    let row_height = 22.0;
    let longest = rows.iter().map(|row| row.2).fold(f64::MIN_POSITIVE, f64::max);
    let height = row_height * float(count(rows.len())) + 8.0;
    let mut svg = open(title, height);
    let (left, room) = (170.0, 460.0);
    for (number, (label, value, length)) in (0_u32..).zip(rows) {
        let y = f64::from(number) * row_height + 4.0;
        let width = (room * length / longest).max(1.0);
        text(&mut svg, (left - 8.0, y + 14.0), "end", label);
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{left}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
            row_height - 5.0
        );
        text(&mut svg, (left + width + 6.0, y + 14.0), "start", value);
    }
    svg + "</svg>"
}

/// Half, nine tenths and 99 % of the answers, operation by operation.
pub(super) fn latencies(report: &Report) -> String {
    let rows = report.operations.iter().flat_map(|operation| {
        [("p50", operation.p50), ("p90", operation.p90), ("p99", operation.p99)]
            .map(|(name, time)| (format!("{} {name}", operation.name), shown(time), time.as_secs_f64()))
    });
    lying("Latency by operation", &rows.collect::<Vec<_>>())
}

/// How often which error came.
pub(super) fn refusals(report: &Report) -> String {
    let row = |(reason, number): &(String, u64)| (reason.clone(), number.to_string(), float(*number));
    lying("Refusals by reason", &report.refusals.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_time_is_cut() {
        let took = Duration::from_secs(6);
        let events = [(Duration::ZERO, 1), (Duration::from_millis(99), 2), (Duration::from_millis(100), 4), (took, 8)];
        let sums = cut(events.into_iter(), took);
        assert_eq!((sums.len(), sums[0], sums[1], sums[59]), (60, 3, 4, 8));
        assert_eq!(cut(events.into_iter(), Duration::ZERO).iter().sum::<u64>(), 15);
    }
}
