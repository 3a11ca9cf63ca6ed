//! Crowds that ask as fast as they are answered, compared with the echo.

use std::collections::VecDeque;

use anyhow::Result;

use crate::books;
use crate::load::{Measured, Plan};
use crate::numbers::float;
use crate::pgbench::PgBench;
use crate::random::{Random, Zipf};
use crate::report::{Goal, OF_ECHO, REDIS_BYTES, Row, Sample};
use crate::scripts::{Buyers, Payers, Readers, Sale, Wish};
use crate::servers::{Kind, Wants};
use crate::shop::Shop;

use super::lane::Lane;
use super::{Bench, PLENTY};

/// What the crowd does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    Hot,
    Even,
    Zipf,
    SoldOut,
    Mixed,
    Status,
    Checkout,
}

const OF_SCRIPT: &str = "× script per request";
const OF_PGBENCH: &str = "× one transaction each";
/// How uneven the wishes are.
const EXPONENT: f64 = 1.1;

impl Crowd {
    fn name(self) -> &'static str {
        match self {
            Self::Hot => "reserve, hot product",
            Self::Even => "reserve, 10,000 evenly",
            Self::Zipf => "reserve, 10,000 by Zipf",
            Self::SoldOut => "reserve, sold out",
            Self::Mixed => "mixed sale",
            Self::Status => "status",
            Self::Checkout => "checkout, hot product",
        }
    }

    /// What the issue of performance asks for.
    fn goals(self, kind: Kind) -> &'static [(&'static str, f64)] {
        match (self, kind) {
            (Self::Hot, Kind::Distributed) => &[(OF_ECHO, 0.60), (OF_SCRIPT, 4.0)],
            (Self::Hot, Kind::Embedded) => &[(OF_ECHO, 0.60)],
            (Self::Even, Kind::Distributed) => &[(OF_ECHO, 0.40)],
            (Self::SoldOut, Kind::Distributed) => &[(OF_ECHO, 0.75)],
            (Self::Status, Kind::Distributed) => &[(OF_ECHO, 0.70)],
            (Self::Checkout, Kind::Distributed) => &[(OF_PGBENCH, 10.0)],
            (Self::Checkout, Kind::Embedded) => &[(OF_ECHO, 0.30)],
            _ => &[],
        }
    }
}

/// Measures the crowd at each server in turn, round by round.
pub(super) async fn run(bench: &Bench, crowd: Crowd) -> Result<Vec<Row>> {
    let name = crowd.name();
    let script = (crowd == Crowd::Hot).then_some(Kind::Script);
    let mut lanes = Vec::new();
    for kind in [Kind::Echo].into_iter().chain(script).chain(bench.modes()) {
        lanes.push(Crowded { lane: Lane::start(bench, name, &Wants::new(kind)).await?, crowd, shop: None });
    }
    let mut pgbench = match crowd {
        Crowd::Checkout => Some((PgBench::new(&bench.setting.postgres).await?, Row::new(name, "one transaction each"))),
        _ => None,
    };
    let mut pgbench_rates = Vec::new();
    for round in 1..=bench.options.rounds() {
        eprintln!("{name}, round {round}");
        for lane in &mut lanes {
            lane.round(bench).await?;
        }
        if let Some((pgbench, row)) = &mut pgbench {
            let sample = Sample::from(&pgbench.round(bench.options.measure().as_secs()).await?);
            eprintln!("  {:>22}  {:>8.0}/s", row.server, sample.per_second);
            pgbench_rates.push(sample.per_second);
            row.rounds.push(sample);
        }
    }
    let rates = |kind| {
        let lane = lanes.iter().find(|lane| lane.lane.target.kind == kind);
        lane.map_or_else(Vec::new, |lane| lane.lane.rates.clone())
    };
    let (echo, script) = (rates(Kind::Echo), rates(Kind::Script));
    let mut rows = Vec::new();
    if let Some((_, mut row)) = pgbench {
        row.compare(OF_ECHO, &pgbench_rates, &echo);
        rows.push(row);
    }
    for lane in lanes {
        let mut lane = lane.lane;
        let kind = lane.target.kind;
        if kind != Kind::Echo {
            lane.row.compare(OF_ECHO, &lane.rates, &echo);
            lane.row.compare(OF_PGBENCH, &lane.rates, &pgbench_rates);
        }
        if matches!(kind, Kind::Distributed | Kind::Embedded) {
            lane.row.compare(OF_SCRIPT, &lane.rates, &script);
        }
        for (measure, bound) in crowd.goals(kind) {
            lane.row.goal(measure, Goal::AtLeast(*bound));
        }
        rows.push(lane.finish()?);
    }
    Ok(rows)
}

