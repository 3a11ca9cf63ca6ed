//! The gate: batches of operations, each one call of one script.

mod crowd;
mod decode;
mod encode;
mod op;
mod sharing;

use std::sync::Arc;

use deadpool_redis::redis::{Cmd, Script, Value, cmd};
use flashdeal_domain::ports::LedgerError;
use flashdeal_domain::{ProductId, StoreError};
use tokio::time::Instant;

use self::decode::Answers;
pub(crate) use self::encode::{QUEUED, TERMS_SIZE, from_ordered};
pub(crate) use self::op::{Kind, Op, Reply};
pub(crate) use self::sharing::{Alone, Lane, Together};
use crate::clock::LedgerClock;
use crate::connections::Connections;
use crate::error::{self, STORE};
use crate::tally::Tally;

/// The parts of the script, in the order in which they build on each other.
///
/// Most calls are served by the quick part. The functions of the rest are made in a call that needs them: to make them costs more than
/// what a quick one does.
const SOURCE: &str = concat!(
    include_str!("scripts/gate/prelude.lua"),
    include_str!("scripts/gate/quick.lua"),
    include_str!("scripts/gate/quick_reserve.lua"),
    include_str!("scripts/gate/quick_holders.lua"),
    "local function machinery()\n",
    include_str!("scripts/gate/state.lua"),
    include_str!("scripts/gate/holds.lua"),
    include_str!("scripts/gate/index.lua"),
    include_str!("scripts/gate/reserve.lua"),
    include_str!("scripts/gate/checkout.lua"),
    include_str!("scripts/gate/release.lua"),
    include_str!("scripts/gate/read.lua"),
    include_str!("scripts/gate/commit.lua"),
    include_str!("scripts/gate/view.lua"),
    include_str!("scripts/gate/open.lua"),
    include_str!("scripts/gate/operations.lua"),
    "return run_operations\nend\n",
    include_str!("scripts/gate/main.lua"),
);

/// The most operations in one call of the script: Lua cannot take many thousand arguments apart at once.
pub(crate) const MOST_OPERATIONS: usize = 512;

pub(crate) struct Gate {
    connections: Arc<Connections>,
    script: Script,
    clock: Arc<LedgerClock>,
}

impl Gate {
    pub(crate) fn new(connections: Arc<Connections>, clock: Arc<LedgerClock>) -> Self {
        Self { connections, script: Script::new(SOURCE), clock }
    }

    pub(crate) fn clock(&self) -> &LedgerClock {
        &self.clock
    }

    pub(crate) fn lane(&self, product: ProductId) -> Lane {
        if self.connections.is_cluster() { Lane::Product(product) } else { Lane::Everyone }
    }

    /// Runs operations in one call of the script and answers them in their order. At most [`MOST_OPERATIONS`]; in a cluster
    /// all of one product.
    pub(crate) async fn run_all(&self, items: Vec<Op>) -> Vec<Result<Reply, LedgerError>> {
        let count = items.len();
        let begun = Instant::now();
        let order = by_product(&items);
        let answers = match self.evaluate(&items, &order).await {
            Ok(reply) => answers(items, &order, &reply),
            Err(error) => {
                let error = LedgerError::from(error);
                std::iter::repeat_n(error, count).map(Err).collect()
            }
        };
        Tally::of_call(count, begun.elapsed(), &answers).report();
        answers
    }

    async fn evaluate(&self, items: &[Op], order: &[usize]) -> Result<Vec<u8>, StoreError> {
        let time = self.clock.time();
        let with_arguments = |mut command: Cmd| {
            encode::arguments(&mut command, items, order, time);
            command
        };
        let mut by_hash = cmd("EVALSHA");
        by_hash.arg(self.script.get_hash());
        let mut result = self.connections.call(&with_arguments(by_hash)).await?;
        if result.as_ref().is_err_and(error::is_no_script) {
            // The whole source, once: it runs and is remembered, on the very server that did not know it.
            let mut by_source = cmd("EVAL");
            by_source.arg(SOURCE);
            result = self.connections.call(&with_arguments(by_source)).await?;
        }
        match result.map_err(error::store_error)? {
            Value::BulkString(reply) => Ok(reply),
            other => Err(StoreError::failed(STORE, format!("the gate's script answered {other:?}"))),
        }
    }
}

/// The places of the operations, those of one product and one kind together, each in the order of arrival.
fn by_product(items: &[Op]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|at| items.get(*at).map(|op| (op.product(), op.kind())));
    order
}

fn answers(items: Vec<Op>, order: &[usize], reply: &[u8]) -> Vec<Result<Reply, LedgerError>> {
    let mut items: Vec<Option<Op>> = items.into_iter().map(Some).collect();
    let mut answers: Vec<Option<Result<Reply, LedgerError>>> = Vec::new();
    answers.resize_with(items.len(), || None);
    let mut reader = Answers::new(reply);
    if let Ok(reader) = &reader
        && reader.lapsed > 0
    {
        metrics::counter!("flashdeal_holds_total", "event" => "lapsed").increment(reader.lapsed.into());
    }
    let mut counters: Option<(ProductId, Result<Reply, LedgerError>)> = None;
    for at in order {
        let (Some(place), Some(op)) = (answers.get_mut(*at), items.get_mut(*at).and_then(Option::take)) else {
            continue;
        };
        let (product, asks_for_counters) = (op.product(), op.kind() == Kind::Status);
        if asks_for_counters && let Some((_, known)) = counters.as_ref().filter(|(of, _)| *of == product) {
            *place = Some(known.clone());
            continue;
        }
        let answer = match &mut reader {
            Ok(answers) => answers.next(op),
            Err(garbled) => Err(*garbled),
        };
        if asks_for_counters && let Ok(answer) = &answer {
            counters = Some((product, answer.clone()));
        }
        *place = Some(answer.unwrap_or_else(|garbled| {
            // Nothing that follows can be read either.
            reader = Err(garbled);
            Err(garbled.into())
        }));
    }
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(decode::Garbled.into()))).collect()
}
