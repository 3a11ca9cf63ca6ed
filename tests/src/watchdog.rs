//! Ends every server of the test run when the test runner ends, even by SIGKILL.
//!
//! The first folder that is asked for starts one small shell process in a process group of its own. It waits on a pipe whose
//! other end only the runner has. When that closes, it kills whatever works inside the run's folder and removes the folder.
//! Servers kept in a `static` are never dropped, so this is also how they end after a test run without incident.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

/// How many names are tried for the folder of a run; taken ones are left over from other runs with the same process id.
const FOLDER_ATTEMPTS: u32 = 1000;

/// The one run of this process. Holding the child keeps the write end of its pipe open.
static RUN: Mutex<Option<Run>> = Mutex::new(None);

struct Run {
    folder: PathBuf,
    _watchdog: Child,
}

/// The folder of this test run, watched over from the moment it exists.
///
/// # Errors
///
/// When no folder can be made in the system's temporary folder, or no shell can be started.
pub fn run_folder() -> Result<PathBuf> {
    let mut run = RUN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(run) = &*run {
        return Ok(run.folder.clone());
    }
    let folder = make_folder()?;
    let watchdog = watch(&folder)?;
    *run = Some(Run { folder: folder.clone(), _watchdog: watchdog });
    Ok(folder)
}

fn make_folder() -> Result<PathBuf> {
    // The kernel reports working directories without symbolic links, and they are compared with this path.
    let parent = fs::canonicalize(std::env::temp_dir()).context("there is no temporary folder")?;
    for attempt in 0..FOLDER_ATTEMPTS {
        let folder = parent.join(format!("flashdeal-{}-{attempt}", std::process::id()));
        // Others may pass through but not list: PostgreSQL runs as another user when the tests run as root.
        match DirBuilder::new().mode(0o711).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make {}", folder.display())),
        }
    }
    bail!("{FOLDER_ATTEMPTS} folders of earlier runs are in {}: remove them", parent.display())
}

fn watch(folder: &Path) -> Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", include_str!("watchdog.sh"), "watchdog"])
        .arg(folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        // It outlives the runner by a moment and must not keep the runner's own output open.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start the watchdog /bin/sh")
}
