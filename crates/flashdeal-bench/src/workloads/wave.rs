//! Many holds lapse within a second while others go on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flashdeal_tests::folder::Folder;
use flashdeal_tests::process::AppProcess;
use serde::Deserialize;

use crate::clock;
use crate::load::{Answer, Ask, Plan, Script, Verb};
use crate::numbers::{float, whole};
use crate::report::{Goal, Row};
use crate::scripts::Buyers;
use crate::servers::{Kind, Wants};
use crate::shop::Shop;

use super::lane::Lane;
use super::{Bench, PLENTY};

/// How many others come in a second.
const OTHERS: f64 = 1_000.0;
/// For how long one instance of the server makes holds, if its start takes half a second.
const SLICE: Duration = Duration::from_millis(400);
/// Within how many milliseconds all of them are to lapse; answers that are late make it a little more.
const WITHIN: u64 = 900;
/// What a slice takes with the restart, at most, in milliseconds.
const SLICE_LIMIT: u64 = 6_000;
/// How long before the wave the last hold must be made, in milliseconds. The holds of the others live as long.
const CALM: u64 = 8_000;
/// From how long before the wave until how long after its beginning others come, in milliseconds.
const BEFORE: u64 = 500;
const AFTER: u64 = 3_500;
const SLOWEST: &str = "ms slowest";
const SPREAD: &str = "s of lapsing";

pub(super) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for kind in bench.modes() {
        rows.push(of(bench, kind).await?);
    }
    Ok(rows)
}

/// Every hold lives as long as the server's setting says, and a hundred thousand are not made within a second. So they are made
/// by one instance after the other on the same stores, each with a hold time that ends at the same moment.
async fn of(bench: &Bench, kind: Kind) -> Result<Row> {
    let holds = bench.options.size(100_000, 10_000);
    let data = Folder::new("wave")?;
    let data = data.path().to_str().context("a temporary folder whose name is no text")?;
    let mut wants = Wants { hold_time: Some("1h".to_owned()), ..Wants::new(kind) };
    let mut lane = Lane::start(bench, &format!("wave, {holds} holds lapse"), &wants).await?;
    stop(&mut lane).await?;
    start(bench, &mut lane, &wants, data).await?;
    eprintln!("{}, {}: making them", lane.row.workload, kind.name());
    let mut shop = bench.setting.shop(&lane.target, 2, PLENTY).await?;
    let mut probed = bench.setting.shop(&lane.target, 1, PLENTY).await?;
    let slice = Plan { warm_up: Duration::ZERO, measure: Some(SLICE), ..bench.plan() };
    let a_slice = lane.drive(slice, Buyers::endless(&mut probed))?.answers.max(1);

    let slices = holds.div_ceil(a_slice) + 3;
    let lapse_at = clock::unix_millis() + slices * SLICE_LIMIT + CALM;
    let mut lapsing = Lapsing::default();
    while lapsing.made < holds {
        // A server that is told to end serves on for a while before it does.
        stop(&mut lane).await?;
        let left = lapse_at.saturating_sub(clock::unix_millis());
        ensure!(left > CALM, "{} of {holds} holds were made in time", lapsing.made);
        wants.hold_time = Some(format!("{left}ms"));
        start(bench, &mut lane, &wants, data).await?;
        // What the start took is missing from the second in which all of them lapse.
        let room = (lapse_at + WITHIN).saturating_sub(clock::unix_millis() + left);
        let slice = Plan { measure: Some(Duration::from_millis(room)), ..slice };
        lane.drive(slice, Early { shop: &mut shop, left: holds - lapsing.made, lapsing: &mut lapsing })?;
    }
    ensure!(shop.unexpected == 0, "a hold was not made: {:?}", shop.example);

    let calm = lapse_at.saturating_sub(clock::unix_millis()).saturating_sub(BEFORE);
    tokio::time::sleep(Duration::from_millis(calm)).await;
    let others = Plan {
        warm_up: Duration::ZERO,
        measure: Some(Duration::from_millis(BEFORE + AFTER)),
        per_second: Some(OTHERS),
        ..bench.plan()
    };
    let measured = lane.drive(others, Others { shop: &mut shop, turn: 0 })?;
    lane.record(&measured);
    if let Some(account) = shop.accounts.first_mut() {
        account.reserved = account.reserved.saturating_sub(holds);
    }
    lane.check(&shop).await?;
    lane.row.measure(SLOWEST, measured.slowest());
    lane.row.measure(SPREAD, lapsing.spread());
    if kind == Kind::Distributed {
        lane.row.goal(SLOWEST, Goal::AtMost(50.0));
    }
    // Later the holds of the others would lapse too.
    ensure!(clock::unix_millis() < lapse_at + CALM, "the books were read too late to tell anything");
    lane.finish()
}

