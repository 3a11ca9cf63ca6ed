//! What `docker/` gives to those who deploy: the users of Redis and the roles of PostgreSQL, made from the very files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::folder::Folder;
use crate::programs;

/// The user of Redis that the server is, with its password, as they stand in a URL.
pub const REDIS_USER: &str = "flashdeal:gate";
/// The user of Redis that its operator is.
pub const REDIS_OPERATOR: [&str; 2] = ["operator", "operator"];
/// The role of PostgreSQL that may change the schema, and the one that may sell.
pub const MIGRATOR: &str = "flashdeal_migrator:migrator";
/// The role of PostgreSQL that may sell.
pub const APP: &str = "flashdeal_app:record";

/// The settings of a Redis with the users of `users.acl` and the settings of `redis.conf`, of which copies go to the folder.
///
/// # Errors
///
/// When a file cannot be read or copied.
pub fn redis_settings(folder: &Folder) -> Result<Vec<(String, String)>> {
    let copy = |name: &str, text: String| -> Result<String> {
        let copy = folder.path().join(name);
        fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
        Ok(copy.to_string_lossy().into_owned())
    };
    // The folder of the data is that of the image.
    let settings =
        read("redis/redis.conf")?.lines().filter(|line| !line.starts_with("dir ")).collect::<Vec<_>>().join("\n");
    Ok(vec![
        ("include".to_owned(), copy("redis.conf", settings)?),
        ("aclfile".to_owned(), copy("users.acl", users()?)?),
    ])
}

/// The rules of [`REDIS_USER`], as `ACL SETUSER flashdeal` takes them.
///
/// # Errors
///
/// When `users.acl` cannot be read or has no such user.
pub fn redis_rules() -> Result<Vec<String>> {
    let users = users()?;
    let rules = users.lines().find_map(|line| line.strip_prefix("user flashdeal ")).context("no user flashdeal")?;
    Ok(rules.split(' ').map(str::to_owned).collect())
}

/// `users.acl` with passwords instead of where their hashes go.
fn users() -> Result<String> {
    let [_, operator] = REDIS_OPERATOR;
    let password = REDIS_USER.split(':').next_back().unwrap_or_default();
    Ok(read("redis/users.acl")?
        .replace("#FLASHDEAL_PASSWORD_SHA256", &format!(">{password}"))
        .replace("#REPLICA_PASSWORD_SHA256", &format!(">{operator}"))
        .replace("#OPERATOR_PASSWORD_SHA256", &format!(">{operator}")))
}

/// Runs `roles.sql` in the database at this URL, as its superuser.
///
/// # Errors
///
/// With what `psql` says.
pub fn make_roles(url: &str) -> Result<()> {
    psql(url, "postgres/roles.sql")
}

/// Runs `grants.sql` in the database at this URL, as the migrator.
///
/// # Errors
///
/// With what `psql` says.
pub fn grant(url: &str) -> Result<()> {
    psql(url, "postgres/grants.sql")
}

/// A URL of PostgreSQL with another user and password.
#[must_use]
pub fn as_role(url: &str, role: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://{role}@{rest}"),
        None => url.to_owned(),
    }
}

fn psql(url: &str, path: &str) -> Result<()> {
    let password = |role: &str| role.split(':').next_back().unwrap_or_default().to_owned();
    let output = Command::new(programs::psql()?)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/bin:/bin")
        .args(["--no-psqlrc", "--quiet", "--dbname", url])
        .args(["-v", &format!("migrator_password={}", password(MIGRATOR))])
        .args(["-v", &format!("app_password={}", password(APP))])
        .arg("--file")
        .arg(file(path))
        .output()
        .context("cannot run psql")?;
    ensure!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn read(path: &str) -> Result<String> {
    let file = file(path);
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker").join(path)
}
