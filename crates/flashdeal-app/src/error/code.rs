//! The one status table: what every error is called.

use actix_web::http::StatusCode;

/// What an error is called in answers: one row of the table of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidRequest,
    Unauthorized,
    Forbidden,
    ProductNotFound,
    NoReservation,
    NotWaiting,
    OrderNotFound,
    RouteNotFound,
    MethodNotAllowed,
    InsufficientStock,
    SaleNotStarted,
    SaleEnded,
    LimitPerReservation,
    WaitingListFull,
    CheckoutInProgress,
    PayloadTooLarge,
    UnsupportedMediaType,
    IdempotencyKeyReused,
    RateLimited,
    Unavailable,
    Internal,
}

impl Code {
    /// All of them, as the API's description lists them.
    pub(crate) const ALL: [Self; 21] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ProductNotFound,
        Self::NoReservation,
        Self::NotWaiting,
        Self::OrderNotFound,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::InsufficientStock,
        Self::SaleNotStarted,
        Self::SaleEnded,
        Self::LimitPerReservation,
        Self::WaitingListFull,
        Self::CheckoutInProgress,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Status, `code` and title.
    pub(super) const fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request", "Invalid request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Forbidden"),
            Self::ProductNotFound => (StatusCode::NOT_FOUND, "product_not_found", "Product not found"),
            Self::NoReservation => (StatusCode::NOT_FOUND, "no_reservation", "No reservation"),
            Self::NotWaiting => (StatusCode::NOT_FOUND, "not_waiting", "Not waiting"),
            Self::OrderNotFound => (StatusCode::NOT_FOUND, "order_not_found", "Order not found"),
            Self::RouteNotFound => (StatusCode::NOT_FOUND, "route_not_found", "Route not found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed"),
            Self::InsufficientStock => (StatusCode::CONFLICT, "insufficient_stock", "Insufficient stock"),
            Self::SaleNotStarted => (StatusCode::CONFLICT, "sale_not_started", "Sale not started"),
            Self::SaleEnded => (StatusCode::CONFLICT, "sale_ended", "Sale ended"),
            Self::LimitPerReservation => (StatusCode::CONFLICT, "limit_per_reservation", "Limit per reservation"),
            Self::WaitingListFull => (StatusCode::CONFLICT, "waiting_list_full", "Waiting list full"),
            Self::CheckoutInProgress => (StatusCode::CONFLICT, "checkout_in_progress", "Checkout in progress"),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "Payload too large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type")
            }
            Self::IdempotencyKeyReused => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "Idempotency key reused")
            }
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Rate limited"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.row().0
    }

    pub(crate) const fn name(self) -> &'static str {
        self.row().1
    }
}
