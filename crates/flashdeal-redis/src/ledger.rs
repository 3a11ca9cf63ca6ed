//! The port: each method one operation of the gate, shared with whoever calls at the same moment.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::cmd;
use flashdeal_batching::{Batcher, Limits, Rejected};
use flashdeal_domain::ports::{
    BeginOutcome, Finish, GateBooks, GateView, Hold, LedgerError, OpeningToken, ReleaseOutcome, ReserveCall,
    ReserveOutcome,
};
use flashdeal_domain::{ProductId, RecordState, ReservationId, ReservationLedger, StockLevel, StoreError, UserId};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::books;
use crate::connections::Connections;
use crate::dice;
use crate::error::{ConnectError, STORE};
use crate::gate::{Alone, Gate, MOST_OPERATIONS, Op, Reply, Together};
use crate::pool::Pool;
use crate::refused::Refused;
use crate::registry::Registry;
use crate::thread::OwnThread;

/// The most callers that wait on one thread; one more is told that the store is overloaded.
const QUEUE: usize = 8192;
/// The most products in one call of operations that are alone on their product: bounds how long the script runs.
const PRODUCTS_A_CALL: usize = 32;
/// The most such calls at a time.
const VIEW_CALLS: usize = 8;

/// [`ReservationLedger`] on Redis. Cheap to clone.
#[derive(Clone)]
pub struct RedisLedger {
    shared: Arc<Shared>,
}

struct Shared {
    connections: Arc<Connections>,
    pool: Arc<Pool>,
    registry: Registry,
    gate: Arc<Gate>,
    together: Batcher<Together>,
    looks: Batcher<Together>,
    refused: Refused,
    alone: Batcher<Alone>,
    _thread: OwnThread,
}

impl RedisLedger {
    pub(crate) fn new(gate: Gate, connections: Arc<Connections>, pool: Arc<Pool>) -> Result<Self, ConnectError> {
        let gate = Arc::new(gate);
        let thread = OwnThread::start().map_err(ConnectError::Thread)?;
        let limits = Limits { batch: MOST_OPERATIONS, queue: QUEUE };
        let few = Limits { batch: PRODUCTS_A_CALL, ..limits };
        Ok(Self {
            shared: Arc::new(Shared {
                connections,
                registry: Registry::new(Arc::clone(&pool)),
                pool,
                together: Batcher::on(thread.runtime(), Together(Arc::clone(&gate)), limits),
                looks: Batcher::new(Together(Arc::clone(&gate)), limits),
                refused: Refused::default(),
                alone: Batcher::on(thread.runtime(), Alone(Arc::clone(&gate)), few),
                gate,
                _thread: thread,
            }),
        })
    }

    /// Runs one operation, together with those of other callers of this moment.
    async fn run(&self, mut op: Op) -> Result<Reply, LedgerError> {
        let Shared { gate, refused, .. } = &*self.shared;
        let product = op.product();
        let batcher = self.batcher_of(&op);
        let mut until = None;
        loop {
            let answer = batcher.submit(gate.lane(product), op).await.map_err(rejected)?;
            match answer? {
                Reply::More(again) => op = again,
                reply => {
                    if let Reply::Reserve(outcome) = &reply {
                        refused.remember(product, is_refusal(outcome));
                    }
                    return Ok(reply);
                }
            }
            let limit = self.shared.connections.limit();
            if Instant::now() > *until.get_or_insert_with(|| Instant::now() + limit) {
                return Err(StoreError::unavailable(STORE, StillDue).into());
            }
        }
    }

    /// Whom an operation shares a call with: the same script runs it either way.
    ///
    /// What writes nothing is answered without waiting for a disk, so the way to the gate's thread and back costs it more than it
    /// gains. But a batch that is on its way there anyway takes readers along for nothing.
    fn batcher_of(&self, op: &Op) -> &Batcher<Together> {
        let Shared { gate, together, looks, refused, .. } = &*self.shared;
        let product = op.product();
        let writes_nothing = match op {
            Op::Reserve(_) => refused.was(product),
            Op::Status(_) | Op::Hold { .. } => refused.was(product) || together.is_idle(&gate.lane(product)),
            _ => false,
        };
        if writes_nothing { looks } else { together }
    }

    /// Runs one operation that is alone on its product, together with others of this moment on other products.
    async fn run_alone(&self, op: Op) -> Result<Reply, StoreError> {
        let Shared { gate, alone, .. } = &*self.shared;
        alone.submit(gate.lane(op.product()), op).await.map_err(rejected)?.map_err(store)
    }

    /// Runs operations of the background, each of its own product: a buyer's operations do not wait for them.
    async fn run_apart(&self, ops: Vec<Op>) -> Vec<Result<Reply, LedgerError>> {
        let gate = &self.shared.gate;
        let a_call = if self.shared.connections.is_cluster() { 1 } else { PRODUCTS_A_CALL };
        let mut answers = Vec::with_capacity(ops.len());
        let mut ops = ops.into_iter().peekable();
        while ops.peek().is_some() {
            let mut under_way = Vec::new();
            while under_way.len() < VIEW_CALLS && ops.peek().is_some() {
                under_way.push(gate.run_all(ops.by_ref().take(a_call).collect()));
            }
            answers.extend(join_all(under_way).await.into_iter().flatten());
        }
        answers
    }
}

