//! Where the servers' programs are, and as which user they may run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where Debian keeps PostgreSQL's programs, one folder per major version, none of them on `PATH`.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// The folder that has `initdb` and `postgres`: of `PATH`, else Debian's newest.
///
/// # Errors
///
/// When PostgreSQL is not installed.
pub fn postgres_folder() -> Result<PathBuf> {
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN_POSTGRES)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    debian.sort_unstable_by(|left, right| right.cmp(left));
    search_path()
        .into_iter()
        .chain(debian.into_iter().map(|(_, folder)| folder))
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .context("PostgreSQL is not installed: tests/prepare installs it (Debian: apt-get install postgresql)")
}

/// The client `psql`: that of the server's own folder, else of `PATH`.
///
/// # Errors
///
/// When PostgreSQL or its client is not installed.
pub fn psql() -> Result<PathBuf> {
    std::iter::once(postgres_folder()?)
        .chain(search_path())
        .map(|folder| folder.join("psql"))
        .find(|program| program.is_file())
        .context("psql is not installed: tests/prepare installs it (Debian: apt-get install postgresql)")
}

/// The `redis-server` of `PATH`.
///
/// # Errors
///
/// When Redis is not installed.
pub fn redis_server() -> Result<PathBuf> {
    search_path()
        .into_iter()
        .map(|folder| folder.join("redis-server"))
        .find(|program| program.is_file())
        .context("Redis is not installed: tests/prepare installs it (Debian: apt-get install redis-server)")
}

/// The `chromedriver` and the Chromium of `PATH`.
///
/// # Errors
///
/// When one of them is not installed.
pub fn chromium() -> Result<(PathBuf, PathBuf)> {
    let first = |names: &[&str]| {
        search_path()
            .into_iter()
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)).collect::<Vec<_>>())
            .find(|program| program.is_file())
    };
    first(&["chromedriver"]).zip(first(&["chromium", "chromium-browser", "google-chrome"])).context(
        "Chromium is not installed: tests/prepare installs it (Debian: apt-get install chromium chromium-driver)",
    )
}

/// A program of `PATH` that a client in another language needs: an interpreter, a type checker.
///
/// # Errors
///
/// When it is not installed; `package` is what Debian has it in.
pub fn language_tool(name: &str, package: &str) -> Result<PathBuf> {
    let mut candidates = search_path().into_iter().map(|folder| folder.join(name));
    candidates.find(|program| program.is_file()).with_context(|| {
        format!("{name} is not installed: tests/prepare installs it (Debian: apt-get install {package})")
    })
}

fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map_or_else(Vec::new, |path| env::split_paths(&path).collect())
}

/// The ids of the system user `name`, from `/etc/passwd`.
///
/// # Errors
///
/// When there is no such user.
pub fn user_ids(name: &str) -> Result<(u32, u32)> {
    let users = fs::read_to_string(Path::new("/etc/passwd")).context("cannot read /etc/passwd")?;
    users
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next()? == name;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            found.then_some((uid, gid))
        })
        .with_context(|| format!("there is no system user named {name}"))
}
