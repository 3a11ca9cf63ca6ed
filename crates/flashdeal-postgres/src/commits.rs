//! Sales, by the batch.

use flashdeal_domain::ports::{Commit, Sale};
use flashdeal_domain::{IdempotencyKey, ProductId, ReservationId, StoreError, UserId};
use tokio::time::Instant;

use crate::batch::Settle;
use crate::pool::Pool;
use crate::queries::commit_batch::{CommitBatch, CommitRow};

/// Settles reservations as sold.
pub(crate) struct Commits;

impl Settle for Commits {
    type Item = Sale;
    type Answer = Commit;
    const CALL: &'static str = "commit";

    async fn run(
        pool: &Pool,
        sales: &[&Sale],
        deadline: Instant,
    ) -> Result<Vec<Result<Commit, StoreError>>, StoreError> {
        let batch: CommitBatch = sales.iter().copied().collect();
        let rows: Vec<CommitRow> = pool.load_here(Self::CALL, batch, deadline).await?;
        Ok(rows.into_iter().zip(sales).map(|(row, sale)| row.read(sale)).collect())
    }

    fn product(sale: &Sale) -> ProductId {
        sale.product
    }

    fn reservation(sale: &Sale) -> ReservationId {
        sale.reservation
    }

    fn key(sale: &Sale) -> Option<(ProductId, &UserId, &IdempotencyKey)> {
        sale.key.as_ref().map(|key| (sale.product, &sale.user, &key.key))
    }

    /// The order id is each call's own: the first that sells gives the order its id.
    fn is_repeat(first: &Sale, second: &Sale) -> bool {
        let asks = |sale: &Sale| (sale.product, sale.reservation, sale.epoch, sale.quantity);
        asks(first) == asks(second) && first.user == second.user && first.key == second.key
    }

    fn answer_again(answer: Commit) -> Commit {
        match answer {
            Commit::Sold { order, record, .. } => Commit::Sold { order, record, earlier: true },
            other => other,
        }
    }
}
