//! One PostgreSQL transaction per checkout on one hot row, by PostgreSQL's own load generator.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flashdeal_tests::folder::Folder;
use flashdeal_tests::postgres::{Database, PrivatePostgres};
use flashdeal_tests::programs;
use hdrhistogram::Histogram;

use crate::load::{LATENCY_LIMIT, Measured};

/// As many clients as a pool of connections would have; more only wait for the row.
const CLIENTS: usize = 16;

/// The tables and the folder of it.
#[derive(Debug)]
pub(crate) struct PgBench {
    database: Database,
    folder: Folder,
    rounds: u32,
}

impl PgBench {
    /// Makes the tables.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub(crate) async fn new(postgres: &PrivatePostgres) -> Result<Self> {
        let database = postgres.empty_database().await?;
        database
            .sql(
                "CREATE TABLE bench_product (id integer PRIMARY KEY, stock integer NOT NULL CHECK (stock >= 0));
                 CREATE TABLE bench_order (
                     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                     product_id integer NOT NULL REFERENCES bench_product,
                     buyer bigint NOT NULL,
                     quantity integer NOT NULL,
                     price_cents bigint NOT NULL,
                     created_at timestamptz NOT NULL DEFAULT now()
                 );
                 INSERT INTO bench_product VALUES (1, 1000000000);",
            )
            .await?;
        let folder = Folder::new("pgbench")?;
        fs::write(folder.path().join("checkout.sql"), include_str!("pgbench/checkout.sql"))?;
        Ok(Self { database, folder, rounds: 0 })
    }

    /// Runs it for so many seconds.
    ///
    /// # Errors
    /// When pgbench cannot be run, or its books do not balance.
    pub(crate) async fn round(&mut self, seconds: u64) -> Result<Measured> {
        self.rounds += 1;
        let before = self.orders().await?;
        let log = format!("log-{}", self.rounds);
        let output = Command::new(program()?)
            .current_dir(self.folder.path())
            .args(["--no-vacuum", "--protocol=prepared", "--file=checkout.sql", "--log", "--log-prefix", &log])
            .args(["--client", &CLIENTS.to_string(), "--time", &seconds.to_string()])
            .arg(self.database.url())
            .output()
            .context("cannot start pgbench: is it installed?")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "pgbench failed: {}", String::from_utf8_lossy(&output.stderr));
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
        let rate = rate.context("pgbench tells no tps")?;
        let latency = self.latencies(&log)?;
        let answers = latency.len();
        let made = self.orders().await?.saturating_sub(before);
        ensure!(made == answers, "pgbench did {answers} transactions and {made} orders are there");
        let took = std::time::Duration::try_from_secs_f64(crate::numbers::float(answers) / rate.max(1e-9))?;
        Ok(Measured { answers, took, latency })
    }

    /// From pgbench's log: client, number, microseconds, …
    fn latencies(&self, prefix: &str) -> Result<Histogram<u64>> {
        let mut latency = Histogram::new_with_bounds(1, LATENCY_LIMIT, 3).context("the bounds of the histogram")?;
        for entry in fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(&format!("{prefix}.")) {
                for line in fs::read_to_string(&path)?.lines() {
                    let micros = line.split(' ').nth(2).and_then(|micros| micros.parse().ok());
                    latency.saturating_record(micros.context("a line of pgbench's log without a time")?);
                }
                fs::remove_file(&path)?;
            }
        }
        Ok(latency)
    }

    async fn orders(&self) -> Result<u64> {
        let sql = "SELECT (SELECT count(*) FROM bench_order), (SELECT 1000000000 - stock FROM bench_product)";
        let rows = self.database.sql(sql).await?;
        let row: Vec<u64> =
            rows.iter().flatten().filter_map(|count| count.as_deref().and_then(|count| count.parse().ok())).collect();
        match row.as_slice() {
            [orders, sold] if orders == sold => Ok(*orders),
            _ => anyhow::bail!("the books of pgbench do not balance: {row:?}"),
        }
    }
}

/// That of the server's version, else that of `PATH`.
fn program() -> Result<PathBuf> {
    let beside = programs::postgres_folder()?.join("initdb");
    let folder = fs::canonicalize(beside).context("cannot find PostgreSQL's programs")?;
    let own = folder.with_file_name("pgbench");
    Ok(if own.is_file() { own } else { PathBuf::from("pgbench") })
}
