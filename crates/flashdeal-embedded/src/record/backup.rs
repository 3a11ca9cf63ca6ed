//! A copy of the file, while its server sells.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use crate::connection;
use crate::error::BackupError;

use super::RecordReader;

impl RecordReader {
    /// Writes everything the file has at one instant, holds included, into `to`, which is there only once it is whole, checked and on
    /// the disk: until then it is `to.partial`. A folder with the copy in it as `flashdeal.db` is a store. The server that has this
    /// one open goes on; its log is not emptied meanwhile. Answers how many bytes it is.
    ///
    /// # Errors
    /// [`BackupError`]; then there is no `to`, but with [`BackupError::NotDurable`].
    pub fn back_up(&mut self, to: &Path) -> Result<u64, BackupError> {
        if to.try_exists().unwrap_or(true) {
            return Err(BackupError::Exists { file: to.to_owned() });
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".partial");
        let failed = |source| BackupError::NotWritable { file: to.to_owned(), source };
        let partial = Partial::create(PathBuf::from(&name)).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BackupError::UnderWay { partial: name.into() },
            _ => failed(source),
        })?;
        let path = partial.0.to_str().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let copied = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(path).execute(&mut self.conn);
        copied.map_err(|source| BackupError::Copy { file: to.to_owned(), source: source.into() })?;
        check(&partial.0).map_err(|source| BackupError::Copy { file: to.to_owned(), source })?;
        partial.keep(to)
    }
}

/// A copy that nobody could start from is none.
fn check(copy: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    #[derive(QueryableByName)]
    struct Finding {
        #[diesel(sql_type = Text)]
        quick_check: String,
    }
    let mut conn: SqliteConnection = connection::guest(copy)?;
    let findings = diesel::sql_query("PRAGMA quick_check").load::<Finding>(&mut conn)?;
    match findings.first() {
        Some(finding) if finding.quick_check == "ok" && connection::is_ours(&mut conn)? => Ok(()),
        finding => Err(format!("the copy is damaged: {}", finding.map_or("", |finding| &finding.quick_check)).into()),
    }
}

/// A file that is removed unless it is kept.
struct Partial(PathBuf);

impl Partial {
    /// New, empty, and for its owner's eyes: who bought what is in it.
    fn create(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?;
        Ok(Self(path))
    }

    /// Gives it its name, and makes both durable.
    fn keep(self, to: &Path) -> Result<u64, BackupError> {
        let failed = |source| BackupError::NotWritable { file: to.to_owned(), source };
        let file = File::open(&self.0).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        self.give_name(to).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists { file: to.to_owned() },
            _ => failed(source),
        })?;
        #[cfg(unix)]
        sync_folder_of(to).map_err(|source| BackupError::NotDurable { file: to.to_owned(), source })?;
        Ok(bytes)
    }

    /// A link replaces nothing; a file system without links leaves a rename, which would.
    fn give_name(&self, to: &Path) -> io::Result<()> {
        match fs::hard_link(&self.0, to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !to.try_exists()? => fs::rename(&self.0, to),
            linked => linked,
        }
    }
}

#[cfg(unix)]
fn sync_folder_of(file: &Path) -> io::Result<()> {
    file.canonicalize()?.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

impl Drop for Partial {
    fn drop(&mut self) {
        // One that was kept has another name by now; of another, this one says what it is.
        let _ = fs::remove_file(&self.0);
    }
}
