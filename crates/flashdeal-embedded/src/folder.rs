//! The data folder: made if need be, and one process's at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// The folder, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Locked; the system lets go of it however the process ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::NotWritable { path: path.to_owned(), source };
        make(path).map_err(failed)?;
        let lock_path = path.join("flashdeal.lock");
        let failed = |source| OpenError::NotWritable { path: lock_path.clone(), source };
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { folder: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        database(&self.path)
    }

    /// Whether the database's file is none of `SQLite`'s. One that is not there, or is empty, is fine.
    pub(crate) fn is_foreign(&self) -> Result<bool, OpenError> {
        let path = self.database();
        let mut head = Vec::new();
        match File::open(&path).and_then(|file| file.take(16).read_to_end(&mut head)) {
            Ok(_) => Ok(!head.is_empty() && head != b"SQLite format 3\0"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(OpenError::NotWritable { path, source }),
        }
    }
}

/// The file of a folder.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("flashdeal.db")
}

/// Makes a folder that only its owner can enter. Its name is made durable too, or a power cut could take the folder with
/// everything in it.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    if let Some(parent) = path.canonicalize()?.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
