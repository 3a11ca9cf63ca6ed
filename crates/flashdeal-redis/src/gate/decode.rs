//! Answers as the script writes them; `scripts/gate/main.lua` is the other side.

use std::time::Duration;

use flashdeal_domain::ports::{BeginOutcome, GateView, Hold, LedgerError, PayingHold, ReleaseOutcome, ReserveOutcome};
use flashdeal_domain::{
    Epoch, Quantity, ReservationId, StockLevel, StoreError, TermsRefusal, Timestamp, Units, UserId, Version,
};
use uuid::Uuid;

use super::encode::from_ordered;
use super::op::{Op, Reply};
use crate::error::STORE;

/// The answer was not one the script gives.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("an answer of the gate's script makes no sense")]
pub(super) struct Garbled;

impl From<Garbled> for LedgerError {
    fn from(garbled: Garbled) -> Self {
        StoreError::failed(STORE, garbled).into()
    }
}

/// Reads the answers to one call, one after the other.
pub(super) struct Answers<'a> {
    rest: &'a [u8],
    now: i64,
    /// How many holds lapsed in the call.
    pub(super) lapsed: u32,
}

impl<'a> Answers<'a> {
    pub(super) fn new(reply: &'a [u8]) -> Result<Self, Garbled> {
        let mut answers = Self { rest: reply, now: 0, lapsed: 0 };
        answers.now = answers.millis()?;
        answers.lapsed = answers.number()?;
        Ok(answers)
    }

    /// The answer to `op`. Inside: what became of it; outside: whether the reply could be read on.
    pub(super) fn next(&mut self, op: Op) -> Result<Result<Reply, LedgerError>, Garbled> {
        let [code] = self.take()?;
        let reply = match (code, &op) {
            (b'X', Op::View { product, .. }) => {
                Reply::View(GateView { product: *product, open: None, needs_reopening: false, paying: Vec::new() })
            }
            (b'X', _) => return Ok(Err(LedgerError::Closed { had_state: false })),
            (b'Z', _) => return Ok(Err(LedgerError::Closed { had_state: true })),
            (b'E', _) => return Ok(Err(self.problem()?)),
            (b'M', _) => return Ok(Ok(Reply::More(op))),
            (code, Op::Reserve(call)) => Reply::Reserve(match code {
                b'C' => ReserveOutcome::Held {
                    hold: Hold {
                        reservation: call.candidate,
                        quantity: call.quantity,
                        expires_at: Timestamp::from_millis(self.now.saturating_add(call.ttl.as_millis())),
                    },
                    created: true,
                },
                b'U' => ReserveOutcome::Held { hold: self.hold()?, created: false },
                b'R' => ReserveOutcome::Replayed(self.hold()?),
                b'K' => ReserveOutcome::KeyReused,
                b'I' => ReserveOutcome::Insufficient(self.level()?),
                b'Q' => ReserveOutcome::Queued(self.level()?),
                b'P' => ReserveOutcome::CheckoutInProgress,
                b'A' => {
                    let starts_at = Timestamp::from_millis(self.millis()?);
                    ReserveOutcome::Refused(TermsRefusal::not_started(starts_at, Timestamp::from_millis(self.now)))
                }
                b'O' => {
                    let ends_at = Timestamp::from_millis(self.millis()?);
                    ReserveOutcome::Refused(TermsRefusal::Ended { ends_at })
                }
                b'T' => {
                    let max_per_reservation = Quantity::new(self.number()?).map_err(|_| Garbled)?;
                    ReserveOutcome::Refused(TermsRefusal::OverLimit { max_per_reservation })
                }
                _ => return Err(Garbled),
            }),
            (b'N', Op::Hold { .. }) => Reply::Hold(None),
            (b'H', Op::Hold { .. }) => Reply::Hold(Some(self.hold()?)),
            (b'N', Op::Begin { .. }) => Reply::Begin(BeginOutcome::NoHold),
            (b'B', Op::Begin { .. }) => {
                Reply::Begin(BeginOutcome::Paying { hold: self.hold()?, epoch: Epoch(from_ordered(self.take()?)) })
            }
            (b'N', Op::Release { .. }) => Reply::Release(ReleaseOutcome::NoHold),
            (b'L', Op::Release { .. }) => Reply::Release(ReleaseOutcome::Released(self.hold()?)),
            (b'Y', Op::Release { .. }) => Reply::Release(ReleaseOutcome::Paying(self.hold()?)),
            (b'S', Op::Status(_)) => Reply::Status(self.level()?),
            (b'D', Op::Finish(_) | Op::Adopt { .. } | Op::Claim { .. }) => Reply::Done,
            (b'O', Op::Open { .. }) => Reply::Opened(true),
            (b'F', Op::Open { .. }) => Reply::Opened(false),
            (b'V', Op::View { product, .. }) => {
                let epoch = Epoch(from_ordered(self.take()?));
                let version = Version(from_ordered(self.take()?));
                let [needs_reopening, count] = self.take()?;
                Reply::View(GateView {
                    product: *product,
                    open: Some((epoch, version)),
                    needs_reopening: needs_reopening == 1,
                    paying: (0..count).map(|_| self.paying()).collect::<Result<_, _>>()?,
                })
            }
            _ => return Err(Garbled),
        };
        Ok(Ok(reply))
    }

    fn hold(&mut self) -> Result<Hold, Garbled> {
        Ok(Hold {
            reservation: ReservationId::from_uuid(Uuid::from_bytes(self.take()?)),
            quantity: self.units()?,
            expires_at: Timestamp::from_millis(self.millis()?),
        })
    }

    fn level(&mut self) -> Result<StockLevel, Garbled> {
        let total = self.units()?;
        // More may be reserved than there is (a total adopted ahead of a `finish`), even more than one product may have.
        let reserved = self.millis()?.min(i64::from(Units::MAX));
        Ok(StockLevel::new(total, Units::new(reserved).map_err(|_| Garbled)?))
    }

    fn paying(&mut self) -> Result<PayingHold, Garbled> {
        let length = u16::from_be_bytes(self.take()?);
        let (user, rest) = self.rest.split_at_checked(usize::from(length)).ok_or(Garbled)?;
        self.rest = rest;
        let user = UserId::from_store(std::str::from_utf8(user).map_err(|_| Garbled)?);
        let hold = self.hold()?;
        let since = self.millis()?;
        let ago = |then: i64| Duration::from_millis(u64::try_from(self.now.saturating_sub(then)).unwrap_or(0));
        Ok(PayingHold { user, hold, paying_for: ago(since), overdue: ago(hold.expires_at.as_millis()) })
    }

    fn problem(&mut self) -> Result<LedgerError, Garbled> {
        let length = u16::from_be_bytes(self.take()?);
        let (text, rest) = self.rest.split_at_checked(usize::from(length)).ok_or(Garbled)?;
        self.rest = rest;
        let text = String::from_utf8_lossy(text).into_owned();
        Ok(StoreError::failed(STORE, text).into())
    }

    fn units(&mut self) -> Result<Units, Garbled> {
        Units::new(self.number()?).map_err(|_| Garbled)
    }

    fn number(&mut self) -> Result<u32, Garbled> {
        self.take().map(u32::from_be_bytes)
    }

    /// Six bytes: milliseconds, or a count that may pass 32 bits.
    fn millis(&mut self) -> Result<i64, Garbled> {
        let low: [u8; 6] = self.take()?;
        Ok(low.iter().fold(0, |high, byte| high << 8 | i64::from(*byte)))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Garbled)?;
        self.rest = rest;
        Ok(*taken)
    }
}
