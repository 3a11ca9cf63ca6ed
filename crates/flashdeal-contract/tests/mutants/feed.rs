//! Mistakes of a feed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_domain::ports::{FeedPage, LeaseToken, OrderFeed, Position, Reader, Standing};
use flashdeal_domain::{StoreError, Timestamp};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    BeginsAtTheStart,
    PassesOneOver,
    NewestFirst,
    EverybodyHolds,
    NeverLapses,
    RenewsForAnybody,
    ReleasesForAnybody,
    MovesForAnybody,
    OneForAll,
    CountsOnlyOne,
    TellsOfAll,
}

pub(crate) const MISTAKES: [(Mistake, &str); 11] = [
    (Mistake::BeginsAtTheStart, "feed::orders::a_new_reader_begins_at_the_end"),
    (Mistake::PassesOneOver, "feed::orders::every_order_is_given_whole_and_in_order"),
    (Mistake::NewestFirst, "feed::orders::every_order_is_given_whole_and_in_order"),
    (Mistake::EverybodyHolds, "feed::leases::one_holds_a_lease_and_the_others_are_told_so"),
    (Mistake::NeverLapses, "feed::leases::a_lease_that_lapsed_goes_to_the_next"),
    (Mistake::RenewsForAnybody, "feed::leases::nobody_renews_a_lease_they_have_not"),
    (Mistake::ReleasesForAnybody, "feed::leases::nobody_gives_back_the_lease_of_another"),
    (Mistake::MovesForAnybody, "feed::leases::a_position_moves_under_its_lease_alone"),
    (Mistake::OneForAll, "feed::leases::readers_do_not_disturb_each_other"),
    (Mistake::CountsOnlyOne, "feed::standings::a_standing_tells_what_waits"),
    (Mistake::TellsOfAll, "feed::standings::a_standing_is_told_of_those_who_are_asked_for"),
];

/// A feed with one mistake.
pub(crate) struct Wrong {
    right: Arc<dyn OrderFeed>,
    mistake: Mistake,
}

/// Whom all are taken for.
const ANYBODY: LeaseToken = LeaseToken(Uuid::nil());

impl Wrong {
    pub(crate) fn new(right: Arc<dyn OrderFeed>, mistake: Mistake) -> Arc<Self> {
        Arc::new(Self { right, mistake })
    }

    fn token(&self, token: LeaseToken) -> LeaseToken {
        if self.mistake == Mistake::EverybodyHolds { ANYBODY } else { token }
    }

    fn reader(&self, reader: &Reader) -> Reader {
        match self.mistake {
            Mistake::OneForAll => Reader::parse("all").unwrap(),
            _ => reader.clone(),
        }
    }
}

#[async_trait]
impl OrderFeed for Wrong {
    async fn hold(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<Option<Position>, StoreError> {
        let reader = self.reader(reader);
        if self.mistake == Mistake::BeginsAtTheStart
            && !self.right.standings(None).await?.iter().any(|standing| standing.reader == reader)
        {
            self.right.rewind(&reader, Timestamp::from_millis(0)).await?;
        }
        let lasts = if self.mistake == Mistake::NeverLapses { Duration::from_hours(1) } else { lasts };
        self.right.hold(&reader, self.token(token), lasts).await
    }

    async fn renew(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<bool, StoreError> {
        let renewed = self.right.renew(&self.reader(reader), self.token(token), lasts).await?;
        Ok(renewed || self.mistake == Mistake::RenewsForAnybody)
    }

    async fn next_orders(&self, after: Position, limit: usize) -> Result<FeedPage, StoreError> {
        let mut page = self.right.next_orders(after, limit).await?;
        match self.mistake {
            // One in the place of another: there are as many as there should be.
            Mistake::PassesOneOver => {
                if let [first, second, ..] = page.orders.as_mut_slice() {
                    second.1 = first.1.clone();
                }
            }
            Mistake::NewestFirst => page.orders.reverse(),
            _ => {}
        }
        Ok(page)
    }

    async fn advance(&self, reader: &Reader, token: LeaseToken, to: Position) -> Result<bool, StoreError> {
        let moved = self.right.advance(&self.reader(reader), self.token(token), to).await?;
        Ok(moved || self.mistake == Mistake::MovesForAnybody)
    }

    async fn note_failure(&self, reader: &Reader, token: LeaseToken, why: &str) -> Result<(), StoreError> {
        self.right.note_failure(&self.reader(reader), self.token(token), why).await
    }

    async fn release(&self, reader: &Reader, token: LeaseToken) -> Result<(), StoreError> {
        if self.mistake == Mistake::ReleasesForAnybody {
            // A rewind to what is yet to come frees the lease, whoever has it, and moves nothing.
            self.right.rewind(reader, Timestamp::from_millis(i64::MAX)).await?;
        }
        self.right.release(&self.reader(reader), self.token(token)).await
    }

    async fn rewind(&self, reader: &Reader, since: Timestamp) -> Result<Position, StoreError> {
        self.right.rewind(&self.reader(reader), since).await
    }

    async fn standings(&self, of: Option<&[Reader]>) -> Result<Vec<Standing>, StoreError> {
        let of = of.filter(|_| self.mistake != Mistake::TellsOfAll);
        let mut standings = self.right.standings(of).await?;
        for standing in &mut standings {
            if self.mistake == Mistake::CountsOnlyOne {
                standing.waiting = standing.waiting.min(1);
            }
        }
        Ok(standings)
    }
}
