//! The books of a gate, counted for an audit.

use std::time::Duration;

use flashdeal_domain::ProductId;
use flashdeal_domain::ports::GateBooks;

use super::entries::{Kind, NONE};
use super::{Book, Closed};

/// The most holds that are counted one by one, since everybody waits meanwhile: a millisecond or so. Beyond them, the sums that
/// are kept for each deadline are believed.
const ONE_BY_ONE: u32 = 20_000;

impl Book {
    /// See [`ReservationLedger::books`](flashdeal_domain::ReservationLedger::books). A step for each deadline, and for each of the
    /// first holds.
    pub(crate) fn books(&self, product: ProductId, overdue: Duration) -> Result<GateBooks, Closed> {
        let gate = *self.gates.get(&product).ok_or(Closed)?;
        let state = self.states.get(gate);
        let overdue = i64::try_from(overdue.as_millis()).unwrap_or(i64::MAX);
        let mut books = GateBooks {
            epoch: state.epoch,
            version: state.version,
            total: state.total,
            terms: state.terms.binding(),
            reserved: state.reserved,
            held_units: 0,
            holds: 0,
            past_deadline: 0,
            unsettled: 0,
            unindexed: 0,
            exact: true,
        };
        for slot in state.paying.keys() {
            let entry = self.entries.get(*slot);
            let late = self.seen.saturating_sub(self.deadlines.get(entry.bucket).deadline) > overdue;
            books.holds += 1;
            books.held_units += u64::from(entry.quantity);
            books.unsettled += u64::from(late);
        }
        let mut left = ONE_BY_ONE;
        for bucket in self.deadlines.of_gate(gate) {
            let bucket = self.deadlines.get(bucket);
            let late = bucket.deadline <= self.seen;
            if left < bucket.members() {
                books.held_units += bucket.units;
                books.holds += u64::from(bucket.members());
                books.past_deadline += if late { u64::from(bucket.members()) } else { 0 };
                continue;
            }
            left -= bucket.members();
            let mut slot = bucket.first();
            while slot != NONE {
                let entry = self.entries.get(slot);
                if entry.kind == Kind::Held {
                    books.holds += 1;
                    books.held_units += u64::from(entry.quantity);
                    books.past_deadline += u64::from(late);
                    // Whoever calls must find the hold that its deadline has.
                    books.unindexed += u64::from(self.entries.find(entry.owner) != Some(slot));
                }
                slot = entry.next;
            }
        }
        Ok(books)
    }
}
