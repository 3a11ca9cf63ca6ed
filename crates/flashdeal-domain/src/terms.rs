//! The terms of a sale: from when, until when, and how much of it one hold may have.

use std::time::Duration;

use crate::error::Invalid;
use crate::stock::{Quantity, Units};
use crate::time::Timestamp;

/// What a product is sold under. Without any (the default) it is on sale from its creation on, and a hold may have all of it.
///
/// They bind what makes a hold or raises one, at the instant of that call by the ledger's clock: a hold that stands may be kept,
/// paid for, released and lowered under any terms, until its own deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    max_per_reservation: Option<Quantity>,
    queued: bool,
}

/// Why a call that would make or raise a hold was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsRefusal {
    /// The sale has not started.
    NotStarted {
        /// When it does.
        starts_at: Timestamp,
        /// How long that is from now, by the ledger's clock; never zero.
        starts_in: Duration,
    },
    /// The sale is over.
    Ended {
        /// Since when.
        ends_at: Timestamp,
    },
    /// More than one hold may have.
    OverLimit {
        /// The most it may have.
        max_per_reservation: Quantity,
    },
}

impl Terms {
    /// None: always on sale, without a limit.
    pub const NONE: Self = Self { starts_at: None, ends_at: None, max_per_reservation: None, queued: false };
    /// The last instant that terms can name: the end of the year 9998. RFC 3339 can write it in every time zone.
    pub const LATEST: Timestamp = Timestamp::from_millis(253_370_764_799_999);

    /// Terms whose end is later than their start, where both are there; both from 1970 to [`Self::LATEST`].
    ///
    /// # Errors
    /// [`Invalid`] otherwise. Whoever wants to say which of the two instants is out of bounds asks [`Self::instant`] first.
    pub fn new(
        starts_at: Option<Timestamp>,
        ends_at: Option<Timestamp>,
        max_per_reservation: Option<Quantity>,
    ) -> Result<Self, Invalid> {
        for instant in [starts_at, ends_at].into_iter().flatten() {
            Self::instant(instant)?;
        }
        match (starts_at, ends_at) {
            (Some(start), Some(end)) if end <= start => Err(Invalid::new("must be later than startsAt")),
            _ => Ok(Self { starts_at, ends_at, max_per_reservation, queued: false }),
        }
    }

    /// An instant that terms can name.
    ///
    /// # Errors
    /// [`Invalid`] if it is before 1970 or after [`Self::LATEST`].
    pub fn instant(instant: Timestamp) -> Result<Timestamp, Invalid> {
        if (0..=Self::LATEST.as_millis()).contains(&instant.as_millis()) {
            Ok(instant)
        } else {
            Err(Invalid::new("must be an instant from 1970 to 9998"))
        }
    }

    /// The first instant of the sale.
    #[must_use]
    pub const fn starts_at(self) -> Option<Timestamp> {
        self.starts_at
    }

    /// The first instant after the sale.
    #[must_use]
    pub const fn ends_at(self) -> Option<Timestamp> {
        self.ends_at
    }

    /// The most units of one hold.
    #[must_use]
    pub const fn max_per_reservation(self) -> Option<Quantity> {
        self.max_per_reservation
    }

    /// Whether somebody waits for units ([`WaitingList`](crate::WaitingList)): then what comes free is theirs, and a hold is made or
    /// raised by nobody else. It is no term that a shop sets; it goes with them, since it binds the same calls and comes to the gate
    /// by the same way.
    #[must_use]
    pub const fn queued(self) -> bool {
        self.queued
    }

    /// The same, with or without somebody who waits.
    #[must_use]
    pub const fn with_queue(self, queued: bool) -> Self {
        Self { queued, ..self }
    }

    /// What of these terms can refuse a call: a start in the first millisecond of 1970, the first that there may be, refuses none.
    #[must_use]
    pub fn binding(self) -> Self {
        Self { starts_at: self.starts_at.filter(|starts_at| starts_at.as_millis() > 0), ..self }
    }

    /// Why a wish for `wanted` units could not be granted at `now` or at any later instant under these terms; `None` if it could. That
    /// the sale has not started is no reason.
    #[must_use]
    pub fn refuse_for_good(self, now: Timestamp, wanted: Units) -> Option<TermsRefusal> {
        Self { starts_at: None, ..self }.refuse(now, Units::ZERO, wanted)
    }

    /// Why a user who holds `own` units now (zero without a hold) may not hold `wanted` at the instant `now`; `None` if these
    /// terms allow it. Whether the sale is on comes before the limit.
    #[must_use]
    pub fn refuse(self, now: Timestamp, own: Units, wanted: Units) -> Option<TermsRefusal> {
        if wanted <= own {
            return None;
        }
        if let Some(starts_at) = self.starts_at.filter(|starts_at| now < *starts_at) {
            return Some(TermsRefusal::not_started(starts_at, now));
        }
        if let Some(ends_at) = self.ends_at.filter(|ends_at| now >= *ends_at) {
            return Some(TermsRefusal::Ended { ends_at });
        }
        let limit = self.max_per_reservation.filter(|most| wanted > (*most).into());
        limit.map(|max_per_reservation| TermsRefusal::OverLimit { max_per_reservation })
    }
}

