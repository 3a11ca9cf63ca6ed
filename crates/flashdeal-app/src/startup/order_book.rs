//! What a shop sold, for reading alone.

use std::path::Path;

use anyhow::Context;
use flashdeal_domain::{Order, OrderId, ProductId, StockRepository, StoreError};
use flashdeal_embedded::RecordReader;
use flashdeal_postgres::{PostgresConfig, PostgresStore};

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
        if let Some(url) = database_url {
            let store = PostgresStore::connect(PostgresConfig::new(url)).await;
            return Ok(Self(Record::Distributed(store.context("cannot connect to PostgreSQL")?)));
        }
        if !data_dir.join("flashdeal.db").is_file() {
            anyhow::bail!(
                "there is no embedded store in {}: give its folder with --data-dir, or --database-url",
                data_dir.display()
            );
        }
        let reader = RecordReader::open(data_dir)
            .with_context(|| format!("cannot open the embedded store in {}", data_dir.display()))?;
        Ok(Self(Record::Embedded(reader)))
    }

    /// Whether there is such a product.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn knows(&mut self, product: ProductId) -> Result<bool, StoreError> {
        let known = match &mut self.0 {
            Record::Embedded(reader) => reader.product(product),
            Record::Distributed(store) => store.product(product).await,
        };
        Ok(known?.is_some())
    }

    /// As [`StockRepository::orders_after`].
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
            Record::Distributed(store) => store.orders_after(product, after, limit).await,
        }
    }
}
