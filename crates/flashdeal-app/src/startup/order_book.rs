//! What a shop sold, for reading alone.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use flashdeal_domain::{Order, OrderId, ProductId, StockRepository, StoreError};
use flashdeal_embedded::RecordReader;
use flashdeal_postgres::{ConnectError, PostgresConfig, PostgresStore};

/// How long one page may take: its rows may be all over a disk that has them in no cache.
const A_PAGE: Duration = Duration::from_mins(1);

/// How often PostgreSQL is asked until it answers, and the pause in between.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// The orders of a shop, beside its servers: nothing is written, no schema is changed, and no server needs to stop. The gate has no
/// part in it.
pub struct OrderBook(Record);

enum Record {
    Embedded(RecordReader),
    Distributed(PostgresStore),
}

impl OrderBook {
    /// The record in PostgreSQL, or without a URL the embedded one in this folder.
    ///
    /// # Errors
    /// With a chain that says what could not be opened and what to do about it.
    pub async fn open(database_url: Option<&str>, data_dir: &Path) -> anyhow::Result<Self> {
        match database_url {
            Some(url) => Ok(Self(Record::Distributed(connect(url).await?))),
            None => Ok(Self(Record::Embedded(read(data_dir)?))),
        }
    }

    /// Whether there is such a product.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn knows(&mut self, product: ProductId) -> Result<bool, StoreError> {
        let known = match &mut self.0 {
            Record::Embedded(reader) => reader.product(product),
            Record::Distributed(store) => patiently(unavailable, async || store.product(product).await).await,
        };
        Ok(known?.is_some())
    }

    /// As [`StockRepository::orders_after`]; a PostgreSQL that is restarted meanwhile is waited for, some ten seconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn orders_after(
        &mut self,
        product: Option<ProductId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        match &mut self.0 {
            Record::Embedded(reader) => reader.orders_after(product, after, limit),
            Record::Distributed(store) => {
                patiently(unavailable, async || store.orders_after(product, after, limit).await).await
            }
        }
    }
}

/// The record in PostgreSQL, for one caller with much time.
pub(super) async fn connect(url: &str) -> anyhow::Result<PostgresStore> {
    let mut config = PostgresConfig::new(url);
    // One page after the other, and nobody waits for it.
    config.max_connections = 1;
    config.call_timeout = A_PAGE;
    let unreachable = |error: &ConnectError| matches!(error, ConnectError::Unreachable(_));
    let store = patiently(unreachable, async || PostgresStore::connect(config.clone()).await).await;
    store.context("cannot connect to PostgreSQL")
}

/// The embedded record, beside the server that may have it.
pub(super) fn read(data_dir: &Path) -> anyhow::Result<RecordReader> {
    is_there(data_dir)?;
    RecordReader::open(data_dir).with_context(|| format!("cannot open the embedded store in {}", data_dir.display()))
}

/// Fails, unless there is an embedded store.
pub(super) fn is_there(data_dir: &Path) -> anyhow::Result<()> {
    if !data_dir.join("flashdeal.db").is_file() {
        anyhow::bail!(
            "there is no embedded store in {}: give its folder with --data-dir, or --database-url",
            data_dir.display()
        );
    }
    Ok(())
}

fn unavailable(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable { .. })
}

/// Reads again what could not be read for now: reading twice changes nothing.
async fn patiently<T, E: Display>(
    for_now: impl Fn(&E) -> bool,
    mut read: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    for attempt in 1..ATTEMPTS {
        match read().await {
            Err(error) if for_now(&error) => {
                // Said once: somebody may wait at the terminal.
                if attempt == 1 {
                    tracing::warn!(%error, "PostgreSQL does not answer; it is asked again for some seconds");
                }
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
    read().await
}
