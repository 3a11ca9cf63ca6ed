//! What goes wrong with Redis, told apart by what a caller can do about it.

use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};
use flashdeal_domain::StoreError;

/// How this store is called in errors and metrics.
pub(crate) const STORE: &str = "redis";

/// Why a [`RedisStore`](crate::RedisStore) could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not one of a Redis; the sentence says what is allowed.
    #[error("not a Redis URL: {0}")]
    Url(String),
    /// Redis could not be reached, refused the credentials, or did not answer in time.
    #[error("cannot connect to Redis at {address}")]
    Unreachable {
        /// Where, without credentials.
        address: String,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// What to think of an error: is a later repetition of the same call worth it?
pub(crate) fn store_error(error: RedisError) -> StoreError {
    if is_definite(&error) { StoreError::failed(STORE, error) } else { StoreError::unavailable(STORE, error) }
}

/// Whether Redis refused the call for what it is, rather than for the state Redis is in.
fn is_definite(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(
            ServerErrorKind::ResponseError
            | ServerErrorKind::CrossSlot
            | ServerErrorKind::NoPerm
            | ServerErrorKind::NoScript,
        )
        | ErrorKind::UnexpectedReturnType
        | ErrorKind::InvalidClientConfig => {
            // "ERR max number of clients reached" is a state, too.
            !error.detail().is_some_and(|detail| detail.contains("max number of clients"))
        }
        ErrorKind::Extension => !matches!(
            error.code(),
            Some("MISCONF" | "OOM" | "BUSY" | "NOREPLICAS" | "NOAUTH" | "WRONGPASS" | "UNKILLABLE")
        ),
        _ => false,
    }
}

/// Whether the node refused the call because it is not, or not yet, the one that serves it. Nothing was done.
pub(crate) fn is_wrong_node(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
        )
    )
}

/// Whether the script is not in this server's cache: it was restarted or flushed. Nothing was done.
pub(crate) fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: ServerErrorKind) -> RedisError {
        RedisError::from((ErrorKind::Server(code), "said so"))
    }

    #[test]
    fn states_of_redis_are_worth_a_retry_and_refusals_are_not() {
        for state in [
            ServerErrorKind::BusyLoading,
            ServerErrorKind::ReadOnly,
            ServerErrorKind::MasterDown,
            ServerErrorKind::ClusterDown,
            ServerErrorKind::TryAgain,
        ] {
            assert!(matches!(store_error(answered(state)), StoreError::Unavailable { .. }));
        }
        let io = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(matches!(store_error(io), StoreError::Unavailable { .. }));
        for refusal in [ServerErrorKind::ResponseError, ServerErrorKind::NoPerm] {
            assert!(matches!(store_error(answered(refusal)), StoreError::Failed { .. }));
        }
    }
}