struct Crowded {
    lane: Lane,
    crowd: Crowd,
    /// The products, where all rounds have the same.
    shop: Option<Shop>,
}

impl Crowded {
    async fn round(&mut self, bench: &Bench) -> Result<()> {
        let plan = bench.plan();
        let crowd = if self.lane.target.kind == Kind::Echo { Crowd::Hot } else { self.crowd };
        let (mut shop, measured) = match crowd {
            Crowd::Hot => self.hot(bench, plan).await?,
            Crowd::Even | Crowd::Zipf => {
                let mut shop = self.many(bench).await?;
                let seed = u64::try_from(self.lane.rates.len())?;
                let wish = match crowd {
                    Crowd::Zipf => Wish::Zipf(Random::new(seed), Zipf::new(shop.accounts.len(), EXPONENT)),
                    _ => Wish::Even(Random::new(seed)),
                };
                let measured = self.lane.drive(plan, Buyers { shop: &mut shop, wish, left: None })?;
                (shop, measured)
            }
            Crowd::SoldOut => {
                let stock = books::one_percent(plan.warm_up + bench.options.measure());
                let mut shop = bench.setting.shop(&self.lane.target, 1, stock).await?;
                let measured = self.lane.drive(plan, Buyers::endless(&mut shop))?;
                (shop, measured)
            }
            Crowd::Mixed => {
                let mut shop = bench.setting.shop(&self.lane.target, 1, PLENTY).await?;
                let sale = Sale { shop: &mut shop, random: Random::new(1), holders: VecDeque::new() };
                let measured = self.lane.drive(plan, sale)?;
                (shop, measured)
            }
            Crowd::Status => {
                let mut shop = bench.setting.shop(&self.lane.target, 1, PLENTY).await?;
                self.lane.drive(Plan::until_done(plan.connections), Buyers::some(&mut shop, 1_000))?;
                let measured = self.lane.drive(plan, Readers { shop: &mut shop })?;
                (shop, measured)
            }
            Crowd::Checkout => self.checkout(bench, plan).await?,
        };
        self.lane.record(&measured);
        self.lane.check(&shop).await?;
        if matches!(crowd, Crowd::Even | Crowd::Zipf) {
            // What was found wrong once is not to be told again.
            (shop.unexpected, shop.example) = (0, None);
            self.shop = Some(shop);
        }
        Ok(())
    }

    async fn hot(&mut self, bench: &Bench, plan: Plan) -> Result<(Shop, Measured)> {
        let mut shop = bench.setting.shop(&self.lane.target, 1, PLENTY).await?;
        let before = self.lane.target.redis_memory().await?;
        let measured = self.lane.drive(plan, Buyers::endless(&mut shop))?;
        let (holds, _) = shop.units();
        if let (Some(before), Some(after)) = (before, self.lane.target.redis_memory().await?) {
            self.lane.row.measure(REDIS_BYTES, (after - before) / float(holds.max(1)));
        }
        Ok((shop, measured))
    }

    /// The products of all rounds; the first time each is reserved once, so that the ledger knows them all.
    async fn many(&mut self, bench: &Bench) -> Result<Shop> {
        if let Some(shop) = self.shop.take() {
            return Ok(shop);
        }
        let products = usize::try_from(bench.options.size(10_000, 1_000))?;
        let mut shop = bench.setting.shop(&self.lane.target, products, PLENTY).await?;
        let touch = u64::try_from(products)?;
        self.lane.drive(Plan::until_done(bench.options.connections()), Buyers::some(&mut shop, touch))?;
        Ok(shop)
    }

    /// Holds are made untimed, then paid for.
    async fn checkout(&mut self, bench: &Bench, plan: Plan) -> Result<(Shop, Measured)> {
        let mut shop = bench.setting.shop(&self.lane.target, 1, PLENTY).await?;
        let buyers = bench.options.size(30_000, 10_000) * bench.options.measure().as_secs();
        self.lane.drive(Plan::until_done(plan.connections), Buyers::some(&mut shop, buyers))?;
        let measured = self.lane.drive(plan, Payers { shop: &mut shop, users: 1..=buyers })?;
        if let Some(account) = shop.accounts.first() {
            let faults = books::check_buyers(&self.lane.target, &account.id, account.sold).await?;
            self.lane.row.faults.extend(faults);
        }
        Ok((shop, measured))
    }
}
