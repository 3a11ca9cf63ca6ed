//! Which shop an operator's command is about, and how it gets at its stores.

use std::path::PathBuf;

use clap::Args;
use flashdeal_app::settings::{RawSettings, Settings};
use flashdeal_app::startup::Operator;
use flashdeal_domain::FlashSale;

/// Where the shop keeps what it has; as the server is told.
#[derive(Args)]
pub(super) struct Shop {
    /// PostgreSQL, the permanent record: `postgres://user:password@host/database`. Needs --redis-url too.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,

    /// Redis, the gate: `redis://host:port`. Needs --database-url too.
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<String>,

    /// Without them: where the embedded mode keeps its file.
    #[arg(long, env = "FLASHDEAL_DATA_DIR", value_name = "FOLDER", default_value = "./data")]
    data_dir: PathBuf,
}

impl Shop {
    fn settings(&self) -> anyhow::Result<Settings> {
        let raw = RawSettings {
            database_url: self.database_url.clone(),
            redis_url: self.redis_url.clone(),
            data_dir: self.data_dir.clone(),
            // Nothing is served: these only have to be sound.
            bind: "127.0.0.1:0".to_owned(),
            reservation_ttl: "10m".to_owned(),
            rate_limit: "off".to_owned(),
            request_deadline: "2s".to_owned(),
            ..RawSettings::default()
        };
        Settings::parse(&raw).map_err(|faults| anyhow::anyhow!("{faults}"))
    }
}

/// Does something with a shop's stores, and lets go of them in order.
pub(super) fn with_shop<T>(shop: &Shop, work: impl AsyncFnOnce(&FlashSale) -> anyhow::Result<T>) -> anyhow::Result<T> {
    with(shop, Operator::open, work)
}

/// As [`with_shop`]; an embedded store that is not there yet is made.
pub(super) fn with_new_shop<T>(
    shop: &Shop,
    work: impl AsyncFnOnce(&FlashSale) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with(shop, Operator::open_or_make, work)
}

fn with<T>(
    shop: &Shop,
    open: impl AsyncFnOnce(&Settings) -> anyhow::Result<Operator>,
    work: impl AsyncFnOnce(&FlashSale) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let settings = shop.settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let operator = open(&settings).await?;
        let done = work(operator.sale()).await;
        operator.close().await;
        done
    })
}
