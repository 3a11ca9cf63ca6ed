//! What went wrong, as the port tells it: unknown, or definitely refused.

use std::error::Error as StdError;
use std::sync::Arc;

use diesel::result::{DatabaseErrorKind, Error};
use flashdeal_domain::StoreError;

/// The name of this store in errors, logs and metrics.
pub(crate) const STORE: &str = "postgres";

/// Why a store could not be connected or migrated.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The connection string, or a file it names, is not usable.
    #[error("the database URL is not usable: {0}")]
    Config(String),
    /// The server cannot be reached, or refuses the user.
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    /// The database lacks the tables or functions of this version.
    #[error("the database is not migrated: {0}")]
    NotMigrated(String),
    /// A migration failed; the ones before it stand.
    #[error("a migration failed: {0}")]
    Migration(#[source] Box<dyn StdError + Send + Sync>),
}

/// What an error of a statement means for the call and for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The connection is gone; whether the statement took effect is unknown.
    Lost,
    /// The server could not do it now: too slow, too full, shutting down, no longer the primary.
    NotNow,
    /// Somebody else held a row's lock for too long.
    Locked,
    /// The server said no, definitely; nothing was changed.
    Refused,
    /// An error that diesel hands on without its SQLSTATE and whose text is not known here: refused if the connection
    /// still lives, else lost.
    Unclear,
}

/// How the messages of the conditions begin or what they contain that a repeat may get past: SQLSTATE classes 53 and 57,
/// 40P01, 55P03 and 25006. diesel drops the SQLSTATE of all of them, so their English texts have to do.
const NOT_NOW: [&str; 15] = [
    "canceling statement due to",
    "canceling the wait for synchronous replication",
    "terminating",
    "the database system is",
    "deadlock detected",
    "could not obtain lock",
    "in a read-only transaction",
    "out of memory",
    "out of shared memory",
    "No space left on device",
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "cannot connect now",
    // Somebody migrated; the next connection prepares the statement anew.
    "cached plan must not change result type",
];
/// The one of them that concerns a row only.
const LOCKED: &str = "canceling statement due to lock timeout";

pub(crate) fn meaning(error: &Error) -> Meaning {
    use DatabaseErrorKind as Kind;
    match error {
        Error::DatabaseError(Kind::UnableToSendCommand | Kind::ClosedConnection, _) => Meaning::Lost,
        Error::DatabaseError(Kind::SerializationFailure | Kind::ReadOnlyTransaction, _) => Meaning::NotNow,
        Error::DatabaseError(Kind::Unknown, information) => {
            let message = information.message();
            if message == LOCKED {
                return Meaning::Locked;
            }
            if NOT_NOW.iter().any(|text| message.contains(text)) { Meaning::NotNow } else { Meaning::Unclear }
        }
        _ => Meaning::Refused,
    }
}

pub(crate) fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::unavailable(STORE, source)
}

pub(crate) fn failed(source: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::failed(STORE, source)
}

/// The error and all its causes in one line; tokio-postgres alone would say no more than "db error".
pub(crate) fn whole_story(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

/// A statement gave up on a row that somebody else kept locked: it says nothing about other rows.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Locked(pub(crate) Error);

pub(crate) fn is_locked(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable { source, .. } if source.is::<Locked>())
}

/// Whether nothing was changed and a repeat will not help.
pub(crate) fn is_refused(error: &StoreError) -> bool {
    matches!(error, StoreError::Failed { .. })
}

/// For a batch that ended without an answer: a panic, or a runtime that is going down.
pub(crate) fn lost() -> StoreError {
    StoreError::Unavailable { store: STORE, source: Arc::from(Box::from("the call ended without an answer")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database_error(kind: DatabaseErrorKind, message: &str) -> Error {
        Error::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn errors_are_told_apart() {
        for (kind, message, expected) in [
            (DatabaseErrorKind::UnableToSendCommand, "connection closed", Meaning::Lost),
            (DatabaseErrorKind::Unknown, "canceling statement due to statement timeout", Meaning::NotNow),
            (DatabaseErrorKind::Unknown, "canceling statement due to lock timeout", Meaning::Locked),
            (DatabaseErrorKind::Unknown, "terminating connection due to administrator command", Meaning::NotNow),
            (DatabaseErrorKind::Unknown, "could not extend file \"x\": No space left on device", Meaning::NotNow),
            (
                DatabaseErrorKind::ReadOnlyTransaction,
                "cannot execute UPDATE in a read-only transaction",
                Meaning::NotNow,
            ),
            (DatabaseErrorKind::Unknown, "invalid byte sequence for encoding \"UTF8\": 0x00", Meaning::Unclear),
            (DatabaseErrorKind::CheckViolation, "new row violates check constraint", Meaning::Refused),
            (DatabaseErrorKind::UniqueViolation, "duplicate key value", Meaning::Refused),
        ] {
            assert_eq!(meaning(&database_error(kind, message)), expected, "{message}");
        }
        assert_eq!(meaning(&Error::NotFound), Meaning::Refused);
    }
}
