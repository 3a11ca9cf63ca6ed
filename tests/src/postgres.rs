//! A private PostgreSQL server.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::getuid;
use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::supervised::Supervised;
use crate::{port, programs};

/// How long a start may take, recovery after a kill included.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long `initdb` may take.
const INITDB_LIMIT: Duration = Duration::from_mins(1);
/// How often a start is tried, each time on another port, in case somebody else took the port in between.
const START_ATTEMPTS: u32 = 3;
/// The superuser, and the user of every URL.
const USER: &str = "postgres";

/// The server that the tests of one test binary share: see [`PrivatePostgres::shared`].
static SHARED: OnceCell<PrivatePostgres> = OnceCell::const_new();

/// How a private server is set up.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Whether commits reach the disk before they are answered. Killing the server loses nothing either way, since the kernel
    /// keeps what was written; on, the timing of commits is that of production. Off by default.
    pub fsync: bool,
    /// The server's `max_connections`; 300 by default.
    pub max_connections: u16,
    /// More settings by name, as in `postgresql.conf`.
    pub settings: Vec<(String, String)>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { fsync: false, max_connections: 300, settings: Vec::new() }
    }
}

/// A PostgreSQL server of one's own, on a loopback port, without passwords. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct PrivatePostgres {
    supervised: Supervised,
    options: PostgresOptions,
    programs: PathBuf,
    addr: SocketAddr,
    databases: AtomicU32,
    /// The templates that are migrated. Held while one is made, so that each is made once.
    templates: Mutex<HashSet<String>>,
}

impl PrivatePostgres {
    /// Starts a new server, in under a second on an idle machine.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not installed or does not start; as root, also when there is no system user `postgres`, since
    /// PostgreSQL refuses to run as root.
    pub async fn start(options: PostgresOptions) -> Result<Self> {
        let programs = programs::postgres_folder()?;
        let supervised = Supervised::new("postgres")?;
        let mut server = Self {
            supervised,
            options,
            programs,
            addr: port::free()?,
            databases: AtomicU32::new(0),
            templates: Mutex::default(),
        };
        server.init_data().await?;
        for _ in 1..START_ATTEMPTS {
            match server.restart().await {
                Ok(()) => return Ok(server),
                Err(_) if server.pid().is_none() => server.addr = port::free()?,
                Err(error) => return Err(error),
            }
        }
        server.restart().await?;
        Ok(server)
    }

