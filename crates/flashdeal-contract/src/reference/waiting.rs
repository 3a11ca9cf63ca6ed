//! The waiting lists in memory.

use async_trait::async_trait;
use flashdeal_domain::ports::{JoinOutcome, Place, Waiting, Wish};
use flashdeal_domain::{ProductId, RecordState, StoreError, UserId, WaitingList};

use super::record::Record;

#[async_trait]
impl WaitingList for Record {
    async fn join(&self, wish: Wish) -> Result<JoinOutcome, StoreError> {
        let mut books = self.books();
        let Some(record) = books.rows.get(&wish.product).map(super::books::Row::state) else {
            return Ok(JoinOutcome::UnknownProduct);
        };
        let there = books.line(wish.product).find(|waiting| waiting.user == wish.user).cloned();
        if let Some(there) = there {
            let waiting = Waiting { quantity: wish.quantity, ..there };
            books.lines.insert((wish.product, waiting.place), waiting.clone());
            let created = waiting.reservation == wish.reservation;
            return Ok(JoinOutcome::Waits { waiting, created, record });
        }
        let first = books.line(wish.product).next().map_or(1, |waiting| waiting.place.0);
        let last = books.line(wish.product).next_back().map_or(0, |waiting| waiting.place.0);
        if last - first + 1 >= i64::from(wish.most) {
            return Ok(JoinOutcome::Full);
        }
        let waiting = Waiting {
            product: wish.product,
            place: Place(last + 1),
            user: wish.user,
            quantity: wish.quantity,
            reservation: wish.reservation,
            joined_at: self.clock.now(),
        };
        books.lines.insert((wish.product, waiting.place), waiting.clone());
        Ok(match books.mark(wish.product) {
            Some(record) => JoinOutcome::Waits { waiting, created: true, record },
            None => JoinOutcome::UnknownProduct,
        })
    }

    async fn leave(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, RecordState)>, StoreError> {
        let mut books = self.books();
        let Some(waiting) = books.line(product).find(|waiting| waiting.user == *user).cloned() else {
            return Ok(None);
        };
        books.lines.remove(&(product, waiting.place));
        Ok(books.mark(product).map(|record| (waiting, record)))
    }

    async fn remove(&self, product: ProductId, who: &[Waiting]) -> Result<Option<RecordState>, StoreError> {
        let mut books = self.books();
        for waiting in who {
            let at = (product, waiting.place);
            if books.lines.get(&at).is_some_and(|there| there.reservation == waiting.reservation) {
                books.lines.remove(&at);
            }
        }
        Ok(books.mark(product))
    }

    async fn waiting(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, u64)>, StoreError> {
        let books = self.books();
        let found = (0..).zip(books.line(product)).find(|(_, waiting)| waiting.user == *user);
        Ok(found.map(|(ahead, waiting)| (waiting.clone(), ahead)))
    }

    async fn line(&self, product: ProductId, after: Option<Place>, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        let books = self.books();
        let later = books.line(product).filter(|waiting| after.is_none_or(|after| waiting.place > after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn queues(
        &self,
        after: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        let books = self.books();
        let later = books.rows.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
        let queued = later.filter(|(id, row)| row.product.terms.queued() || books.line(**id).next().is_some());
        Ok(queued.take(limit).map(|(id, row)| (*id, row.state())).collect())
    }
}
