//! What is measured: one file for each kind of it.

mod aof;
mod crowds;
mod growth;
mod half;
mod lane;
mod wave;
mod wrk;

use anyhow::{Context, Result};

use crate::cli::{Mode, Options, Workload};
use crate::load::Plan;
use crate::report::Row;
use crate::servers::{Kind, Setting};

use crowds::Crowd;

/// More stock than anyone asks for.
const PLENTY: u64 = 1_000_000_000;

/// A run.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) setting: Setting,
    pub(crate) options: Options,
}

impl Bench {
    /// Measures everything that is wanted.
    ///
    /// # Errors
    /// When something cannot be measured. Wrong books are no error, but faults of their row.
    pub(crate) async fn run(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let all = [
            Workload::Hot,
            Workload::Even,
            Workload::Zipf,
            Workload::SoldOut,
            Workload::Mixed,
            Workload::Status,
            Workload::Checkout,
            Workload::Growth,
            Workload::Wave,
            Workload::Half,
            Workload::Aof,
            Workload::Wrk,
        ];
        for workload in all.into_iter().filter(|workload| self.options.wants(*workload)) {
            let measured = match workload {
                Workload::Hot => crowds::run(self, Crowd::Hot).await,
                Workload::Even => crowds::run(self, Crowd::Even).await,
                Workload::Zipf => crowds::run(self, Crowd::Zipf).await,
                Workload::SoldOut => crowds::run(self, Crowd::SoldOut).await,
                Workload::Mixed => crowds::run(self, Crowd::Mixed).await,
                Workload::Status => crowds::run(self, Crowd::Status).await,
                Workload::Checkout => crowds::run(self, Crowd::Checkout).await,
                Workload::Growth => growth::run(self).await,
                Workload::Wave => wave::run(self).await,
                Workload::Half => half::run(self).await,
                Workload::Aof => aof::run(self).await,
                Workload::Wrk => wrk::run(self).await,
            };
            rows.extend(measured.with_context(|| format!("{workload:?} could not be measured"))?);
        }
        Ok(rows)
    }

    /// The modes of the server that are wanted.
    fn modes(&self) -> impl Iterator<Item = Kind> + use<> {
        let mode = self.options.mode;
        let distributed = (mode != Mode::Embedded).then_some(Kind::Distributed);
        let embedded = (mode != Mode::Distributed).then_some(Kind::Embedded);
        distributed.into_iter().chain(embedded)
    }

    /// As fast as it goes, for as long as each is measured.
    fn plan(&self) -> Plan {
        let options = &self.options;
        Plan {
            connections: options.connections(),
            warm_up: options.warm_up(),
            measure: Some(options.measure()),
            per_second: None,
        }
    }
}
