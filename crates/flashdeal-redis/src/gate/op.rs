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

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Release { .. } => Kind::Release,
            Self::Finish(_) => Kind::Finish,
            Self::Begin { .. } => Kind::Begin,
            Self::Status(_) => Kind::Status,
            Self::Reserve(call) if call.caller == Caller::Buyer && call.key.is_none() => Kind::PlainReserve,
            _ => Kind::Other,
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

/// Operations of a kind are told to the script together; in this order, so that units which come free are there for who wants them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Release,
    Finish,
    /// Those that are seldom; of several kinds, one after the other.
    Other,
    Begin,
    /// Answered alike for everyone who asks at the same instant.
    Status,
    /// A reserve like most: by a buyer, without an idempotency key.
    PlainReserve,
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