/// Ends the server; its stores stay.
async fn stop(lane: &mut Lane) -> Result<()> {
    lane.target.app.terminate(Duration::from_secs(12)).await?;
    Ok(())
}

/// Starts the server again with another hold time, on the same stores.
async fn start(bench: &Bench, lane: &mut Lane, wants: &Wants, data: &str) -> Result<()> {
    let (redis, database) = (lane.target.redis.as_ref(), lane.target.database.as_ref());
    let options = bench.setting.options(wants, redis, database, Some(data))?;
    lane.target.app = AppProcess::start(options).await?;
    Ok(())
}

/// When the holds lapse.
#[derive(Debug, Default)]
struct Lapsing {
    made: u64,
    /// Milliseconds of the hour; a wave at the turn of the hour is told by its spread.
    first: Option<u64>,
    last: Option<u64>,
}

impl Lapsing {
    fn note(&mut self, expires_at: &str) {
        self.made += 1;
        if let Some(millis) = millis_of_day(expires_at) {
            self.first = Some(self.first.map_or(millis, |first| first.min(millis)));
            self.last = Some(self.last.map_or(millis, |last| last.max(millis)));
        }
    }

    /// From the first to the last, in seconds.
    fn spread(&self) -> f64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) => float(last - first) / 1000.0,
            _ => f64::NAN,
        }
    }
}

/// Of `2026-01-31T23:59:59.123Z`.
fn millis_of_day(time: &str) -> Option<u64> {
    let (_, time) = time.strip_suffix('Z')?.split_once('T')?;
    let mut parts = time.split(':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    Some((hours * 60 + minutes) * 60_000 + whole((seconds * 1000.0).round()))
}

/// Those whose holds will lapse, all of the first product.
struct Early<'a> {
    shop: &'a mut Shop,
    left: u64,
    lapsing: &'a mut Lapsing,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hold<'a> {
    expires_at: &'a str,
}

impl Script for Early<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask> {
        self.left = self.left.checked_sub(1)?;
        let ask = Ask { verb: Verb::Reserve, product: 0, user: self.shop.new_user() };
        self.shop.write(ask, out);
        Some(ask)
    }

    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        if answer.status == 201 {
            let hold: Hold<'_> = serde_json::from_slice(answer.body).context("a hold that cannot be read")?;
            self.lapsing.note(hold.expires_at);
        }
        self.shop.note(ask, answer)
    }
}

/// Those who come while it happens: they reserve the product of the wave and another one, and read counters.
struct Others<'a> {
    shop: &'a mut Shop,
    turn: u64,
}

impl Script for Others<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask> {
        self.turn += 1;
        let (verb, product) = match self.turn % 3 {
            0 => (Verb::Status, 0),
            1 => (Verb::Reserve, 0),
            _ => (Verb::Reserve, 1),
        };
        let ask = Ask { verb, product, user: self.shop.new_user() };
        self.shop.write(ask, out);
        Some(ask)
    }

    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        self.shop.note(ask, answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_from_the_first_to_the_last() {
        let mut lapsing = Lapsing::default();
        assert!(lapsing.spread().is_nan());
        for time in ["2026-01-31T10:00:01.250Z", "2026-01-31T10:00:00.900Z", "2026-01-31T10:00:01.001Z"] {
            lapsing.note(time);
        }
        assert_eq!((lapsing.made, lapsing.spread().to_string().as_str()), (3, "0.35"));
        assert_eq!(millis_of_day("2026-01-31T23:59:59.999Z"), Some(86_399_999));
        assert_eq!(millis_of_day("soon"), None);
    }
}
