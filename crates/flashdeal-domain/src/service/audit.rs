//! The audit: does what is written add up, and does the gate agree with the record?
//!
//! A sale may be in full swing meanwhile. Each page of the record is one consistent read, so what is wrong there is wrong. The
//! gate is another store: it is read before the record, whose version only rises, and what looks wrong is looked at again for
//! longer than the background needs to mend what a crash left half way. Only what every look shows is a finding.

mod finding;

use std::time::Duration;

use futures_util::future::join_all;

use crate::error::StoreError;
use crate::ids::ProductId;
use crate::ports::{GateBooks, LedgerError};

use super::FlashSale;
use finding::{of_gate, of_record};

pub use finding::{Finding, FindingKind};

/// How many products one call to a store is about.
const PRODUCTS_A_CALL: usize = 500;
/// How many gates are looked at side by side.
const SIDE_BY_SIDE: usize = 16;
/// How many findings are kept; more are only counted.
const MOST_FINDINGS: usize = 1000;
/// From one look at a gate that seems wrong to the next: five seconds in all, and a little.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_millis(1500),
];
/// How often a gate that is never at rest is looked at, if nothing else seems wrong.
const LOOKS_AT_MOTION: usize = 3;
/// What the background may need beyond `settle_after`: its period, and the work itself.
const GRACE: Duration = Duration::from_secs(1);
/// How many looks at one gate may end due holds first, a bounded number each.
const SWEEPS: usize = 1000;

/// What an audit came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// How many products of the record were audited.
    pub products: usize,
    /// How many gates were compared with it.
    pub gates: usize,
    /// Of those, how many were too large and too busy to be counted hold by hold at one instant.
    pub in_motion: usize,
    /// What is wrong: at most 1000.
    pub findings: Vec<Finding>,
    /// How many findings there were beyond those.
    pub more: usize,
    /// Where the next part goes on; `None`: this was the last.
    pub after: Option<ProductId>,
}

/// What became of one gate's audit.
#[derive(Default)]
struct GateAudit {
    /// Whether it was open at all.
    open: bool,
    in_motion: bool,
    findings: Vec<Finding>,
}

/// One look at a gate.
struct Look {
    books: GateBooks,
    findings: Vec<Finding>,
}

impl Audit {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            if self.findings.len() < MOST_FINDINGS {
                self.findings.push(finding);
            } else {
                self.more += 1;
            }
        }
    }
}

impl FlashSale {
    /// Audits every product: the ledger's deltas against its stock, its orders against the ledger, the gate against the record,
    /// holds past their deadline, and what is settled or unknown in the record and still in the gate. It may be run against a
    /// live system; it ends holds that are due, as any look at a gate does, and changes nothing else.
    ///
    /// # Errors
    /// [`StoreError`]: a store could not be asked, so nothing is known.
    pub async fn verify(&self) -> Result<Audit, StoreError> {
        let mut whole = Audit::default();
        loop {
            let part = self.verify_some(whole.after, PRODUCTS_A_CALL).await?;
            whole.products += part.products;
            whole.gates += part.gates;
            whole.in_motion += part.in_motion;
            whole.add(part.findings);
            whole.more += part.more;
            whole.after = part.after;
            if whole.after.is_none() {
                return Ok(whole);
            }
        }
    }

    /// The part of [`FlashSale::verify`] that begins after `after` and has at most `most` products of the record (1 to 1000).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verify_some(&self, after: Option<ProductId>, most: usize) -> Result<Audit, StoreError> {
        let books = self.ports.record.books(after, most).await?;
        let last = books.last().map(|books| books.product).filter(|_| books.len() >= most);
        let mut audit = Audit { products: books.len(), after: last, ..Audit::default() };
        audit.add(books.iter().flat_map(of_record));
        let mut at = after;
        loop {
            let found = self.ports.ledger.products(at, PRODUCTS_A_CALL).await?;
            let whole_page = found.len() >= PRODUCTS_A_CALL;
            at = found.last().copied();
            let mut gates = found;
            gates.retain(|product| last.is_none_or(|last| *product <= last));
            for some in gates.chunks(SIDE_BY_SIDE) {
                let looks = some.iter().map(|product| self.verify_gate(*product));
                for gate in join_all(looks).await {
                    let gate = gate?;
                    audit.gates += usize::from(gate.open);
                    audit.in_motion += usize::from(gate.in_motion);
                    audit.add(gate.findings);
                }
            }
            if !whole_page || last.is_some_and(|last| at.is_none_or(|at| at >= last)) {
                return Ok(audit);
            }
        }
    }

    /// Looks at one gate until it seems right or has seemed wrong for long enough.
    async fn verify_gate(&self, product: ProductId) -> Result<GateAudit, StoreError> {
        let Some(Look { mut books, findings: mut suspected }) = self.look_at_gate(product).await? else {
            return Ok(GateAudit::default());
        };
        for (nth, pause) in PAUSES.into_iter().enumerate() {
            let settled = suspected.is_empty() && (books.exact || nth + 1 >= LOOKS_AT_MOTION);
            if settled {
                break;
            }
            self.ports.runtime.sleep(pause).await;
            let Some(look) = self.look_at_gate(product).await? else { return Ok(GateAudit::default()) };
            // A look at a gate in motion cannot tell whether its sums agree: what was suspected of them stays so, and an earlier
            // one in motion has acquitted nobody.
            let unclear = !look.books.exact;
            suspected
                .retain(|old| (unclear && old.kind.needs_rest()) || look.findings.iter().any(|new| new.is_same(old)));
            if !books.exact {
                let new = look.findings.into_iter().filter(|new| new.kind.needs_rest());
                let new: Vec<_> = new.filter(|new| !suspected.iter().any(|old| old.is_same(new))).collect();
                suspected.extend(new);
            }
            books = look.books;
        }
        Ok(GateAudit { open: true, in_motion: !books.exact, findings: suspected })
    }

    /// One look; `None` if the gate is closed. The gate first, then the record.
    async fn look_at_gate(&self, product: ProductId) -> Result<Option<Look>, StoreError> {
        let late = self.policy.settle_after + GRACE;
        let mut before = u64::MAX;
        let mut sweeps = 0;
        let books = loop {
            // To look is to let the gate end what is due, a bounded number of holds at a time.
            self.ports.ledger.view(&[product], late).await?;
            let books = match self.ports.ledger.books(product, late).await {
                Ok(books) => books,
                Err(LedgerError::Closed { .. }) => return Ok(None),
                Err(LedgerError::Store(error)) => return Err(error),
            };
            sweeps += 1;
            if books.past_deadline == 0 || books.past_deadline >= before || sweeps >= SWEEPS {
                break books;
            }
            before = books.past_deadline;
        };
        let mut orphans = Vec::new();
        for view in self.ports.ledger.view(&[product], late).await? {
            for paying in view.paying {
                let reservation = paying.hold.reservation;
                if self.ports.record.settlement(product, reservation).await?.is_some() {
                    orphans.push((reservation, paying.paying_for));
                }
            }
        }
        let record = self.record_state(product).await?;
        Ok(Some(Look { findings: of_gate(product, &books, record, late, &orphans), books }))
    }
}
