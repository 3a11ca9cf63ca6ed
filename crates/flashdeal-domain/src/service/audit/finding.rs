//! What can be wrong, and how it is told.

use std::fmt;
use std::time::Duration;

use crate::ids::{ProductId, ReservationId};
use crate::ports::{GateBooks, RecordBooks};
use crate::stock::RecordState;
use crate::terms::Terms;

/// Something that is wrong with a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Of which product.
    pub product: ProductId,
    /// What sort of thing.
    pub kind: FindingKind,
    /// The hold it is about, where it is about one.
    pub reservation: Option<ReservationId>,
    /// A sentence with the numbers.
    pub detail: String,
}

impl Finding {
    /// Whether another look found the same thing, perhaps with other numbers.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.kind, self.reservation) == (other.kind, other.reservation)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} product {}: {}", self.kind.name(), self.product, self.detail)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// The sorts of findings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind {
            $($(#[$doc])* $kind,)*
        }

        impl FindingKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name, for machines: words joined by underscores.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// The ledger's deltas do not sum to the product's stock.
    LedgerUnbalanced = "ledger_unbalanced",
    /// The orders are not the ledger's sales.
    OrdersUnbalanced = "orders_unbalanced",
    /// Rows of the ledger contradict themselves.
    RowsContradict = "rows_contradict",
    /// The ledger has rows of a product that is not there.
    LedgerOrphaned = "ledger_orphaned",
    /// The product is marked as one that somebody waits for, and nobody does; or the other way round.
    WaitingListMismarked = "waiting_list_mismarked",
    /// The gate is of a product that the record does not know.
    GateOrphaned = "gate_orphaned",
    /// The gate has a newer epoch than the record: the record was rolled back.
    EpochAhead = "epoch_ahead",
    /// The gate has a newer version than the record: the record was rolled back.
    VersionAhead = "version_ahead",
    /// At the same version, the gate has another total than the record.
    TotalDiffers = "total_differs",
    /// At the same version, the gate holds buyers to other terms than the record's.
    TermsDiffer = "terms_differ",
    /// The gate's counter of held units is not the sum of its holds.
    ReservedDiffers = "reserved_differs",
    /// Holds are past their deadline and their units still count.
    HoldsPastDeadline = "holds_past_deadline",
    /// Checkouts that died half way were not ended in time.
    CheckoutsUnsettled = "checkouts_unsettled",
    /// The record settled a hold, and the gate still has it.
    HoldOrphaned = "hold_orphaned",
    /// Holds are missing from the index by deadline.
    IndexIncomplete = "index_incomplete",
}

impl FindingKind {
    /// Whether it can be told only of a gate that was read at one instant.
    pub(super) const fn needs_rest(self) -> bool {
        matches!(self, Self::ReservedDiffers | Self::IndexIncomplete)
    }
}

/// Findings of one product, as they are made.
struct Findings {
    product: ProductId,
    made: Vec<Finding>,
}

impl Findings {
    fn when(&mut self, wrong: bool, kind: FindingKind, detail: impl FnOnce() -> String) {
        if wrong {
            self.made.push(Finding { product: self.product, kind, reservation: None, detail: detail() });
        }
    }
}

/// What is wrong with a product's books in the record.
pub(super) fn of_record(books: &RecordBooks) -> Vec<Finding> {
    let mut findings = Findings { product: books.product, made: Vec::new() };
    let RecordBooks { deltas, sales, units_sold, orders, units_ordered, contradictions, waiting, .. } = *books;
    match books.state {
        None => findings.when(true, FindingKind::LedgerOrphaned, || {
            format!("the ledger has rows of it, with {sales} sales, and there is no such product")
        }),
        Some(RecordState { total, terms, .. }) => {
            findings.when(terms.queued() != (waiting > 0), FindingKind::WaitingListMismarked, || {
                let marked = if terms.queued() { "marked" } else { "not marked" };
                format!(
                    "{waiting} wait for it, and it is {marked} as waited for; the servers put it right within a second"
                )
            });
            findings.when(i64::from(total.get()) != deltas, FindingKind::LedgerUnbalanced, || {
                format!("its stock is {}, and the deltas of its ledger sum to {deltas}", total.get())
            });
        }
    }
    findings.when((sales, units_sold) != (orders, units_ordered), FindingKind::OrdersUnbalanced, || {
        format!("the ledger has {sales} sales of {units_sold} units, and there are {orders} orders of {units_ordered}")
    });
    findings.when(contradictions > 0, FindingKind::RowsContradict, || {
        format!("{contradictions} rows of its ledger contradict themselves")
    });
    findings.made
}

/// What seems wrong with a product's gate, given the record as it was read after it.
pub(super) fn of_gate(
    product: ProductId,
    gate: &GateBooks,
    record: Option<RecordState>,
    late: Duration,
    orphans: &[(ReservationId, Duration)],
) -> Vec<Finding> {
    let mut findings = Findings { product, made: Vec::new() };
    match record {
        None => {
            findings.when(true, FindingKind::GateOrphaned, || "the gate is open, and there is no such product".into());
        }
        Some(record) => against_record(&mut findings, gate, record),
    }
    let GateBooks { reserved, held_units, holds, past_deadline, unsettled, unindexed, exact, .. } = *gate;
    findings.when(exact && reserved != held_units, FindingKind::ReservedDiffers, || {
        format!("the gate counts {reserved} units as held, and its {holds} holds have {held_units}")
    });
    findings.when(past_deadline > 0, FindingKind::HoldsPastDeadline, || {
        format!("{past_deadline} holds are past their deadline and still count")
    });
    findings.when(unsettled > 0, FindingKind::CheckoutsUnsettled, || {
        format!("{unsettled} checkouts died half way, their deadline is over for {late:?}, and nobody has ended them")
    });
    findings.when(exact && unindexed > 0, FindingKind::IndexIncomplete, || {
        format!("the index by deadline lacks {unindexed} entries; it is built anew before one of them is due")
    });
    findings.made.extend(orphans.iter().map(|(reservation, since)| Finding {
        product,
        kind: FindingKind::HoldOrphaned,
        reservation: Some(*reservation),
        detail: format!(
            "the record has settled reservation {reservation}, and the gate still holds it after {since:?}"
        ),
    }));
    findings.made
}

fn against_record(findings: &mut Findings, gate: &GateBooks, record: RecordState) {
    findings.when(gate.epoch > record.epoch, FindingKind::EpochAhead, || {
        format!("the gate is at epoch {}, the record only at {}: was it rolled back?", gate.epoch.0, record.epoch.0)
    });
    findings.when(gate.version > record.version, FindingKind::VersionAhead, || {
        format!(
            "the gate is at version {}, the record only at {}: was it rolled back?",
            gate.version.0, record.version.0
        )
    });
    let differs = gate.version == record.version && gate.total != record.total;
    findings.when(differs, FindingKind::TotalDiffers, || {
        format!(
            "at version {} the gate has {} units left to sell, and the record {}",
            gate.version.0,
            gate.total.get(),
            record.total.get()
        )
    });
    let differ = gate.version == record.version && gate.terms != record.terms.binding();
    findings.when(differ, FindingKind::TermsDiffer, || {
        let (gate, record) = (told(gate.terms), told(record.terms));
        format!("the gate holds buyers to other terms than the record has: {gate}, and not {record}")
    });
}

/// Terms in words.
fn told(terms: Terms) -> String {
    let start = terms.starts_at().map(|start| format!("from {start}"));
    let end = terms.ends_at().map(|end| format!("until {end}"));
    let limit = terms.max_per_reservation().map(|most| format!("at most {} a reservation", most.get()));
    let queue = terms.queued().then(|| "those who wait first".to_owned());
    let parts: Vec<String> = [start, end, limit, queue].into_iter().flatten().collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(" ") }
}
