//! What it costs that Redis writes to the disk before it answers.

use anyhow::Result;
use flashdeal_tests::redis::Persistence;

use crate::report::{Goal, Row};
use crate::scripts::Buyers;
use crate::servers::{Kind, Wants};

use super::lane::Lane;
use super::{Bench, PLENTY};

const OF_NONE: &str = "× without a file";

pub(super) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    if !bench.modes().any(|kind| kind == Kind::Distributed) {
        return Ok(Vec::new());
    }
    let wants = |persistence| Wants { persistence, ..Wants::new(Kind::Distributed) };
    let mut always = Lane::start(bench, "reserve, appendfsync always", &wants(Persistence::Always)).await?;
    let mut none = Lane::start(bench, "reserve, Redis without a file", &wants(Persistence::None)).await?;
    for round in 1..=bench.options.rounds() {
        eprintln!("Redis with and without a file, round {round}");
        for lane in [&mut always, &mut none] {
            let mut shop = bench.setting.shop(&lane.target, 1, PLENTY).await?;
            let measured = lane.drive(bench.plan(), Buyers::endless(&mut shop))?;
            lane.record(&measured);
            lane.check(&shop).await?;
        }
    }
    always.row.compare(OF_NONE, &always.rates, &none.rates);
    always.row.goal(OF_NONE, Goal::AtLeast(0.7));
    Ok(vec![none.finish()?, always.finish()?])
}
