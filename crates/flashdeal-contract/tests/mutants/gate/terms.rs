//! Mistakes with the terms of a sale.

use flashdeal_domain::ports::reservation::{Caller, Hold, LedgerError, ReserveCall, ReserveOutcome};
use flashdeal_domain::{Quantity, RecordState, ReservationId, StockLevel, Terms, Timestamp, UserId};
use uuid::Uuid;

use super::{Mistake, Wrong};

fn later(instant: Option<Timestamp>, by_ms: i64) -> Option<Timestamp> {
    instant.map(|instant| Timestamp::from_millis(instant.as_millis() + by_ms))
}

/// A state of the record as a gate with this mistake takes it.
pub(super) fn taken(mistake: Mistake, state: RecordState) -> RecordState {
    let (start, end, most) = (state.terms.starts_at(), state.terms.ends_at(), state.terms.max_per_reservation());
    let terms = match mistake {
        Mistake::StartsLate => Terms::new(later(start, 1), end, most),
        Mistake::StartsEarly => Terms::new(later(start, -1), end, most),
        Mistake::EndsLate => Terms::new(start, later(end, 1), most),
        Mistake::EndsEarly => Terms::new(start, later(end, -1), most),
        Mistake::NoLimit => Terms::new(start, end, None),
        Mistake::LimitOfOneMore => Terms::new(start, end, most.map(|most| Quantity::new(most.get() + 1).unwrap())),
        _ => return state,
    };
    RecordState { terms: terms.unwrap(), ..state }
}

impl Wrong {
    /// What this gate does with a call that its mistake is about; `None` if it does what is right.
    pub(super) async fn wrongly_on_terms(
        &self,
        call: &ReserveCall,
        mine: Option<Hold>,
        level: StockLevel,
    ) -> Result<Option<ReserveOutcome>, LedgerError> {
        let own = mine.map(|hold| hold.quantity).unwrap_or_default();
        let others = level.reserved().saturating_sub(own);
        Ok(match self.mistake {
            Mistake::BindsTheShop if call.caller == Caller::Shop => {
                Some(self.right.reserve(ReserveCall { caller: Caller::Buyer, ..call.clone() }).await?)
            }
            Mistake::TellsTheShopByItsName if call.user.is_withdrawal() => {
                Some(self.right.reserve(ReserveCall { caller: Caller::Shop, ..call.clone() }).await?)
            }
            Mistake::RaisesUnderAnyTerms if mine.is_some() => {
                Some(self.right.reserve(ReserveCall { caller: Caller::Shop, ..call.clone() }).await?)
            }
            Mistake::LowersUnderTermsOnly if call.quantity <= own => self.refused_a_stranger(call).await?,
            Mistake::TermsBeforeKeys if call.key.is_some() => self.refused_a_stranger(call).await?,
            Mistake::StockBeforeTerms if call.quantity > level.total().saturating_sub(others) => {
                Some(ReserveOutcome::Insufficient(level))
            }
            _ => None,
        })
    }

    /// What somebody without a hold is told, if the terms are in their way.
    async fn refused_a_stranger(&self, call: &ReserveCall) -> Result<Option<ReserveOutcome>, LedgerError> {
        let stranger = UserId::parse("a stranger").unwrap();
        let candidate = ReservationId::from_uuid(Uuid::from_u128(call.candidate.as_uuid().as_u128() ^ 1));
        let theirs = ReserveCall { user: stranger.clone(), candidate, key: None, ..call.clone() };
        let answer = self.right.reserve(theirs).await?;
        if matches!(answer, ReserveOutcome::Refused(_)) {
            return Ok(Some(answer));
        }
        self.right.release(call.product, &stranger).await?;
        Ok(None)
    }
}
