//! Mistakes of a waiting list.

use std::sync::Arc;

use async_trait::async_trait;
use flashdeal_domain::ports::{JoinOutcome, Place, Waiting, Wish};
use flashdeal_domain::{ProductId, RecordState, ReservationId, StoreError, UserId, WaitingList};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    NewestFirst,
    JoiningAgainGoesToTheEnd,
    ARepeatIsNew,
    ForgetsWhoIsAhead,
    HasNoBound,
    TakesOutAnyWait,
    TakesOutOnlyOne,
    ListsNothing,
    TellsNoMark,
}

pub(crate) const MISTAKES: [(Mistake, &str); 9] = [
    (Mistake::NewestFirst, "waiting::lines::who_joins_later_stands_behind"),
    (Mistake::JoiningAgainGoesToTheEnd, "waiting::lines::who_joins_again_keeps_their_place"),
    (Mistake::ARepeatIsNew, "waiting::lines::a_join_repeated_is_the_same_join"),
    (Mistake::ForgetsWhoIsAhead, "waiting::lines::who_joins_later_stands_behind"),
    (Mistake::HasNoBound, "waiting::lines::a_line_has_its_bound"),
    (Mistake::TakesOutAnyWait, "waiting::lines::who_comes_back_stands_at_the_end"),
    (Mistake::TakesOutOnlyOne, "waiting::lines::those_called_are_taken_out_together"),
    (Mistake::ListsNothing, "waiting::marks::what_is_waited_for_is_listed"),
    (Mistake::TellsNoMark, "waiting::marks::the_first_to_join_and_the_last_to_leave_change_the_mark"),
];

/// Waiting lists with one mistake.
pub(crate) struct Wrong {
    right: Arc<dyn WaitingList>,
    mistake: Mistake,
}

impl Wrong {
    pub(crate) fn new(right: Arc<dyn WaitingList>, mistake: Mistake) -> Arc<Self> {
        Arc::new(Self { right, mistake })
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn told(&self, record: RecordState) -> RecordState {
        RecordState {
            terms: record.terms.with_queue(record.terms.queued() && !self.is(Mistake::TellsNoMark)),
            ..record
        }
    }
}

#[async_trait]
impl WaitingList for Wrong {
    async fn join(&self, wish: Wish) -> Result<JoinOutcome, StoreError> {
        if self.is(Mistake::JoiningAgainGoesToTheEnd) {
            self.right.leave(wish.product, &wish.user).await?;
        }
        let most = if self.is(Mistake::HasNoBound) { u32::MAX } else { wish.most };
        let reservation = if self.is(Mistake::ARepeatIsNew) {
            ReservationId::from_uuid(Uuid::from_u128(wish.reservation.as_uuid().as_u128() ^ 1))
        } else {
            wish.reservation
        };
        Ok(match self.right.join(Wish { most, reservation, ..wish }).await? {
            JoinOutcome::Waits { waiting, created, record } => {
                JoinOutcome::Waits { waiting, created, record: self.told(record) }
            }
            other => other,
        })
    }

    async fn leave(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, RecordState)>, StoreError> {
        let left = self.right.leave(product, user).await?;
        Ok(left.map(|(waiting, record)| (waiting, self.told(record))))
    }

    async fn remove(&self, product: ProductId, who: &[Waiting]) -> Result<Option<RecordState>, StoreError> {
        let who = match self.mistake {
            Mistake::TakesOutOnlyOne => who.get(..1).unwrap_or(who),
            _ => who,
        };
        if self.is(Mistake::TakesOutAnyWait) {
            for waiting in who {
                self.right.leave(product, &waiting.user).await?;
            }
        }
        Ok(self.right.remove(product, who).await?.map(|record| self.told(record)))
    }

    async fn waiting(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, u64)>, StoreError> {
        let found = self.right.waiting(product, user).await?;
        Ok(found.map(|(waiting, ahead)| (waiting, if self.is(Mistake::ForgetsWhoIsAhead) { 0 } else { ahead })))
    }

    async fn line(&self, product: ProductId, after: Option<Place>, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        let mut line = self.right.line(product, after, limit).await?;
        if self.is(Mistake::NewestFirst) {
            line.reverse();
        }
        Ok(line)
    }

    async fn queues(
        &self,
        after: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        if self.is(Mistake::ListsNothing) {
            return Ok(Vec::new());
        }
        self.right.queues(after, limit).await
    }
}
