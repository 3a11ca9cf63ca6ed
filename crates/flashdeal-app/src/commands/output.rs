//! Where a command writes a table.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that gets its name when it is whole.
pub(super) struct Output {
    file: File,
    /// Where it is meanwhile, and where it is to be. A pipe or a device is written as it is.
    moved: Option<[PathBuf; 2]>,
}

impl Output {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Ok(Self { file: File::options().write(true).open(path)?, moved: None });
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        Ok(Self { file: File::create(&partial)?, moved: Some([partial, path.to_owned()]) })
    }

    pub(super) fn keep(mut self) -> io::Result<()> {
        if let Some([partial, path]) = &self.moved {
            self.file.sync_all()?;
            fs::rename(partial, path)?;
            // Its name is on the disk when the folder is.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?;
            self.moved = None;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some([partial, _]) = &self.moved {
            // A part is of no use to anybody; if it cannot be removed, its name still says what it is.
            let _ = fs::remove_file(partial);
        }
    }
}
