//! Which products refused the last reserve: a guess about the next one.

use std::sync::atomic::{AtomicBool, Ordering};

use flashdeal_domain::ProductId;

/// Products share a place now and then. A wrong guess costs a little time and nothing else.
const PLACES: usize = 4096;

pub(crate) struct Refused {
    last: Box<[AtomicBool]>,
}

impl Default for Refused {
    fn default() -> Self {
        Self { last: (0..PLACES).map(|_| AtomicBool::new(false)).collect() }
    }
}

impl Refused {
    /// Whether the last reserve on the product was refused for want of units.
    pub(crate) fn was(&self, product: ProductId) -> bool {
        self.place(product).is_some_and(|last| last.load(Ordering::Relaxed))
    }

    /// Remembers what became of a reserve.
    pub(crate) fn remember(&self, product: ProductId, refused: bool) {
        // A write would take the cache line from the other threads, and mostly there is nothing new.
        if let Some(last) = self.place(product)
            && last.load(Ordering::Relaxed) != refused
        {
            last.store(refused, Ordering::Relaxed);
        }
    }

    fn place(&self, product: ProductId) -> Option<&AtomicBool> {
        // The last bits of an id are random, the first a time.
        let random = product.as_uuid().as_u128() & 0xffff;
        self.last.get(usize::try_from(random).unwrap_or(0) % PLACES)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_last_reserve_of_each_product_counts() {
        let refused = Refused::default();
        let [one, other] = [1, 2].map(|n| ProductId::from_uuid(Uuid::from_u128(n)));
        assert!(!refused.was(one));
        refused.remember(one, true);
        assert!(refused.was(one) && !refused.was(other));
        refused.remember(one, false);
        assert!(!refused.was(one));
    }
}
