//! One server under one workload, over all rounds.

use anyhow::Result;

use crate::books;
use crate::load::{Measured, Plan, Script, drive};
use crate::report::{Row, Sample};
use crate::servers::{Target, Wants};
use crate::shop::Shop;

use super::Bench;

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) target: Target,
    pub(super) row: Row,
    /// Requests a second of each round.
    pub(super) rates: Vec<f64>,
    /// Units sold in all rounds.
    sold: u64,
    connections: usize,
}

impl Lane {
    /// Starts the server with empty stores.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) async fn start(bench: &Bench, workload: &str, wants: &Wants) -> Result<Self> {
        let target = bench.setting.start(wants).await?;
        Ok(Self::over(bench, workload, target))
    }

    /// A server that runs already.
    pub(super) fn over(bench: &Bench, workload: &str, target: Target) -> Self {
        let row = Row::new(workload, target.kind.name());
        Self { target, row, rates: Vec::new(), sold: 0, connections: bench.options.connections() }
    }

    /// Puts a load on the server.
    ///
    /// # Errors
    /// When the server hangs up or is silent.
    pub(super) fn drive(&self, plan: Plan, mut script: impl Script) -> Result<Measured> {
        drive(self.target.addr(), plan, &mut script)
    }

    /// Takes down what a round measured.
    pub(super) fn record(&mut self, measured: &Measured) {
        let sample = Sample::from(measured);
        eprintln!("  {:>22}  {:>8.0}/s", self.row.server, sample.per_second);
        self.rates.push(sample.per_second);
        self.row.rounds.push(sample);
    }

    /// Takes down what is wrong with the books of a round.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(super) async fn check(&mut self, shop: &Shop) -> Result<()> {
        let mut faults = books::check(&self.target, shop, self.connections).await?;
        let (_, sold) = shop.units();
        self.sold += sold;
        if sold > 0 {
            faults.extend(books::check_orders(&self.target, self.sold).await?);
        }
        for fault in &faults {
            eprintln!("  WRONG: {fault}");
        }
        self.row.faults.extend(faults);
        Ok(())
    }

    /// Takes down the peak of memory and gives the row.
    ///
    /// # Errors
    /// When the server is gone.
    pub(super) fn finish(mut self) -> Result<Row> {
        self.row.peak(self.target.peak_memory()?);
        Ok(self.row)
    }
}