fn is_refusal(outcome: &ReserveOutcome) -> bool {
    matches!(outcome, ReserveOutcome::Insufficient(_) | ReserveOutcome::Refused(_) | ReserveOutcome::Queued(_))
}

/// More holds fall due than can be ended in the time of a call.
#[derive(Debug, thiserror::Error)]
#[error("too many holds are due at once")]
struct StillDue;

#[derive(Debug, thiserror::Error)]
#[error("the call was lost with the others of its batch")]
struct Lost;

fn rejected(rejected: Rejected) -> StoreError {
    match rejected {
        Rejected::Full => StoreError::Overloaded { store: STORE },
        Rejected::Lost => StoreError::unavailable(STORE, Lost),
    }
}

/// An answer that belongs to another operation. The decoder matches them, so this is a defect.
fn mismatch<T>(reply: &Reply) -> Result<T, LedgerError> {
    Err(StoreError::failed(STORE, format!("not the answer to this call: {reply:?}")).into())
}

fn store(error: LedgerError) -> StoreError {
    match error {
        LedgerError::Store(error) => error,
        // Operations that work on a closed gate do not answer so.
        closed @ LedgerError::Closed { .. } => StoreError::failed(STORE, closed),
    }
}

#[async_trait]
impl ReservationLedger for RedisLedger {
    async fn reserve(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        match self.run(Op::Reserve(call)).await? {
            Reply::Reserve(outcome) => Ok(outcome),
            other => mismatch(&other),
        }
    }

    async fn hold(&self, product: ProductId, user: &UserId) -> Result<Option<Hold>, LedgerError> {
        let user = user.clone();
        match self.run(Op::Hold { product, user }).await? {
            Reply::Hold(hold) => Ok(hold),
            other => mismatch(&other),
        }
    }

    async fn begin(
        &self,
        product: ProductId,
        user: &UserId,
        named: Option<ReservationId>,
    ) -> Result<BeginOutcome, LedgerError> {
        self.shared.registry.remember(product);
        let user = user.clone();
        match self.run(Op::Begin { product, user, named }).await? {
            Reply::Begin(outcome) => Ok(outcome),
            other => mismatch(&other),
        }
    }

    async fn finish(&self, finish: Finish) -> Result<(), LedgerError> {
        match self.run(Op::Finish(finish)).await? {
            Reply::Done => Ok(()),
            other => mismatch(&other),
        }
    }

    async fn release(&self, product: ProductId, user: &UserId) -> Result<ReleaseOutcome, LedgerError> {
        let user = user.clone();
        match self.run(Op::Release { product, user }).await? {
            Reply::Release(outcome) => Ok(outcome),
            other => mismatch(&other),
        }
    }

    async fn status(&self, product: ProductId) -> Result<StockLevel, LedgerError> {
        match self.run(Op::Status(product)).await? {
            Reply::Status(level) => Ok(level),
            other => mismatch(&other),
        }
    }

    async fn adopt(&self, product: ProductId, record: RecordState) -> Result<(), LedgerError> {
        match self.run(Op::Adopt { product, record }).await? {
            Reply::Done => Ok(()),
            other => mismatch(&other),
        }
    }

    async fn claim_opening(&self, product: ProductId) -> Result<OpeningToken, StoreError> {
        let token = format!("{:016x}{:016x}", dice::roll(), dice::roll());
        let token = OpeningToken(token.into());
        self.shared.registry.add(product).await?;
        let claim = Op::Claim { product, token: token.clone() };
        match self.run_alone(claim).await? {
            Reply::Done => Ok(token),
            other => mismatch(&other).map_err(store),
        }
    }

    async fn open(&self, product: ProductId, token: OpeningToken, record: RecordState) -> Result<bool, StoreError> {
        if token.0.len() > usize::from(u8::MAX) {
            // Not one that `claim_opening` gave.
            return Ok(false);
        }
        let op = Op::Open { product, token, record };
        match self.run_alone(op).await? {
            Reply::Opened(opened) => {
                if opened {
                    self.shared.registry.add(product).await?;
                }
                Ok(opened)
            }
            other => mismatch(&other).map_err(store),
        }
    }

    async fn forget(&self, product: ProductId) -> Result<(), StoreError> {
        self.shared.registry.forget(product).await
    }

    async fn products(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<ProductId>, StoreError> {
        self.shared.registry.page(after, limit).await
    }

    async fn view(&self, products: &[ProductId], paying_over: Duration) -> Result<Vec<GateView>, StoreError> {
        let mut ops = products.iter().map(|product| Op::View { product: *product, paying_over });
        let answers = match (ops.next(), ops.len()) {
            (Some(only), 0) => vec![self.run_alone(only).await.map_err(LedgerError::from)],
            (first, _) => self.run_apart(first.into_iter().chain(ops).collect()).await,
        };
        let mut views = Vec::with_capacity(products.len());
        for answer in answers {
            match answer.map_err(store)? {
                Reply::View(view) => views.push(view),
                other => return mismatch(&other).map_err(store),
            }
        }
        let gone: Vec<ProductId> = views.iter().filter(|view| view.open.is_none()).map(|view| view.product).collect();
        self.shared.registry.remove(&gone).await?;
        Ok(views)
    }

    async fn books(&self, product: ProductId, overdue: Duration) -> Result<GateBooks, LedgerError> {
        let clock = self.shared.gate.clock();
        books::books(&self.shared.pool, clock, product, overdue).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.shared.pool.query(&cmd("PING")).await
    }
}
