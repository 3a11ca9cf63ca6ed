//! The stores of a shop for an operator's command, without a server in front of them.

use flashdeal_domain::FlashSale;
use flashdeal_embedded::OpenError;

use super::{Environment, sale_over};
use crate::settings::{Mode, Settings};

use super::stores::Stores;

/// The use cases over a shop's stores.
pub struct Operator {
    sale: FlashSale,
    stores: Stores,
}

impl Operator {
    /// Opens the stores, with their schemas brought up to date. An embedded store must be there already, and no server may
    /// have it open.
    ///
    /// # Errors
    /// With a chain that says what could not be opened and what to do about it.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if let Mode::Embedded { data_dir } = &settings.mode
            && !data_dir.join("flashdeal.db").is_file()
        {
            anyhow::bail!(
                "there is no embedded store in {}: give its folder with --data-dir, or --database-url and --redis-url",
                data_dir.display()
            );
        }
        let in_use = "a running server has the embedded store, and one process at a time can: look at flashdeal_audit_findings on \
                      its /metrics, or stop it first";
        Self::over(settings, in_use).await
    }

    /// As [`Self::open`]; an embedded store that is not there yet is made.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_or_make(settings: &Settings) -> anyhow::Result<Self> {
        let in_use = "a running server has the embedded store, and one process at a time can: stop it first, or ask it by its API";
        Self::over(settings, in_use).await
    }

    async fn over(settings: &Settings, in_use: &'static str) -> anyhow::Result<Self> {
        let environment = Environment::default();
        let stores = match Stores::open(settings, &environment).await {
            Err(error) if matches!(error.downcast_ref(), Some(OpenError::InUse { .. })) => {
                return Err(error.context(in_use));
            }
            stores => stores?,
        };
        Ok(Self { sale: sale_over(settings, &stores, &environment), stores })
    }

    /// The use cases.
    #[must_use]
    pub fn sale(&self) -> &FlashSale {
        &self.sale
    }

    /// Lets go of the stores.
    pub async fn close(self) {
        self.stores.close().await;
    }
}
