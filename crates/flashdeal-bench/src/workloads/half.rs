//! Latency at half of the maximum rate, compared with the echo's at the same rate.

use anyhow::{Context, Result};

use crate::load::{Measured, Plan};
use crate::report::{Goal, Row};
use crate::scripts::Buyers;
use crate::servers::{Kind, Wants};

use super::lane::Lane;
use super::{Bench, PLENTY};

const OF_ECHO_P99: &str = "× echo's p99";

pub(super) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for kind in bench.modes() {
        let name = format!("half rate, {}", kind.name());
        let mut echo = Lane::start(bench, &name, &Wants::new(Kind::Echo)).await?;
        let mut lane = Lane::start(bench, &name, &Wants::new(kind)).await?;
        for round in 1..=bench.options.rounds() {
            eprintln!("{name}, round {round}");
            let most = reserve(bench, &mut lane, bench.plan()).await?;
            let paced = Plan { per_second: Some(most.rate() / 2.0), ..bench.plan() };
            let measured = reserve(bench, &mut lane, paced).await?;
            lane.record(&measured);
            let of_echo = reserve(bench, &mut echo, paced).await?;
            echo.record(&of_echo);
            lane.row.measure(OF_ECHO_P99, measured.percentile(99.0) / of_echo.percentile(99.0));
        }
        if kind == Kind::Distributed {
            lane.row.goal(OF_ECHO_P99, Goal::AtMost(8.0));
        }
        rows.push(echo.finish()?);
        rows.push(lane.finish()?);
    }
    Ok(rows)
}

async fn reserve(bench: &Bench, lane: &mut Lane, plan: Plan) -> Result<Measured> {
    let mut shop = bench.setting.shop(&lane.target, 1, PLENTY).await?;
    let measured = lane.drive(plan, Buyers::endless(&mut shop)).context("the pace could not be kept")?;
    lane.check(&shop).await?;
    Ok(measured)
}
