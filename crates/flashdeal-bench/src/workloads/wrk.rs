//! How light this load generator is: the echo's throughput by it and by wrk, the usual yardstick.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flashdeal_tests::folder::Folder;

use crate::report::{Row, Sample};
use crate::scripts::Buyers;
use crate::servers::{Kind, Wants};

use super::lane::Lane;
use super::{Bench, PLENTY};

const OF_WRK: &str = "× wrk";

pub(super) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut lane = Lane::start(bench, "this generator", &Wants::new(Kind::Echo)).await?;
    let mut row = Row::new("wrk", Kind::Echo.name());
    let folder = Folder::new("wrk")?;
    let mut rates = Vec::new();
    for round in 1..=bench.options.rounds() {
        eprintln!("wrk, round {round}");
        let mut shop = bench.setting.shop(&lane.target, 1, PLENTY).await?;
        let measured = lane.drive(bench.plan(), Buyers::endless(&mut shop))?;
        lane.record(&measured);
        lane.check(&shop).await?;
        let id = shop.accounts.first().map(|account| account.id.as_str()).unwrap_or_default();
        let rate = by_wrk(bench, &folder, &format!("http://{}/api/products/{id}/reserve", lane.target.addr()))?;
        eprintln!("  {:>22}  {rate:>8.0}/s", "wrk");
        rates.push(rate);
        row.rounds.push(Sample { per_second: rate, p50_ms: f64::NAN, p99_ms: f64::NAN, max_ms: f64::NAN });
    }
    lane.row.compare(OF_WRK, &lane.rates, &rates);
    Ok(vec![row, lane.finish()?])
}

/// Requests a second by wrk on one thread, as this generator has.
fn by_wrk(bench: &Bench, folder: &Folder, url: &str) -> Result<f64> {
    let script = folder.path().join("reserve.lua");
    fs::write(&script, include_str!("wrk.lua"))?;
    let seconds = format!("{}s", bench.options.measure().as_secs());
    let output = Command::new("wrk")
        .args(["-t1", "-c", &bench.options.connections().to_string(), "-d", &seconds, "-s"])
        .arg(&script)
        .arg(url)
        .output()
        .context("cannot start wrk: is it installed?")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && !text.contains("Non-2xx"), "wrk failed: {text}");
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    rate.context("wrk tells no rate")
}
