//! `flashdeal backup`: a copy of the embedded store, while it serves.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use flashdeal_embedded::RecordReader;

/// Copy the embedded store into a file, while its server sells or when it is stopped.
///
/// The copy has everything of one instant: products, orders and holds. It is checked, and is there under its name only when it is whole
/// and on the disk; until then it is FILE.partial. A folder with the copy in it as flashdeal.db is a store. While the copy is made, the
/// log of the store (flashdeal.db-wal) is not emptied, so that a large copy to a slow disk takes room on both.
///
/// What is in PostgreSQL is copied with PostgreSQL's own tools, such as `pg_dump`, also while the sale goes on.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where to; nothing may be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where the embedded mode keeps its file.
    #[arg(long, env = "FLASHDEAL_DATA_DIR", value_name = "FOLDER", default_value = "./data")]
    data_dir: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal backup shop-$(date +%F).db        of the store in ./data
  flashdeal backup --data-dir /var/lib/flashdeal /backup/shop.db
To look at a copy, or to start from it; without webhooks, since what was not told yet when the copy was made is told by it once more:
  mkdir restored && cp shop-2026-11-27.db restored/flashdeal.db
  flashdeal verify --data-dir restored
  FLASHDEAL_WEBHOOK_URL= flashdeal --data-dir restored

Exit status: 0 the copy is there, 1 it is not.";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { file, data_dir } = arguments;
    if !data_dir.join("flashdeal.db").is_file() {
        anyhow::bail!(
            "there is no embedded store in {}: give its folder with --data-dir; of PostgreSQL, pg_dump makes a copy",
            data_dir.display()
        );
    }
    let mut reader = RecordReader::open(data_dir)
        .with_context(|| format!("cannot open the embedded store in {}", data_dir.display()))?;
    let bytes = reader.back_up(file)?;
    eprintln!("flashdeal: the store is in {}, {bytes} bytes", file.display());
    Ok(ExitCode::SUCCESS)
}