    /// The one server that the tests of a binary share, started by the first that asks. Tests which kill or pause a server, or
    /// need other options than the default ones, start their own.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(|| Self::start(PostgresOptions::default())).await
    }

    /// Where it listens. It stays the same over restarts.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process and its log.
    #[must_use]
    pub fn supervised(&self) -> &Supervised {
        &self.supervised
    }

    /// A new database cloned from the template called `template` (lower case letters, digits and `_`). The first call for a
    /// template makes it: an empty database whose URL `migrate` gets, which closes its connections before it returns. A clone
    /// takes some 50 ms. It lives as long as the server.
    ///
    /// # Errors
    ///
    /// When `migrate` fails, or the server refuses to make a database.
    pub async fn fresh_database<M, Migrated>(&self, template: &str, migrate: M) -> Result<Database>
    where
        M: FnOnce(String) -> Migrated,
        Migrated: Future<Output = Result<()>>,
    {
        let mut templates = self.templates.lock().await;
        if !templates.contains(template) {
            // What an earlier attempt that failed half way may have left.
            self.admin(&format!("DROP DATABASE IF EXISTS {template}")).await?;
            self.admin(&format!("CREATE DATABASE {template}")).await?;
            migrate(self.url(template)).await.with_context(|| format!("cannot migrate the template {template}"))?;
            // A template that somebody is connected to cannot be cloned.
            self.admin(&format!("ALTER DATABASE {template} ALLOW_CONNECTIONS false")).await?;
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
            self.admin(&format!("{end} '{template}'")).await?;
            templates.insert(template.to_owned());
        }
        drop(templates);
        self.clone_of(template).await
    }

    /// A new database with nothing in it.
    ///
    /// # Errors
    ///
    /// When the server refuses to make one.
    pub async fn empty_database(&self) -> Result<Database> {
        self.clone_of("template0").await
    }

    /// Kills every process of the server at once (SIGKILL), as a crash would. It returns when they are gone.
    ///
    /// # Errors
    ///
    /// When the server is not running.
    pub async fn kill9(&self) -> Result<()> {
        self.supervised.kill9().await
    }

    /// Starts the server again after [`kill9`](Self::kill9), with the same data on the same port, and returns when it has
    /// recovered and answers.
    ///
    /// # Errors
    ///
    /// When it is running already, ends at once, or does not answer within 30 seconds.
    pub async fn restart(&self) -> Result<()> {
        self.supervised.spawn(&mut self.server_command()?)?;
        let ready = || async { self.admin("SELECT 1").await.is_ok() };
        self.supervised.wait_until(START_LIMIT, ready).await.context("PostgreSQL did not start")
    }

    /// Stops every process of the server (SIGSTOP): connections stay open and nobody answers, until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.supervised.pause();
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.supervised.resume();
    }

    /// The process id of the server (the postmaster) while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.supervised.pid()
    }

    async fn admin(&self, statement: &str) -> Result<Rows> {
        sql(&self.url("postgres"), statement).await
    }

    async fn clone_of(&self, template: &str) -> Result<Database> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.admin(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        Ok(Database { name, addr: self.addr })
    }

    fn url(&self, database: &str) -> String {
        url(self.addr, database)
    }

    fn data(&self) -> PathBuf {
        self.supervised.folder().path().join("data")
    }

    async fn init_data(&self) -> Result<()> {
        if let Some((uid, gid)) = unprivileged_user()? {
            chown(self.supervised.folder().path(), Some(uid), Some(gid)).context("cannot give the data folder away")?;
        }
        let mut command = as_unprivileged(&self.programs.join("initdb"))?;
        command
            .args(["--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8", "--no-instructions"])
            .arg(format!("--username={USER}"))
            .arg("--pgdata")
            .arg(self.data());
        self.supervised.spawn(&mut command)?;
        let ended = tokio::time::timeout(INITDB_LIMIT, async {
            loop {
                if let Some(status) = self.supervised.ended()? {
                    return anyhow::Ok(status);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        let status = ended.await.context("initdb takes over a minute")??;
        if !status.success() {
            bail!("initdb ended with {status}; its log ends with\n{}", self.supervised.log_end());
        }
        Ok(())
    }

    fn server_command(&self) -> Result<Command> {
        let durable = if self.options.fsync { "on" } else { "off" };
        let own = [
            ("listen_addresses", "127.0.0.1"),
            // The default folder for sockets may not exist or not be ours to write to.
            ("unix_socket_directories", ""),
            ("fsync", durable),
            ("full_page_writes", durable),
            // Shared memory in files goes with the folder, even when the server is killed and never started again.
            ("dynamic_shared_memory_type", "mmap"),
            ("max_wal_size", "256MB"),
        ];
        let mut command = as_unprivileged(&self.programs.join("postgres"))?;
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.addr.port().to_string()])
            .args(["-N", &self.options.max_connections.to_string()]);
        for (name, value) in own {
            command.args(["-c", &format!("{name}={value}")]);
        }
        for (name, value) in &self.options.settings {
            command.args(["-c", &format!("{name}={value}")]);
        }
        Ok(command)
    }
}

/// A database on a private server.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    addr: SocketAddr,
}

impl Database {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.addr, &self.name)
    }

    /// Its URL by way of another address: that of a [`Proxy`](crate::proxy::Proxy) in front of the server.
    #[must_use]
    pub fn url_through(&self, addr: SocketAddr) -> String {
        url(addr, &self.name)
    }

    /// Runs SQL in it: see [`sql`].
    ///
    /// # Errors
    ///
    /// As for [`sql`].
    pub async fn sql(&self, statements: &str) -> Result<Rows> {
        sql(&self.url(), statements).await
    }
}

/// The rows of an answer, each a list of columns in text form, `None` for null.
pub type Rows = Vec<Vec<Option<String>>>;

/// Runs one or more statements on a connection of their own, as one transaction unless they say otherwise, and returns the rows
/// of all of them.
///
/// # Errors
///
/// When the database cannot be reached or refuses; the message is the server's.
pub async fn sql(url: &str, statements: &str) -> Result<Rows> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("cannot connect to PostgreSQL")?;
    let connection = tokio::spawn(connection);
    let answer = client.simple_query(statements).await.map_err(|error| describe(&error));
    drop(client);
    // The server must have let go of the connection before a caller clones or drops the database.
    let _ = connection.await;
    let rows = answer?.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()),
        _ => None,
    });
    Ok(rows.collect())
}

/// The driver's own message is only "db error".
fn describe(error: &tokio_postgres::Error) -> anyhow::Error {
    let mut text = error.to_string();
    if let Some(detail) = error.as_db_error() {
        let _ = write!(text, ": {detail}");
    }
    anyhow::anyhow!(text)
}

fn url(addr: SocketAddr, database: &str) -> String {
    format!("postgres://{USER}@{addr}/{database}")
}

/// As whom PostgreSQL runs: as the user of the tests, unless that is root.
fn unprivileged_user() -> Result<Option<(u32, u32)>> {
    if getuid().is_root() {
        return programs::user_ids("postgres").map(Some).context("PostgreSQL refuses to run as root");
    }
    Ok(None)
}

fn as_unprivileged(program: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    // The settings of a developer's own PostgreSQL (PGDATA, PGPORT, …) have no say here.
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
    if let Some((uid, gid)) = unprivileged_user()? {
        command.uid(uid).gid(gid);
    }
    Ok(command)
}
