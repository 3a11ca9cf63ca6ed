//! Whether a product with a million live holds is as quick as one with a thousand, and what a hold costs.

use anyhow::{Result, ensure};

use crate::load::Plan;
use crate::numbers::float;
use crate::report::{Goal, REDIS_BYTES, Row};
use crate::scripts::Buyers;
use crate::servers::{Kind, Wants};
use crate::shop::Shop;

use super::lane::Lane;
use super::{Bench, PLENTY};

const OF_FEW: &str = "× with few holds";
const FEW: u64 = 1_000;
/// Longer than all of it takes: none of the holds lapses.
const HOLD_TIME: &str = "4h";

pub(super) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for kind in bench.modes() {
        rows.extend(of(bench, kind).await?);
    }
    Ok(rows)
}

async fn of(bench: &Bench, kind: Kind) -> Result<[Row; 2]> {
    let many = bench.options.size(1_000_000, 50_000);
    let wants = Wants { hold_time: Some(HOLD_TIME.to_owned()), ..Wants::new(kind) };
    let mut lane = Lane::start(bench, &format!("reserve, {many} live holds"), &wants).await?;
    let mut few_row = Row::new(&format!("reserve, {FEW} live holds"), kind.name());
    let mut few_rates = Vec::new();

    eprintln!("{}, {}: making them", lane.row.workload, kind.name());
    let before = lane.target.redis_memory().await?;
    let mut crowded = filled(bench, &lane, many).await?;
    if let (Some(before), Some(after)) = (before, lane.target.redis_memory().await?) {
        lane.row.measure(REDIS_BYTES, (after - before) / float(many));
    }
    lane.row.peak(lane.target.peak_memory()?);

    for round in 1..=bench.options.rounds() {
        eprintln!("{}, round {round}", lane.row.workload);
        let mut shop = filled(bench, &lane, FEW).await?;
        let measured = lane.drive(bench.plan(), Buyers::endless(&mut shop))?;
        few_rates.push(measured.rate());
        few_row.rounds.push((&measured).into());
        lane.check(&shop).await?;
        let measured = lane.drive(bench.plan(), Buyers::endless(&mut crowded))?;
        lane.record(&measured);
        lane.check(&crowded).await?;
        (crowded.unexpected, crowded.example) = (0, None);
    }
    lane.row.compare(OF_FEW, &lane.rates, &few_rates);
    if kind == Kind::Distributed {
        lane.row.goal(OF_FEW, Goal::AtLeast(0.9));
        lane.row.goal(REDIS_BYTES, Goal::AtMost(200.0));
        lane.row.goal(crate::report::PEAK, Goal::AtMost(150.0));
    }
    Ok([few_row, lane.row])
}

/// A new product with so many live holds.
async fn filled(bench: &Bench, lane: &Lane, holds: u64) -> Result<Shop> {
    let mut shop = bench.setting.shop(&lane.target, 1, PLENTY).await?;
    lane.drive(Plan::until_done(bench.options.connections()), Buyers::some(&mut shop, holds))?;
    ensure!(shop.units() == (holds, 0), "only {} of {holds} holds were made: {:?}", shop.units().0, shop.example);
    Ok(shop)
}
