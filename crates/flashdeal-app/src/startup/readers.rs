//! How far those are who pass orders on (webhooks), for an operator: beside the servers.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use flashdeal_domain::ports::{Clock, Position, Reader, Standing};
use flashdeal_domain::{OrderFeed, Timestamp};
use flashdeal_embedded::{EmbeddedStore, OpenError, RecordReader};
use flashdeal_postgres::PostgresStore;

use super::order_book::{connect, is_there, read};
use crate::environment::SystemClock;

/// The readers of a shop's orders.
pub struct Readers(Shop);

enum Shop {
    /// To be looked at only: a server may have the file.
    Seen(RecordReader),
    Embedded(EmbeddedStore),
    Distributed(PostgresStore),
}

impl Readers {
    /// To look at them: in PostgreSQL, or without a URL in the embedded store in this folder.
    ///
    /// # Errors
    /// With a chain that says what could not be opened and what to do about it.
    pub async fn look_at(database_url: Option<&str>, data_dir: &Path) -> anyhow::Result<Self> {
        match database_url {
            Some(url) => Ok(Self(Shop::Distributed(connect(url).await?))),
            None => Ok(Self(Shop::Seen(read(data_dir)?))),
        }
    }

    /// To move them. No server may have an embedded store meanwhile.
    ///
    /// # Errors
    /// As [`Self::look_at`].
    pub async fn open(database_url: Option<&str>, data_dir: &Path) -> anyhow::Result<Self> {
        let Some(url) = database_url else {
            is_there(data_dir)?;
            let store = EmbeddedStore::open(data_dir, Arc::new(SystemClock));
            if matches!(store, Err(OpenError::InUse { .. })) {
                anyhow::bail!("a running server has the embedded store, and one process at a time can: stop it first");
            }
            let store = store.with_context(|| format!("cannot open the embedded store in {}", data_dir.display()))?;
            return Ok(Self(Shop::Embedded(store)));
        };
        Ok(Self(Shop::Distributed(connect(url).await?)))
    }

    /// Whether it can be seen who is at work.
    #[must_use]
    pub const fn knows_leases(&self) -> bool {
        !matches!(self.0, Shop::Seen(_))
    }

    /// How far each of them is.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub async fn standings(&mut self) -> anyhow::Result<Vec<Standing>> {
        let standings = match &mut self.0 {
            Shop::Seen(reader) => reader.standings(SystemClock.now()),
            Shop::Embedded(store) => store.standings(None).await,
            Shop::Distributed(store) => store.standings(None).await,
        };
        standings.context("cannot read how far the webhooks are: has the schema been brought up to date?")
    }

    /// As [`OrderFeed::rewind`].
    ///
    /// # Errors
    /// If it was opened to be looked at, or the record cannot be written.
    pub async fn rewind(&self, reader: &Reader, since: Timestamp) -> anyhow::Result<Position> {
        match &self.0 {
            Shop::Seen(_) => anyhow::bail!("the store was opened for reading"),
            Shop::Embedded(store) => store.rewind(reader, since).await.map_err(Into::into),
            Shop::Distributed(store) => store.rewind(reader, since).await.map_err(Into::into),
        }
    }

    /// Forgets one of them that nobody passes orders on for at the moment; whether it did.
    ///
    /// # Errors
    /// If it was opened to be looked at, or the record cannot be written.
    pub async fn forget(&self, reader: &Reader) -> anyhow::Result<bool> {
        match &self.0 {
            Shop::Seen(_) => anyhow::bail!("the store was opened for reading"),
            Shop::Embedded(store) => store.forget_reader(reader).await.map_err(Into::into),
            Shop::Distributed(store) => store.forget_reader(reader).await.map_err(Into::into),
        }
    }

    /// Lets go of the store.
    pub async fn close(self) {
        if let Shop::Embedded(store) = self.0 {
            store.close().await;
        }
    }
}
