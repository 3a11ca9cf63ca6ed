//! The record (protocol, "The record (PostgreSQL)"): what is left, what was sold. It alone decides a sale.

use crate::ids::{Epoch, PerReservation, Reservation, Units, User, Version};
use crate::rules::Rules;

/// The product's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RecordState {
    /// The epoch of the only gate whose promises may be sold.
    pub epoch: Epoch,
    /// Rises by one with every change of the row.
    pub version: Version,
    /// What is left.
    pub total: Units,
}

/// The ledger rows of one reservation. Counted, so that the promise of one settlement at most is checked, not assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Rows {
    /// Rows of kind sold (for the shop: withdrawn).
    pub sold: u8,
    /// Rows of kind void.
    pub void: u8,
    /// The units that the sold rows took.
    pub units: Units,
}

/// How a reservation was settled; final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Settlement {
    /// Sold (for the shop: withdrawn).
    Sold,
    /// Void: never sold, never will be.
    Void,
}

/// One item of a [`Record::commit_batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sale {
    /// Which hold.
    pub reservation: Reservation,
    /// The epoch of the gate that promised it.
    pub epoch: Epoch,
    /// How many.
    pub quantity: Units,
}

/// What became of a [`Sale`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Commit {
    /// Sold, by this call or an earlier one.
    Sold,
    /// Voided before; it can never be sold.
    Void,
    /// The epoch is not the row's. Nothing was changed.
    Fenced,
    /// Fewer units are left. Nothing was changed.
    NoStock,
}

/// The permanent record of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Record {
    /// The product's row.
    pub row: RecordState,
    /// The ledger rows that settle reservations.
    pub rows: PerReservation<Rows>,
    /// The sum of the deltas that are not of reservations: the allotment and what was restocked.
    pub allotted: Units,
}

impl Record {
    /// A new product with this allotment.
    #[must_use]
    pub fn new(allotted: Units) -> Self {
        Self { row: RecordState { epoch: 0, version: 0, total: allotted }, rows: PerReservation::default(), allotted }
    }

    /// How a reservation is settled, if it is.
    #[must_use]
    pub fn settlement(&self, reservation: Reservation) -> Option<Settlement> {
        let rows = self.rows[reservation];
        match (rows.sold, rows.void) {
            (0, 0) => None,
            (0, _) => Some(Settlement::Void),
            _ => Some(Settlement::Sold),
        }
    }

    /// "Admit, in order, items not yet settled whose epoch is the row's and whose running sum fits; insert; subtract what
    /// was inserted." A repeated item finds its own row and is answered like an earlier sale.
    /// Needs [`Rules::epoch_fence`].
    pub fn commit_batch(&mut self, rules: Rules, sales: &[Sale]) -> Vec<Commit> {
        let before = self.row.total;
        let answers = sales.iter().map(|sale| self.commit(rules, *sale)).collect();
        if self.row.total != before {
            self.row.version += 1;
        }
        answers
    }

    fn commit(&mut self, rules: Rules, sale: Sale) -> Commit {
        match self.settlement(sale.reservation) {
            Some(Settlement::Sold) => return Commit::Sold,
            Some(Settlement::Void) => return Commit::Void,
            None => {}
        }
        if rules.epoch_fence && sale.epoch != self.row.epoch {
            return Commit::Fenced;
        }
        if sale.quantity > self.row.total {
            return Commit::NoStock;
        }
        let rows = &mut self.rows[sale.reservation];
        rows.sold += 1;
        rows.units += sale.quantity;
        self.row.total -= sale.quantity;
        Commit::Sold
    }

    /// "Settle as void what is unsettled; answer what each one is." It changes no stock, so it leaves the row alone.
    pub fn void_batch(&mut self, reservations: &[Reservation]) -> Vec<Settlement> {
        reservations
            .iter()
            .map(|reservation| {
                self.settlement(*reservation).unwrap_or_else(|| {
                    self.rows[*reservation].void += 1;
                    Settlement::Void
                })
            })
            .collect()
    }

    /// "`epoch + 1`": the fence.
    pub fn open_epoch(&mut self) -> RecordState {
        self.row.epoch += 1;
        self.row.version += 1;
        self.row
    }

    /// An increase goes straight to the record.
    pub fn restock(&mut self, units: Units) {
        self.row.total += units;
        self.row.version += 1;
        self.allotted += units;
    }

    /// A decrease that does not ask the gate: what [`Rules::decrease_through_gate`] forbids.
    pub fn decrease_behind_the_gate(&mut self, units: Units) {
        if self.row.total >= units {
            self.restock(-units);
        }
    }

    /// What buyers bought and the shop withdrew.
    #[must_use]
    pub fn sold(&self) -> Units {
        Reservation::all().map(|r| self.rows[r].units).sum()
    }

    /// The sum of all the ledger's deltas.
    #[must_use]
    pub fn ledger_sum(&self) -> Units {
        self.allotted - self.sold()
    }

    /// Whether this user's order for the reservation can be read.
    #[must_use]
    pub fn has_order(&self, reservation: Reservation) -> bool {
        reservation.user() != User::SHOP && self.settlement(reservation) == Some(Settlement::Sold)
    }
}

#[cfg(test)]
mod tests {
    use super::{Commit, Record, Sale};
    use crate::ids::Reservation;
    use crate::rules::Rules;

    fn sale(reservation: u8, epoch: u8, quantity: i8) -> Sale {
        Sale { reservation: Reservation(reservation), epoch, quantity }
    }

    #[test]
    fn a_batch_is_admitted_in_order_while_the_running_sum_fits() {
        let mut record = Record::new(3);
        record.void_batch(&[Reservation(4)]);
        let batch = [sale(0, 0, 2), sale(0, 0, 2), sale(2, 0, 2), sale(3, 1, 1), sale(4, 0, 1), sale(5, 0, 1)];
        let answers = record.commit_batch(Rules::default(), &batch);
        let (sold, none) = (Commit::Sold, Commit::NoStock);
        assert_eq!(answers, [sold, sold, none, Commit::Fenced, Commit::Void, sold]);
        assert_eq!((record.row.total, record.row.version), (0, 1));
        assert_eq!(record.ledger_sum(), 0);
    }
}
