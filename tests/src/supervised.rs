//! A process that tests start, stop, freeze and kill at will.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep, timeout};

use crate::folder::Folder;

/// The pause between two looks at a process.
const POLL: Duration = Duration::from_millis(5);
/// How long the kernel may take to end what was killed.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// How much of a log an error quotes, in lines from its end.
const LOG_LINES: usize = 20;

/// A program and the processes it starts, in a throwaway folder that outlives restarts. Dropping it ends and removes all of it.
///
/// It is not bound to an async runtime, so one test may start it and another use it.
#[derive(Debug)]
pub struct Supervised {
    folder: Folder,
    child: Mutex<Option<Child>>,
}

/// How a process ended, and how long it took from the signal on.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// What the process answered its parent.
    pub status: ExitStatus,
    /// From sending the signal to the end of the process.
    pub took: Duration,
}

impl Supervised {
    /// A folder whose name starts with `name`, with nothing running in it yet.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        Ok(Self { folder: Folder::new(name)?, child: Mutex::new(None) })
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Starts `command` in the folder, without input, its output appended to the file `log` there.
    ///
    /// # Errors
    ///
    /// When a process is running already, or this one cannot be started.
    pub fn spawn(&self, command: &mut Command) -> Result<()> {
        let mut child = self.child();
        if child.is_some() {
            bail!("it is running already");
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .context("cannot open the log")?;
        let spawned = command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("cannot share the log")?)
            .stderr(log)
            // Ctrl-C in the terminal is for the runner; the watchdog sees to the rest.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        *child = Some(spawned);
        Ok(())
    }

    /// The id of the process that was spawned, while it has not been seen to end.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// How the process ended, once it did by itself or by a signal from elsewhere. `None` while it runs.
    ///
    /// # Errors
    ///
    /// When nothing was spawned, or its end was reported before.
    pub fn ended(&self) -> Result<Option<ExitStatus>> {
        let mut child = self.child();
        let status = child.as_mut().context("nothing is running")?.try_wait().context("cannot wait for it")?;
        if status.is_some() {
            *child = None;
        }
        Ok(status)
    }

    /// Kills the process and everything in its folder at once with SIGKILL: nothing gets to write another byte. Returns when
    /// all of it is gone. A paused process is killed too.
    ///
    /// # Errors
    ///
    /// When nothing is running, or something survives for 10 seconds.
    pub async fn kill9(&self) -> Result<()> {
        // The parent first, so that it cannot notice the death of a child and act on it.
        self.signal(Signal::KILL)?;
        timeout(KILL_LIMIT, async {
            while self.ended()?.is_none() {
                sleep(POLL).await;
            }
            loop {
                self.folder.signal(Signal::KILL);
                if self.folder.processes().is_empty() {
                    return Ok(());
                }
                sleep(POLL).await;
            }
        })
        .await
        .context("a killed process is still there")?
    }

    /// Stops every process in the folder (SIGSTOP). Connections stay open and nobody answers.
    pub fn pause(&self) {
        self.folder.signal(Signal::STOP);
    }

    /// Lets paused processes go on.
    pub fn resume(&self) {
        self.folder.signal(Signal::CONT);
    }

    /// Sends a signal to the process that was spawned, and to it alone.
    ///
    /// # Errors
    ///
    /// When it is not running.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // The lock is held over the signal: whoever reaps the process sets this to `None`, so the id is never a stranger's.
        let child = self.child();
        let child = child.as_ref().context("nothing is running")?;
        let pid = Pid::from_raw(i32::try_from(child.id())?).context("the process id is zero")?;
        kill_process(pid, signal).context("cannot send a signal")
    }

    /// Asks the process to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    ///
    /// When it is not running, or runs on after `limit`.
    pub async fn terminate(&self, limit: Duration) -> Result<Ending> {
        let asked = Instant::now();
        self.signal(Signal::TERM)?;
        loop {
            let took = asked.elapsed();
            if let Some(status) = self.ended()? {
                return Ok(Ending { status, took });
            }
            if took > limit {
                bail!("it still runs {took:?} after SIGTERM; its log ends with\n{}", self.log_end());
            }
            sleep(POLL).await;
        }
    }

    /// Everything it has printed so far, over all its restarts.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines it has printed, for the message of an error.
    #[must_use]
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines.len().saturating_sub(LOG_LINES);
        lines.get(end..).unwrap_or_default().join("\n")
    }

    /// Waits until `ready` says so. It is asked every 5 ms.
    ///
    /// # Errors
    ///
    /// When the process ends first, or `limit` passes; both quote the end of its log.
    pub async fn wait_until<F, Asked>(&self, limit: Duration, ready: F) -> Result<()>
    where
        F: Fn() -> Asked,
        Asked: Future<Output = bool>,
    {
        let answered = timeout(limit, async {
            loop {
                if ready().await {
                    return Ok(());
                }
                if let Some(status) = self.ended()? {
                    bail!("it ended with {status}; its log ends with\n{}", self.log_end());
                }
                sleep(POLL).await;
            }
        })
        .await;
        match answered {
            Ok(result) => result,
            Err(_) => bail!("it is not ready after {limit:?}; its log ends with\n{}", self.log_end()),
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // The folder ends whatever runs in it; what is left to do is to collect the ended child.
        self.folder.end_processes();
        if let Some(mut child) = child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
