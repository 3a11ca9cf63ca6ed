//! Why a store cannot be opened, and what callers are told of one that fails.

use std::io;
use std::path::PathBuf;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use flashdeal_domain::StoreError;

/// The store's name in errors.
pub(crate) const STORE: &str = "SQLite";

/// Why [`EmbeddedStore::open`](crate::EmbeddedStore::open) did not.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder open. One server at a time can use it.
    #[error("{} is in use by another process", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder or a file in it cannot be made, read or written.
    #[error("{} cannot be written", path.display())]
    NotWritable {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else than a store of this program.
    #[error("{} is not a flashdeal database", file.display())]
    NotADatabase {
        /// The file.
        file: PathBuf,
    },
    /// The file was written by a newer version of this program, which alone can read it.
    #[error("{} was written by a newer version of flashdeal (it has the migration {migration})", file.display())]
    NewerSchema {
        /// The file.
        file: PathBuf,
        /// A migration in it that this version does not know.
        migration: String,
    },
    /// SQLite could not open or read the file, or bring its tables up to date.
    #[error("{} cannot be opened", file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The threads of the store cannot be started.
    #[error("the store's threads cannot be started: {0}")]
    Threads(io::Error),
}

/// Why there is no copy of a store, or none to rely on.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A backup replaces nothing.
    #[error("{} is there already: give another name, or remove it", file.display())]
    Exists {
        /// What is there.
        file: PathBuf,
    },
    /// The file, or the folder it is in, cannot be written.
    #[error("{} cannot be written", file.display())]
    NotWritable {
        /// What.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another copy to there is under way, or was cut off.
    #[error("{} is there already: another copy is under way, or was cut off; then remove it", partial.display())]
    UnderWay {
        /// What is there.
        partial: PathBuf,
    },
    /// The copy is there, and whole, but may not outlast a power cut.
    #[error("{} is there, but it could not be made sure that it outlasts a power cut", file.display())]
    NotDurable {
        /// The copy.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite could not make a copy that is whole.
    #[error("no copy could be made in {}", file.display())]
    Copy {
        /// Where.
        file: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The store was closed, or its writer died.
pub(crate) fn closed() -> StoreError {
    StoreError::unavailable(STORE, "the store is closed")
}

/// Too many calls wait.
pub(crate) const fn overloaded() -> StoreError {
    StoreError::Overloaded { store: STORE }
}

/// The file cannot be written at the moment.
pub(crate) fn stalled() -> StoreError {
    StoreError::unavailable(STORE, "the file cannot be written at the moment")
}

/// No answer in time.
pub(crate) fn too_slow() -> StoreError {
    StoreError::unavailable(STORE, "the file was not written in time")
}

/// What diesel said of one call. A violated constraint or a row that cannot be read is that call's own; everything else
/// (a full disk, a failing one) may be over when the call is made again.
pub(crate) fn of_call(error: DieselError) -> StoreError {
    match &error {
        DieselError::DatabaseError(kind, _) if !matches!(kind, DatabaseErrorKind::Unknown) => {
            StoreError::failed(STORE, error)
        }
        DieselError::DatabaseError(..) | DieselError::BrokenTransactionManager => StoreError::unavailable(STORE, error),
        _ => StoreError::failed(STORE, error),
    }
}
