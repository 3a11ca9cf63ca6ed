//! The server's binary, built as this program was.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Builds the `flashdeal` binary beside this program and says where it is. Cargo knows whether there is anything to build.
///
/// # Errors
/// When it does not build, or cargo put it elsewhere.
pub(crate) fn build() -> Result<PathBuf> {
    let own = env::current_exe().context("cannot find this program")?;
    let folder = own.parent().context("this program is in no folder")?;
    let target = folder.parent().context("this program is in no target folder")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(profile) => profile,
    };
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .args(["build", "--locked", "-p", "flashdeal-app", "--bin", "flashdeal", "--profile", profile, "--target-dir"])
        .arg(target)
        .status()
        .context("cannot start cargo to build the server: pass --server FILE for one that is built already")?;
    ensure!(status.success(), "the server does not build");
    let binary = folder.join("flashdeal");
    ensure!(binary.is_file(), "cargo did not build {}", binary.display());
    Ok(binary)
}
