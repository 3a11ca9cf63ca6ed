//! Starts a private PostgreSQL and a private Redis, prints the settings that point `flashdeal` at them, and keeps both until it
//! is ended, in whatever way: for trying the distributed mode by hand, and for the harness's own test of its watchdog.

use anyhow::Result;
use flashdeal_tests::postgres::{PostgresOptions, PrivatePostgres};
use flashdeal_tests::redis::{Persistence, PrivateRedis, RedisOptions};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let postgres = PrivatePostgres::start(PostgresOptions::default()).await?;
    let redis =
        PrivateRedis::start(RedisOptions { persistence: Persistence::Always, ..RedisOptions::default() }).await?;
    let database = postgres.empty_database().await?;
    println!("DATABASE_URL={}", database.url());
    println!("REDIS_URL={}", redis.url());
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}
