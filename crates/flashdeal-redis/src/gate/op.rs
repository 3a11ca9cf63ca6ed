//! What a caller asks of the gate, and what the gate answers.

use std::time::Duration;

use flashdeal_domain::ports::{
    BeginOutcome, Caller, Finish, GateView, Hold, OpeningToken, ReleaseOutcome, ReserveCall, ReserveOutcome,
};
use flashdeal_domain::{ProductId, RecordState, ReservationId, StockLevel, UserId};

/// One operation on one product.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Reserve(ReserveCall),
    Hold {
        product: ProductId,
        user: UserId,
    },
    Begin {
        product: ProductId,
        user: UserId,
        named: Option<ReservationId>,
    },
    Finish(Finish),
    Release {
        product: ProductId,
        user: UserId,
    },
    Status(ProductId),
    Adopt {
        product: ProductId,
        record: RecordState,
    },
    /// Runs alone on its product.
    Claim {
        product: ProductId,
        token: OpeningToken,
    },
    /// Runs alone on its product.
    Open {
        product: ProductId,
        token: OpeningToken,
        record: RecordState,
    },
    /// Runs alone on its product.
    View {
        product: ProductId,
        paying_over: Duration,
    },
}

impl Op {
    pub(crate) fn product(&self) -> ProductId {
        match self {
            Self::Reserve(call) => call.product,
            Self::Finish(finish) => finish.product,
            Self::Hold { product, .. }
            | Self::Begin { product, .. }
            | Self::Release { product, .. }
            | Self::Status(product)
            | Self::Adopt { product, .. }
            | Self::Claim { product, .. }
            | Self::Open { product, .. }
            | Self::View { product, .. } => *product,
        }
    }

    /// Whether it is answered alike for everyone who asks it at the same instant.
    pub(crate) fn asks_for_counters(&self) -> bool {
        matches!(self, Self::Status(_))
    }

    /// Whether it is a reserve like most: by a buyer, without an idempotency key.
    pub(crate) fn is_plain_reserve(&self) -> bool {
        self.plain_reserve().is_some()
    }

    pub(crate) fn plain_reserve(&self) -> Option<&ReserveCall> {
        match self {
            Self::Reserve(call) if call.caller == Caller::Buyer && call.key.is_none() => Some(call),
            _ => None,
        }
    }

    /// The user whose hold it is about.
    pub(crate) fn user(&self) -> Option<&UserId> {
        match self {
            Self::Reserve(call) => Some(&call.user),
            Self::Finish(finish) => Some(&finish.user),
            Self::Hold { user, .. } | Self::Begin { user, .. } | Self::Release { user, .. } => Some(user),
            Self::Status(_) | Self::Adopt { .. } | Self::Claim { .. } | Self::Open { .. } | Self::View { .. } => None,
        }
    }
}

/// What became of an [`Op`].
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Reserve(ReserveOutcome),
    Hold(Option<Hold>),
    Begin(BeginOutcome),
    Release(ReleaseOutcome),
    Status(StockLevel),
    Done,
    Opened(bool),
    View(GateView),
    /// More holds were due than one call may end, and the answer depends on them: ask again.
    More(Op),
}
