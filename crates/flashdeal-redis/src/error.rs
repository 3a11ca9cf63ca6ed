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
    #[error("cannot connect to Redis at {address}: {cause}{advice}")]
    Unreachable {
        /// Where, without credentials.
        address: String,
        /// Why. It is part of the message, so it is not told again as a source.
        cause: StoreError,
        /// What may help, or nothing.
        advice: &'static str,
    },
    /// The system has no thread for the calls of the gate.
    #[error("the thread of the gate cannot be started: {0}")]
    Thread(std::io::Error),
}

/// What to do about a connection that could not be had, as far as its error shows it; begins with a semicolon.
pub(crate) fn advice(encrypts: bool, cause: &StoreError) -> &'static str {
    let told = cause.to_string();
    let tells = |words: &[&str]| words.iter().any(|word| told.contains(word));
    // The client wraps errors of TLS in its own, as text.
    if tells(&["UnknownIssuer", "BadSignature"]) {
        "; nobody trusted here signed its certificate: name the file of the authority that did (PEM) in SSL_CERT_FILE"
    } else if tells(&["not valid for name", "NotValidForName"]) {
        "; use the name that its certificate has"
    } else if encrypts && tells(&["InvalidContentType", "timed out", "no answer"]) {
        "; if it listens without TLS there, the URL must begin with redis instead of rediss"
    } else if !encrypts && tells(&["reset by peer", "broken pipe", "terminated", "unexpected end of file", "timed out"])
    {
        "; if it listens for TLS there, the URL must begin with rediss instead of redis"
    } else {
        ""
    }
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
