//! The real `flashdeal` binary as a process of its own, to be killed, frozen and asked to leave.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::http::Http;
use crate::port;
use crate::supervised::{Ending, Supervised};

/// How long the binary may take until it answers, migrations and recovery included.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often a supervisor starts what does not, and the pause between: two seconds with systemd, but a test is impatient.
const SUPERVISED_ATTEMPTS: u32 = 10;
const SUPERVISED_PAUSE: Duration = Duration::from_millis(500);

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// The program; see [`flashdeal_binary`].
    pub binary: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, besides `PATH`, `FLASHDEAL_BIND` and the switches of backtraces: nothing of the runner's settings reaches it.
    pub environment: Vec<(String, String)>,
}

impl AppOptions {
    /// The program without arguments and settings: embedded, its data in its own throwaway folder.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self { binary: binary.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// Adds a setting.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }
}

/// A running instance. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct AppProcess {
    supervised: Supervised,
    options: AppOptions,
    addr: SocketAddr,
}

impl AppProcess {
    /// Starts an instance on a free loopback port, in a throwaway folder as its working directory, and waits until
    /// `/health/live` answers 200.
    ///
    /// # Errors
    ///
    /// When it ends at once or does not answer within 30 seconds; the message quotes its log.
    pub async fn start(options: AppOptions) -> Result<Self> {
        let app = Self::prepare(options)?;
        app.restart().await?;
        Ok(app)
    }

    /// The same as a supervisor starts it (`Restart=on-failure`): a store on a busy machine may be too slow at first.
    ///
    /// # Errors
    ///
    /// When it could not be started ten times in a row.
    pub async fn start_supervised(options: AppOptions) -> Result<Self> {
        let app = Self::prepare(options)?;
        for _ in 1..SUPERVISED_ATTEMPTS {
            match app.restart().await {
                Ok(()) => return Ok(app),
                Err(error) if app.pid().is_some() => return Err(error),
                Err(_) => tokio::time::sleep(SUPERVISED_PAUSE).await,
            }
        }
        app.restart().await?;
        Ok(app)
    }

    /// Runs the program until it ends by itself, as one that refuses to start does, and returns how it ended and what it said.
    ///
    /// # Errors
    ///
    /// When it cannot be run, or still runs after `limit`.
    pub async fn run_to_end(options: AppOptions, limit: Duration) -> Result<(std::process::ExitStatus, String)> {
        let app = Self::prepare(options)?;
        app.supervised.spawn(&mut app.command())?;
        let ended = async {
            loop {
                if let Some(status) = app.supervised.ended()? {
                    return anyhow::Ok(status);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let status = tokio::time::timeout(limit, ended).await.context("it was to end, and runs on")??;
        Ok((status, app.supervised.log()))
    }

    /// Where it listens. It stays the same over restarts.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A client of it.
    ///
    /// # Errors
    ///
    /// When no client can be set up.
    pub fn http(&self) -> Result<Http> {
        Http::new(self.addr)
    }

    /// Its working directory, with the `data` of an embedded instance in it. It stays over restarts.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.supervised.folder().path()
    }

    /// The process and its log.
    #[must_use]
    pub fn supervised(&self) -> &Supervised {
        &self.supervised
    }

    /// Kills it at once (SIGKILL). It returns when it is gone.
    ///
    /// # Errors
    ///
    /// When it is not running.
    pub async fn kill9(&self) -> Result<()> {
        self.supervised.kill9().await
    }

    /// Starts it again after it ended, in the same folder on the same port, and waits until it answers.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start), and when it is running.
    pub async fn restart(&self) -> Result<()> {
        self.supervised.spawn(&mut self.command())?;
        let http = self.http()?;
        let live = || async {
            let answer = http.get("/health/live").send().await;
            answer.is_ok_and(|answer| answer.status == 200)
        };
        self.supervised.wait_until(START_LIMIT, live).await.context("the application did not start")
    }

    /// Asks it to end (SIGTERM), and tells how it did and how long it took.
    ///
    /// # Errors
    ///
    /// When it is not running, or runs on after `limit`.
    pub async fn terminate(&self, limit: Duration) -> Result<Ending> {
        self.supervised.terminate(limit).await
    }

    /// Freezes it (SIGSTOP): connections stay open and nobody answers, until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.supervised.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.supervised.resume();
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.supervised.pid()
    }

    fn prepare(options: AppOptions) -> Result<Self> {
        Ok(Self { supervised: Supervised::new("app")?, options, addr: port::free()? })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.options.binary);
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            // A panic tells where it came from; an error in the log is not buried under where it was made.
            .env("RUST_BACKTRACE", "1")
            .env("RUST_LIB_BACKTRACE", "0")
            .env("FLASHDEAL_BIND", self.addr.to_string())
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .args(&self.options.arguments);
        command
    }
}

/// The `flashdeal` binary of the build that the calling test belongs to: of the same target folder and profile.
///
/// # Errors
///
/// When it was not built: `tests/run` builds it, and so does `cargo build --workspace --bins`.
pub fn flashdeal_binary() -> Result<PathBuf> {
    built("flashdeal", "--bins")
}

/// The program of `examples/` with this name, of the same build.
///
/// # Errors
///
/// When it was not built: `tests/run` builds it, and so does `cargo build --workspace --examples`.
pub fn example_binary(name: &str) -> Result<PathBuf> {
    built(&format!("examples/{name}"), "--examples")
}

/// A program of the build that the calling test belongs to.
fn built(path: &str, kind: &str) -> Result<PathBuf> {
    let test = env::current_exe().context("cannot find the test's own program")?;
    // Cargo puts test programs into `deps`, below the folder of the binaries.
    let folder = test.parent().and_then(Path::parent).context("the test's program is in no build folder")?;
    let binary = folder.join(path);
    ensure!(
        binary.is_file(),
        "{} is missing: run tests/run, or cargo build --workspace {kind} first",
        binary.display()
    );
    Ok(binary)
}
