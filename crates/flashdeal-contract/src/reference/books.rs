//! What the record keeps, and its rules.

use std::collections::{BTreeMap, HashMap, HashSet};

use flashdeal_domain::ports::record::{ChangeOutcome, Commit, KeyedOrder, Sale, Settlement, StockChange, Withdrawal};
use flashdeal_domain::ports::{Place, RecordBooks, Waiting};
use flashdeal_domain::{
    Epoch, IdempotencyKey, Order, OrderId, Product, ProductId, RecordState, ReservationId, Timestamp, Units, UserId,
    Version,
};

#[derive(Default)]
pub(super) struct Books {
    pub(super) rows: BTreeMap<ProductId, Row>,
    /// The deltas of each product, in their order.
    pub(super) deltas: HashMap<ProductId, Vec<i64>>,
    /// Settled once, over all products.
    pub(super) settled: HashMap<ReservationId, (ProductId, Settlement)>,
    /// Increases already made.
    pub(super) added: HashSet<ReservationId>,
    pub(super) orders: BTreeMap<OrderId, Order>,
    pub(super) keys: HashMap<(ProductId, UserId, IdempotencyKey), KeyedOrder>,
    /// Who waits, by product and place.
    pub(super) lines: BTreeMap<(ProductId, Place), Waiting>,
}

pub(super) struct Row {
    pub(super) product: Product,
    pub(super) epoch: Epoch,
    pub(super) version: Version,
}

impl Row {
    pub(super) const fn state(&self) -> RecordState {
        RecordState {
            epoch: self.epoch,
            version: self.version,
            total: self.product.total_stock,
            terms: self.product.terms,
        }
    }

    pub(super) const fn touch(&mut self) {
        self.version = Version(self.version.0 + 1);
    }
}

impl Books {
    /// Why a sale cannot be, in the order of the checks; `None` if it can.
    pub(super) fn refusal(&self, sale: &Sale) -> Option<Commit> {
        let Some(row) = self.rows.get(&sale.product) else {
            return Some(Commit::UnknownProduct);
        };
        match self.settled.get(&sale.reservation) {
            Some((product, Settlement::Sold(order))) if *product == sale.product => {
                return Some(Commit::Sold { order: order.clone(), earlier: true, record: row.state() });
            }
            Some(_) => return Some(Commit::Void),
            None => {}
        }
        if let Some(key) = &sale.key {
            let key = (sale.product, sale.user.clone(), key.key.clone());
            if self.keys.contains_key(&key) {
                return Some(Commit::KeyReused);
            }
        }
        if row.epoch != sale.epoch {
            return Some(Commit::Fenced);
        }
        if row.product.total_stock < sale.quantity {
            return Some(Commit::NoStock { record: row.state() });
        }
        None
    }

    /// Writes a sale that nothing refuses: stock, order, settlement and key together.
    pub(super) fn sell(&mut self, sale: Sale, now: Timestamp) -> Commit {
        let Some(row) = self.rows.get_mut(&sale.product) else {
            return Commit::UnknownProduct;
        };
        row.product.total_stock = row.product.total_stock.saturating_sub(sale.quantity);
        row.touch();
        self.deltas.entry(sale.product).or_default().push(-i64::from(sale.quantity.get()));
        let order = Order {
            id: sale.order,
            reservation: sale.reservation,
            product: sale.product,
            user: sale.user,
            quantity: sale.quantity,
            unit_price: row.product.price,
            created_at: now,
        };
        let record = row.state();
        if let Some(key) = sale.key {
            let keyed = KeyedOrder { order: order.clone(), named: key.named };
            self.keys.insert((sale.product, order.user.clone(), key.key), keyed);
        }
        self.settled.insert(sale.reservation, (sale.product, Settlement::Sold(order.clone())));
        self.orders.insert(order.id, order.clone());
        Commit::Sold { order, earlier: false, record }
    }

    /// By how much a change would move the stock, or why it cannot; `None` if it was made before.
    pub(super) fn planned(&self, row: RecordState, change: &StockChange) -> Result<Option<i64>, Box<ChangeOutcome>> {
        match change {
            StockChange::None => Ok(Some(0)),
            StockChange::Add { id, .. } if self.added.contains(id) => Ok(None),
            StockChange::Add { units, .. } => match Units::new(row.total.get() + units.get()) {
                Ok(_) => Ok(Some(i64::from(units.get()))),
                Err(_) => Err(Box::new(ChangeOutcome::TooMuch)),
            },
            StockChange::Withdraw(Withdrawal { reservation, epoch, units }) => match self.settled.get(reservation) {
                Some((_, Settlement::Withdrawn)) => Ok(None),
                Some(_) => Err(Box::new(ChangeOutcome::Void)),
                None if *epoch != row.epoch => Err(Box::new(ChangeOutcome::Fenced)),
                None if *units > row.total => Err(Box::new(ChangeOutcome::NoStock)),
                None => Ok(Some(-i64::from(units.get()))),
            },
        }
    }

    /// Writes a change of stock into the ledger.
    pub(super) fn note_change(&mut self, product: ProductId, change: &StockChange, delta: i64) {
        match change {
            StockChange::None => return,
            StockChange::Add { id, .. } => {
                self.added.insert(*id);
            }
            StockChange::Withdraw(withdrawal) => {
                self.settled.insert(withdrawal.reservation, (product, Settlement::Withdrawn));
            }
        }
        self.deltas.entry(product).or_default().push(delta);
    }

    /// Those who wait for a product, in their order.
    pub(super) fn line(&self, product: ProductId) -> impl DoubleEndedIterator<Item = &Waiting> {
        self.lines.range((product, Place(i64::MIN))..=(product, Place(i64::MAX))).map(|(_, waiting)| waiting)
    }

    /// Whether anybody waits is a part of the product's terms.
    pub(super) fn mark(&mut self, product: ProductId) -> Option<RecordState> {
        let queued = self.line(product).next().is_some();
        let row = self.rows.get_mut(&product)?;
        if row.product.terms.queued() != queued {
            row.product.terms = row.product.terms.with_queue(queued);
            row.touch();
        }
        Some(row.state())
    }

    /// What an audit reads of one product.
    pub(super) fn audit(&self, product: ProductId, row: &Row) -> RecordBooks {
        let units = |order: &Order| i64::from(order.quantity.get());
        let sold = self.settled.values().filter_map(|(of, settlement)| match settlement {
            Settlement::Sold(order) if *of == product => Some(order),
            _ => None,
        });
        let orders = self.orders.values().filter(|order| order.product == product);
        let (mut sales, mut units_sold, mut ordered, mut units_ordered) = (0, 0, 0, 0);
        for order in sold {
            (sales, units_sold) = (sales + 1, units_sold + units(order));
        }
        for order in orders {
            (ordered, units_ordered) = (ordered + 1, units_ordered + units(order));
        }
        RecordBooks {
            product,
            state: Some(row.state()),
            deltas: self.deltas.get(&product).into_iter().flatten().sum(),
            sales,
            units_sold,
            orders: ordered,
            units_ordered,
            contradictions: 0,
            waiting: u64::try_from(self.line(product).count()).unwrap_or(u64::MAX),
        }
    }
}
