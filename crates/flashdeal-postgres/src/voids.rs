//! Voids, by the batch.

use flashdeal_domain::ports::Settlement;
use flashdeal_domain::{IdempotencyKey, ProductId, ReservationId, StoreError, UserId};
use tokio::time::Instant;

use crate::batch::Settle;
use crate::pool::Pool;
use crate::queries::void_batch::{VoidBatch, VoidRow};

/// A reservation to settle as void.
#[derive(Debug, Clone)]
pub(crate) struct Annulment {
    pub(crate) product: ProductId,
    pub(crate) reservation: ReservationId,
    pub(crate) user: UserId,
}

/// Settles reservations as void.
pub(crate) struct Voids;

impl Settle for Voids {
    type Item = Annulment;
    /// `None` if no product has the id.
    type Answer = Option<Settlement>;
    const CALL: &'static str = "void";

    async fn run(
        pool: &Pool,
        annulments: &[&Annulment],
        deadline: Instant,
    ) -> Result<Vec<Result<Self::Answer, StoreError>>, StoreError> {
        let batch: VoidBatch = annulments.iter().copied().collect();
        let rows: Vec<VoidRow> = pool.load_here(Self::CALL, batch, deadline).await?;
        Ok(rows.into_iter().zip(annulments).map(|(row, annulment)| row.read(annulment)).collect())
    }

    fn product(annulment: &Annulment) -> ProductId {
        annulment.product
    }

    fn reservation(annulment: &Annulment) -> ReservationId {
        annulment.reservation
    }

    fn key(_: &Annulment) -> Option<(ProductId, &UserId, &IdempotencyKey)> {
        None
    }

    fn is_repeat(first: &Annulment, second: &Annulment) -> bool {
        first.product == second.product
    }

    fn answer_again(answer: Self::Answer) -> Self::Answer {
        answer
    }
}
