//! The audit of a running server: a slow round over all products, in parts, and a gauge for each sort of finding.

use std::collections::HashMap;
use std::time::Duration;

use flashdeal_domain::{Audit, FindingKind, FlashSale, ProductId, StoreError};

/// How many products one part has. Each part reads their whole ledger.
const PRODUCTS: usize = 500;
/// Before the first part, and from one to the next.
const FIRST: Duration = Duration::from_mins(1);
const PERIOD: Duration = Duration::from_mins(5);
/// How long one part may take; what takes longer is left for the next. A gate of a million holds is read slowly.
const PATIENCE: Duration = Duration::from_mins(5);

/// Where a round is, and what it has found so far.
#[derive(Default)]
struct Round {
    after: Option<ProductId>,
    found: HashMap<FindingKind, u32>,
}

/// Audits all products, again and again.
pub(crate) async fn look_at_books(sale: FlashSale) {
    let mut round = Round::default();
    tokio::time::sleep(FIRST).await;
    loop {
        match tokio::time::timeout(PATIENCE, sale.verify_some(round.after, PRODUCTS)).await {
            Ok(Ok(audit)) => round.take(&audit),
            Ok(Err(error)) => unknown(&error),
            Err(_) => tracing::warn!("a part of the audit took longer than five minutes; it is begun again"),
        }
        tokio::time::sleep(PERIOD).await;
    }
}

fn unknown(error: &StoreError) {
    tracing::warn!(%error, "the books could not be audited; it is tried again");
}

impl Round {
    /// Adds a part. A whole round sets the gauges; one under way only lifts them, so that what is found is seen at once.
    fn take(&mut self, part: &Audit) {
        for finding in &part.findings {
            tracing::error!(kind = finding.kind.name(), product = %finding.product, "audit: {}", finding.detail);
            *self.found.entry(finding.kind).or_default() += 1;
        }
        self.after = part.after;
        let whole = self.after.is_none();
        for kind in FindingKind::ALL {
            let found = self.found.get(kind).copied().unwrap_or(0);
            if whole || found > 0 {
                metrics::gauge!("flashdeal_audit_findings", "kind" => kind.name()).set(found);
            }
        }
        if whole {
            self.found.clear();
        }
    }
}
