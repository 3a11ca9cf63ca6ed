//! Stock by product: gauges of the products used last on this instance. Their number is bounded, whatever the catalogue has.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flashdeal_domain::{FlashSale, ProductId, SaleError, StockLevel};
use futures_util::future::join_all;

/// How many products have gauges.
pub(crate) const MOST: usize = 50;
/// How long one look at all of them may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a gauge is called, what it means, and what of a level it shows.
type Gauge = (&'static str, &'static str, fn(StockLevel) -> u32);

/// The products used last, and what the last look at them found. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Products(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The last used first.
    used: Mutex<Vec<ProductId>>,
    seen: Mutex<Vec<(ProductId, StockLevel)>>,
}

impl Products {
    /// This product was used. Nobody waits for this: when two requests come at once, one of them is left out.
    pub(crate) fn used(&self, product: ProductId) {
        let Ok(mut used) = self.0.used.try_lock() else { return };
        match used.iter().position(|known| *known == product) {
            Some(0) => {}
            Some(at) => {
                if let Some(front) = used.get_mut(..=at) {
                    front.rotate_right(1);
                }
            }
            None => {
                used.truncate(MOST - 1);
                used.insert(0, product);
            }
        }
    }

    /// Looks at all of them, through the gate. What cannot be seen has no gauge until it can again.
    pub(crate) async fn look(&self, sale: &FlashSale) {
        let products = self.0.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let looks = join_all(products.into_iter().map(|product| async move { (product, sale.status(product).await) }));
        let found = tokio::time::timeout(PATIENCE, looks).await.unwrap_or_default();
        for (product, level) in &found {
            if matches!(level, Err(SaleError::ProductNotFound)) {
                self.0.used.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != product);
            }
        }
        let seen = found.into_iter().filter_map(|(product, level)| Some((product, level.ok()?))).collect();
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// Appends the gauges to Prometheus text.
    pub(crate) fn render(&self, text: &mut String) {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if seen.is_empty() {
            return;
        }
        let gauges: [Gauge; 2] = [
            ("available", "Units that can be reserved, of the products used last here.", |level| {
                level.available().get()
            }),
            ("reserved", "Units that live holds hold, of the products used last here.", |level| level.reserved().get()),
        ];
        for (what, meaning, of) in gauges {
            let name = format!("flashdeal_product_{what}_units");
            // Writing into a string cannot fail.
            let _ = write!(text, "# HELP {name} {meaning}\n# TYPE {name} gauge\n");
            for (product, level) in &seen {
                let _ = writeln!(text, "{name}{{product=\"{product}\"}} {}", of(*level));
            }
            text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use flashdeal_domain::Units;
    use uuid::Uuid;

    use super::*;

    fn product(n: usize) -> ProductId {
        ProductId::from_uuid(Uuid::from_u128(u128::try_from(n).unwrap()))
    }

    #[test]
    fn the_last_used_stay_and_there_are_never_more() {
        let products = Products::default();
        for n in 0..2 * MOST {
            products.used(product(n));
            products.used(product(0));
        }
        let used = products.0.used.lock().unwrap().clone();
        assert_eq!(used.len(), MOST);
        assert_eq!(used[..3], [product(0), product(2 * MOST - 1), product(2 * MOST - 2)]);
        assert!(!used.contains(&product(1)));
    }

    #[test]
    fn gauges_are_prometheus_text() {
        let products = Products::default();
        let mut text = String::new();
        products.render(&mut text);
        assert_eq!(text, "");
        let level = StockLevel::new(Units::new(5).unwrap(), Units::new(2).unwrap());
        products.0.seen.lock().unwrap().push((product(7), level));
        products.render(&mut text);
        let id = product(7);
        assert!(text.contains("# TYPE flashdeal_product_available_units gauge\n"));
        assert!(text.contains(&format!("flashdeal_product_available_units{{product=\"{id}\"}} 3\n")));
        assert!(text.contains(&format!("flashdeal_product_reserved_units{{product=\"{id}\"}} 2\n")));
    }
}