impl TermsRefusal {
    /// Of a sale that starts later than `now`.
    #[must_use]
    pub fn not_started(starts_at: Timestamp, now: Timestamp) -> Self {
        let wait = starts_at.as_millis().saturating_sub(now.as_millis());
        let starts_in = Duration::from_millis(u64::try_from(wait).unwrap_or(0).max(1));
        Self::NotStarted { starts_at, starts_in }
    }
}

/// What is to become of one of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edit<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken away.
    Clear,
    /// It is set.
    Set(T),
}

impl<T> Edit<T> {
    /// What there is after it.
    #[must_use]
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// Whether it leaves things as they are.
    #[must_use]
    pub const fn keeps(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

/// A change of a product's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TermsPatch {
    /// The start.
    pub starts_at: Edit<Timestamp>,
    /// The end.
    pub ends_at: Edit<Timestamp>,
    /// The limit.
    pub max_per_reservation: Edit<Quantity>,
}

impl TermsPatch {
    /// The terms after it.
    ///
    /// # Errors
    /// As [`Terms::new`]: what it sets may not go with what it keeps.
    pub fn apply(self, before: Terms) -> Result<Terms, Invalid> {
        let after = Terms::new(
            self.starts_at.apply(before.starts_at),
            self.ends_at.apply(before.ends_at),
            self.max_per_reservation.apply(before.max_per_reservation),
        )?;
        Ok(after.with_queue(before.queued))
    }

    /// Whether it leaves everything as it is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.starts_at.keeps() && self.ends_at.keeps() && self.max_per_reservation.keeps()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn units(units: u32) -> Units {
        Units::new(units).unwrap()
    }

    #[test]
    fn an_end_is_later_than_its_start() {
        assert!(Terms::new(Some(at(5)), Some(at(6)), None).is_ok());
        assert!(Terms::new(Some(at(5)), Some(at(5)), None).is_err());
        assert!(Terms::new(Some(at(-1)), None, None).is_err());
        assert!(Terms::new(None, Some(at(Terms::LATEST.as_millis() + 1)), None).is_err());
        assert!(Terms::new(Some(at(0)), Some(Terms::LATEST), None).is_ok());
    }

    #[test]
    fn a_sale_is_on_from_its_start_until_before_its_end() {
        let terms = Terms::new(Some(at(10)), Some(at(20)), Some(Quantity::new(2).unwrap())).unwrap();
        let refused = |now, own, wanted| terms.refuse(at(now), units(own), units(wanted));
        let starts_in = Duration::from_millis(1);
        assert_eq!(refused(9, 0, 1), Some(TermsRefusal::NotStarted { starts_at: at(10), starts_in }));
        assert_eq!(refused(10, 0, 2), None);
        assert_eq!(refused(19, 1, 2), None);
        assert_eq!(refused(20, 0, 1), Some(TermsRefusal::Ended { ends_at: at(20) }));
        assert!(matches!(refused(19, 0, 3), Some(TermsRefusal::OverLimit { .. })));
        // Whether the sale is on comes first.
        assert!(matches!(refused(9, 0, 3), Some(TermsRefusal::NotStarted { .. })));
        assert!(matches!(refused(20, 0, 3), Some(TermsRefusal::Ended { .. })));
        // What lowers a hold, or leaves it as it is, is never refused.
        for now in [9, 10, 20] {
            assert_eq!((refused(now, 5, 4), refused(now, 5, 5)), (None, None));
        }
    }

    #[test]
    fn a_start_that_was_always_over_binds_nobody() {
        let limit = Some(Quantity::new(2).unwrap());
        let from = |start| Terms::new(Some(at(start)), Some(at(20)), limit).unwrap();
        assert_eq!(from(0).binding(), Terms::new(None, Some(at(20)), limit).unwrap());
        assert_eq!(from(1).binding(), from(1));
        assert_eq!(from(0).refuse(at(0), units(0), units(1)), None);
    }

    #[test]
    fn a_patch_is_judged_by_what_it_leaves() {
        let before = Terms::new(Some(at(10)), Some(at(20)), None).unwrap();
        let patch = TermsPatch { ends_at: Edit::Set(at(10)), ..TermsPatch::default() };
        assert!(patch.apply(before).is_err());
        let patch = TermsPatch { starts_at: Edit::Clear, ..patch };
        assert_eq!(patch.apply(before), Terms::new(None, Some(at(10)), None));
        assert_eq!(TermsPatch::default().apply(before), Ok(before));
        // Who waits is not the shop's to change.
        assert_eq!(patch.apply(before.with_queue(true)).map(Terms::queued), Ok(true));
    }
}
