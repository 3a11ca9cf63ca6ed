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
    /// [`BackupError`]; then there is no `to`.
    pub fn back_up(&mut self, to: &Path) -> Result<u64, BackupError> {
        if to.try_exists().unwrap_or(true) {
            return Err(BackupError::Exists { file: to.to_owned() });
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".partial");
        let partial = Partial(PathBuf::from(name));
        let failed = |source| BackupError::NotWritable { file: to.to_owned(), source };
        partial.create().map_err(failed)?;
        let path = partial.0.to_str().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let copied = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(path).execute(&mut self.conn);
        copied.map_err(|source| BackupError::Copy { file: to.to_owned(), source: source.into() })?;
        check(&partial.0).map_err(|source| BackupError::Copy { file: to.to_owned(), source })?;
        partial.keep(to).map_err(failed)
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
    /// Empty, and for its owner's eyes: who bought what is in it.
    fn create(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.0).map(drop)
    }

    /// Gives it its name, and makes both durable.
    fn keep(self, to: &Path) -> io::Result<u64> {
        let file = File::open(&self.0)?;
        file.sync_all()?;
        fs::rename(&self.0, to)?;
        #[cfg(unix)]
        if let Some(folder) = to.canonicalize()?.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(file.metadata()?.len())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Of one that was kept nothing is left here; of another, its name says what it is.
        let _ = fs::remove_file(&self.0);
    }
}
