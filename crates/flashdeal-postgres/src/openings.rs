//! Openings, by the batch: a sale of ten thousand products begins with an epoch for each of them.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer};
use flashdeal_batching::{Batcher, Limits, Rejected, Run};
use flashdeal_domain::{ProductId, RecordState, StoreError};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::error::{STORE, lost, unavailable};
use crate::pool::Pool;
use crate::rows::state;

/// Raises the epochs of these products. It locks their rows in the order of their ids, as every statement about several does.
const OPEN: &str = include_str!("openings.sql");

/// Gathers those who open a product.
pub(crate) struct Openings(Batcher<Runner>);

/// What one caller hears: the state after it, or `None` if no product has the id.
type Opened = Result<Option<RecordState>, StoreError>;

impl Openings {
    pub(crate) fn new(pool: Pool, limits: Limits) -> Self {
        Self(Batcher::across_threads(Runner(pool), limits))
    }

    pub(crate) async fn submit(&self, product: ProductId) -> Opened {
        match timeout(self.0.runner().0.call_timeout(), self.0.submit((), product)).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(Rejected::Full)) => Err(StoreError::Overloaded { store: STORE }),
            Ok(Err(Rejected::Lost)) => Err(lost()),
            Err(_) => Err(unavailable("no answer in time")),
        }
    }
}

struct Runner(Pool);

impl Run for Runner {
    type Key = ();
    type Item = ProductId;
    type Answer = Opened;

    async fn run(&self, (): &(), products: Vec<ProductId>) -> Vec<Opened> {
        let deadline = self.0.deadline();
        let mut answers: Vec<Option<Opened>> = vec![None; products.len()];
        let mut pending: Vec<(usize, ProductId)> = products.into_iter().enumerate().collect();
        while !pending.is_empty() {
            // Each caller gets an epoch of their own, so one who opens the same product as another has a later turn.
            let mut seen = HashSet::new();
            let (now, later): (Vec<_>, Vec<_>) = pending.into_iter().partition(|(_, product)| seen.insert(*product));
            for (place, opened) in self.round(&now, deadline).await {
                if let Some(answer) = answers.get_mut(place) {
                    *answer = Some(opened);
                }
            }
            pending = later;
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(lost()))).collect()
    }
}

impl Runner {
    /// One statement for all; if it fails, one for each, so that a product whose row somebody keeps locked stands alone.
    async fn round(&self, products: &[(usize, ProductId)], deadline: Instant) -> Vec<(usize, Opened)> {
        match self.open(products, deadline).await {
            Ok(opened) => products.iter().map(|(at, product)| (*at, Ok(opened.get(product).copied()))).collect(),
            Err(error) if products.len() == 1 => products.iter().map(|(at, _)| (*at, Err(error.clone()))).collect(),
            Err(_) => {
                let each = products.iter().map(async |one| {
                    let opened = self.open(std::slice::from_ref(one), deadline).await;
                    (one.0, opened.map(|opened| opened.get(&one.1).copied()))
                });
                join_all(each).await
            }
        }
    }

    async fn open(
        &self,
        products: &[(usize, ProductId)],
        deadline: Instant,
    ) -> Result<HashMap<ProductId, RecordState>, StoreError> {
        let ids: Vec<Uuid> = products.iter().map(|(_, product)| *product.as_uuid()).collect();
        let query = diesel::sql_query(OPEN).bind::<Array<diesel::sql_types::Uuid>, _>(ids);
        let rows: Vec<OpenedRow> = self.0.load_here("open_epoch", query, deadline).await?;
        rows.into_iter()
            .map(|row| {
                let state = state(Some(row.epoch), Some(row.version), Some(row.total_stock))?;
                Ok((ProductId::from_uuid(row.id), state))
            })
            .collect()
    }
}

#[derive(QueryableByName)]
struct OpenedRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Integer)]
    total_stock: i32,
}
