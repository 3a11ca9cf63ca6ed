//! `ReservationLedger` on the book in memory, made durable by the writer.

use std::time::Duration;

use async_trait::async_trait;
use flashdeal_domain::ports::{
    BeginOutcome, Finish, GateBooks, GateView, Hold, LedgerError, OpeningToken, ReleaseOutcome, ReserveCall,
    ReserveOutcome,
};
use flashdeal_domain::{ProductId, RecordState, ReservationId, ReservationLedger, StockLevel, StoreError, UserId};

use crate::EmbeddedStore;
use crate::book::{Book, Closed, Told};

impl From<Closed> for LedgerError {
    /// The file never forgets: a gate has the state it had, or none.
    fn from(_: Closed) -> Self {
        Self::Closed { had_state: false }
    }
}

impl EmbeddedStore {
    /// A call that may change the file; its answer is told when what it stands on is durable.
    async fn change_gate<T>(&self, call: impl FnOnce(&mut Book) -> Result<Told<T>, Closed>) -> Result<T, LedgerError> {
        let Told { answer, after } = self.shared().change_gates(call)??;
        self.durable(after).await?;
        Ok(answer)
    }

    /// A call that only looks; what it saw must be durable all the same.
    async fn look_at_gate<T>(&self, call: impl FnOnce(&mut Book) -> Result<Told<T>, Closed>) -> Result<T, LedgerError> {
        let Told { answer, after } = self.shared().look_at_gates(call)??;
        self.durable(after).await?;
        Ok(answer)
    }
}

#[async_trait]
impl ReservationLedger for EmbeddedStore {
    async fn reserve(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        self.change_gate(|book| book.reserve(&call)).await
    }

    async fn hold(&self, product: ProductId, user: &UserId) -> Result<Option<Hold>, LedgerError> {
        self.look_at_gate(|book| book.hold_of(product, user)).await
    }

    async fn begin(
        &self,
        product: ProductId,
        user: &UserId,
        named: Option<ReservationId>,
    ) -> Result<BeginOutcome, LedgerError> {
        self.look_at_gate(|book| book.begin(product, user, named)).await
    }

    async fn finish(&self, finish: Finish) -> Result<(), LedgerError> {
        self.change_gate(|book| book.finish(&finish)).await
    }

    async fn release(&self, product: ProductId, user: &UserId) -> Result<ReleaseOutcome, LedgerError> {
        self.change_gate(|book| book.release(product, user)).await
    }

    async fn status(&self, product: ProductId) -> Result<StockLevel, LedgerError> {
        self.look_at_gate(|book| book.status(product)).await
    }

    async fn adopt(&self, product: ProductId, record: RecordState) -> Result<(), LedgerError> {
        Ok(self.shared().look_at_gates(|book| book.adopt(product, record))??)
    }

    async fn claim_opening(&self, product: ProductId) -> Result<OpeningToken, StoreError> {
        let leave = self.shared().look_at_gates(|book| book.claim_opening(product))?;
        Ok(OpeningToken(leave.to_string().into()))
    }

    async fn open(&self, product: ProductId, token: OpeningToken, record: RecordState) -> Result<bool, StoreError> {
        let leave = token.0.parse().ok();
        let Told { answer, after } = self.shared().change_gates(|book| book.open(product, leave, record))?;
        self.durable(after).await?;
        Ok(answer)
    }

    async fn forget(&self, product: ProductId) -> Result<(), StoreError> {
        let Told { answer: (), after } = self.shared().change_gates(|book| book.forget(product))?;
        self.durable(after).await
    }

    async fn products(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<ProductId>, StoreError> {
        self.shared().look_at_gates(|book| book.products(after, limit))
    }

    async fn view(&self, products: &[ProductId], paying_over: Duration) -> Result<Vec<GateView>, StoreError> {
        let (views, tally) = self.shared().look_at_gates(|book| {
            let views = products.iter().map(|id| book.view(*id, paying_over)).collect();
            (views, book.tally.take())
        })?;
        // Without anything to write, nobody else tells of refusals.
        tally.report();
        Ok(views)
    }

    async fn books(&self, product: ProductId, overdue: Duration) -> Result<GateBooks, LedgerError> {
        Ok(self.shared().look_at_gates(|book| book.books(product, overdue))??)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.health()
    }
}
