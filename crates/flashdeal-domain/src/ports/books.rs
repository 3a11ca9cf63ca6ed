//! What an audit reads of a product: the record's books and the gate's. See [`FlashSale::verify`](crate::FlashSale::verify).

use crate::ids::ProductId;
use crate::stock::{Epoch, RecordState, Units, Version};
use crate::terms::Terms;

/// What the record has of one product, in one consistent read. The sums are of what is written, not of what should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordBooks {
    /// Of what.
    pub product: ProductId,
    /// The product's row; `None` if the ledger has rows of a product that is not there.
    pub state: Option<RecordState>,
    /// The sum of all its deltas in the ledger, in units: what should be left to sell.
    pub deltas: i64,
    /// How many of its ledger rows are sales.
    pub sales: u64,
    /// The units that those sales took out of stock.
    pub units_sold: i64,
    /// How many orders it has.
    pub orders: u64,
    /// The units of those orders.
    pub units_ordered: i64,
    /// Rows that contradict themselves: a sale without an order, an order without its sale, a void that moves units, an
    /// allotment that is missing or there twice.
    pub contradictions: u64,
    /// How many wait for it.
    pub waiting: u64,
}

/// What the gate has of one product. The sums are counted hold by hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateBooks {
    /// The epoch under which it is open.
    pub epoch: Epoch,
    /// The version of the record that it has adopted.
    pub version: Version,
    /// What is left to sell, by that version.
    pub total: Units,
    /// The terms that it holds buyers to, by that version, as far as they bind ([`Terms::binding`]). A gate that lost them binds
    /// nobody.
    pub terms: Terms,
    /// The counter of units that are held.
    pub reserved: u64,
    /// The units of all holds, held or paying, those that are past their deadline and still there among them.
    pub held_units: u64,
    /// How many holds those are.
    pub holds: u64,
    /// Held holds whose deadline has come and whose units still count.
    pub past_deadline: u64,
    /// Paying holds whose deadline passed longer ago than was asked about.
    pub unsettled: u64,
    /// Holds (or pages of them) that an index by deadline should have and has not.
    pub unindexed: u64,
    /// Whether all of this was true at one instant. A large gate that is in use is read in slices; then the sums may be off by
    /// what happened meanwhile.
    pub exact: bool,
}
