//! A throwaway folder, and the processes that work inside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::watchdog;

/// The pause between two looks at which processes are left.
const POLL: Duration = Duration::from_millis(5);
/// How many looks PostgreSQL gets to end in order before it is killed: 2 seconds.
const ORDERLY_POLLS: u32 = 400;
/// How many looks are taken in all: 10 seconds.
const POLLS: u32 = 2000;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A throwaway folder of its own inside the folder of the test run. Dropping it ends every process in it and removes it.
///
/// "In it" goes by the working directory: PostgreSQL puts each backend in a process group of its own, so a group would miss
/// them, while all of them work in the data folder. The watchdog goes by the same rule.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes an empty folder whose name starts with `name`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = watchdog::run_folder()?.join(format!("{name}-{number}"));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The processes whose working directory is this folder or one below it. Those that have ended are not among them.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                // A process that ended since the listing has no link to read: it is skipped, as it should be.
                let works_in = fs::read_link(entry.path().join("cwd")).ok()?;
                works_in.starts_with(&self.path).then(|| Pid::from_raw(pid))?
            })
            .collect()
    }

    /// Sends a signal to each process in the folder. One that ended in the meantime is no error.
    pub fn signal(&self, signal: Signal) {
        for pid in self.processes() {
            let _ = kill_process(pid, signal);
        }
    }

    /// Kills every process in the folder and waits until none is left, at most 10 seconds. PostgreSQL is asked with SIGQUIT
    /// first: killed, it would leave its shared memory segment behind on the machine.
    pub(crate) fn end_processes(&self) {
        for poll in 0..POLLS {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            for pid in left {
                if poll < ORDERLY_POLLS && is_postgres(pid) {
                    let _ = kill_process(pid, Signal::CONT);
                    if poll == 0 {
                        let _ = kill_process(pid, Signal::QUIT);
                    }
                } else {
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            std::thread::sleep(POLL);
        }
    }
}

fn is_postgres(pid: Pid) -> bool {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    name.is_ok_and(|name| name.trim_end() == "postgres")
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.end_processes();
        // Whatever cannot be removed now goes with the folder of the run.
        let _ = fs::remove_dir_all(&self.path);
    }
}
