//! The buyers' calls.

use flashdeal_domain::ports::{BeginOutcome, Caller, Finish, Hold, ReleaseOutcome, ReserveCall, ReserveOutcome};
use flashdeal_domain::{ProductId, RecordState, ReservationId, StockLevel, Timestamp, Units, UserId};

use super::entries::{Entry, Kind, NONE, Owner};
use super::{Book, Closed, Effect, HoldRow, Paying, Told};

impl Book {
    /// See [`ReservationLedger::reserve`](flashdeal_domain::ReservationLedger::reserve).
    pub(crate) fn reserve(&mut self, call: &ReserveCall) -> Result<Told<ReserveOutcome>, Closed> {
        let gate = self.gate(call.product)?;
        let key = call.key.as_ref().map(|key| self.entries.owner(call.product, &call.user, Some(key)));
        if let Some(slot) = key.and_then(|key| self.live_or_vacant(key)) {
            let same = self.entries.get(slot).quantity == call.quantity.get();
            let first = self.hold(slot);
            self.tally.key_reused += u64::from(!same);
            let answer = if same { ReserveOutcome::Replayed(first) } else { ReserveOutcome::KeyReused };
            return Ok(self.told(gate, answer));
        }
        let owner = self.entries.owner(call.product, &call.user, None);
        let mine = self.live_or_vacant(owner);
        let own = match mine.map(|slot| self.entries.get(slot)) {
            Some(Entry { kind: Kind::Paying, .. }) => {
                self.tally.paying += 1;
                return Ok(self.told(gate, ReserveOutcome::CheckoutInProgress));
            }
            Some(held) => held.quantity,
            None => 0,
        };
        let state = self.states.get(gate);
        if call.caller != Caller::Shop {
            let (now, own) = (Timestamp::from_millis(self.seen), Units::new(own).unwrap_or_default());
            if let Some(refusal) = state.terms.refuse(now, own, call.quantity) {
                self.tally.refused(refusal);
                return Ok(self.told(gate, ReserveOutcome::Refused(refusal)));
            }
            if call.caller == Caller::Buyer && state.terms.queued() && call.quantity > own {
                self.tally.queued += 1;
                return Ok(self.told(gate, ReserveOutcome::Queued(state.level())));
            }
        }
        let others = state.reserved.saturating_sub(u64::from(own));
        if others + u64::from(call.quantity.get()) > u64::from(state.total.get()) {
            self.tally.insufficient += 1;
            return Ok(self.told(gate, ReserveOutcome::Insufficient(state.level())));
        }
        let slot = match mine {
            Some(slot) => {
                self.set(gate, slot, call.quantity);
                Some(slot)
            }
            None => self.make(gate, owner, call),
        };
        // Without room for one more of four thousand million entries, there is none to hold.
        let Some(slot) = slot else {
            return Ok(self.told(gate, ReserveOutcome::Insufficient(self.states.get(gate).level())));
        };
        if let Some(key) = key {
            self.remember(gate, slot, key, call);
        }
        let (hold, created) = (self.hold(slot), mine.is_none());
        Ok(self.told(gate, ReserveOutcome::Held { hold, created }))
    }

    fn make(&mut self, gate: u32, owner: Owner, call: &ReserveCall) -> Option<u32> {
        let ttl = call.ttl.as_millis();
        let deadline = self.seen.saturating_add(ttl);
        let bucket = self.deadlines.bucket(self.states.get(gate).recent, gate, deadline, ttl)?;
        let row = self.next_row;
        self.next_row += 1;
        let (reservation, quantity) = (call.candidate, call.quantity.get());
        let (previous, next, kind) = (NONE, NONE, Kind::Held);
        let slot = self.add(Entry { owner, reservation, row, quantity, bucket, previous, next, kind })?;
        let (product, user, deadline) = (call.product, call.user.clone(), Timestamp::from_millis(deadline));
        let last = self.log.push(Effect::PutHold(HoldRow { row, product, user, reservation, quantity, deadline, ttl }));
        self.tally.made += 1;
        let gate = self.states.get_mut(gate);
        (gate.last, gate.recent) = (last, bucket);
        Some(slot)
    }

    fn set(&mut self, gate: u32, slot: u32, units: Units) {
        let quantity = units.get();
        let entry = self.entries.get_mut(slot);
        let was = std::mem::replace(&mut entry.quantity, quantity);
        let (row, bucket) = (entry.row, entry.bucket);
        if was == quantity {
            return;
        }
        self.tally.changed += 1;
        let bucket = self.deadlines.get_mut(bucket);
        bucket.units = (bucket.units + u64::from(quantity)).saturating_sub(u64::from(was));
        let gate = self.states.get_mut(gate);
        gate.reserved = (gate.reserved + u64::from(quantity)).saturating_sub(u64::from(was));
        gate.last = self.log.push(Effect::SetQuantity { row, quantity });
    }

    /// Remembers under `key` what this call was answered, until the hold would lapse.
    fn remember(&mut self, gate: u32, hold: u32, key: Owner, call: &ReserveCall) {
        let Some(text) = call.key.clone() else { return };
        let Entry { reservation, quantity, bucket, .. } = *self.entries.get(hold);
        let row = self.next_row;
        self.next_row += 1;
        let (previous, next, kind) = (NONE, NONE, Kind::Key);
        let entry = Entry { owner: key, reservation, row, quantity, bucket, previous, next, kind };
        if self.add(entry).is_none() {
            return;
        }
        let until = self.deadlines.get(bucket);
        let (deadline, ttl) = (Timestamp::from_millis(until.deadline), until.ttl);
        let (product, user) = (call.product, call.user.clone());
        let row = HoldRow { row, product, user, reservation, quantity, deadline, ttl };
        self.states.get_mut(gate).last = self.log.push(Effect::PutKey { row, key: text });
    }

    /// See [`ReservationLedger::hold`](flashdeal_domain::ReservationLedger::hold).
    pub(crate) fn hold_of(&mut self, product: ProductId, user: &UserId) -> Result<Told<Option<Hold>>, Closed> {
        let gate = self.gate(product)?;
        let slot = self.live(self.entries.owner(product, user, None));
        Ok(self.told(gate, slot.map(|slot| self.hold(slot))))
    }

    /// See [`ReservationLedger::begin`](flashdeal_domain::ReservationLedger::begin).
    ///
    /// It leaves no effect: no attempt of a process that died lives on, so a hold that was paying may be merely held when the
    /// next process reads the file. For the same reason `Paying` waits for nothing.
    pub(crate) fn begin(
        &mut self,
        product: ProductId,
        user: &UserId,
        named: Option<ReservationId>,
    ) -> Result<Told<BeginOutcome>, Closed> {
        let gate = self.gate(product)?;
        let slot = self.live(self.entries.owner(product, user, None));
        let Some(slot) = slot.filter(|slot| named.is_none_or(|named| named == self.entries.get(*slot).reservation))
        else {
            return Ok(self.told(gate, BeginOutcome::NoHold));
        };
        if self.entries.get(slot).kind == Kind::Held {
            self.deadlines.unlink(&mut self.entries, slot);
            let entry = self.entries.get_mut(slot);
            entry.kind = Kind::Paying;
            let bucket = self.deadlines.get_mut(entry.bucket);
            bucket.units = bucket.units.saturating_sub(u64::from(entry.quantity));
            let paying = Paying { user: user.clone(), since: self.seen };
            self.states.get_mut(gate).paying.insert(slot, paying);
            self.tally.begun += 1;
        }
        let (hold, epoch) = (self.hold(slot), self.states.get(gate).epoch);
        Ok(Told { answer: BeginOutcome::Paying { hold, epoch }, after: 0 })
    }

    /// See [`ReservationLedger::finish`](flashdeal_domain::ReservationLedger::finish). A hold that was sold is
    /// [out](Self::settled) already; adopting leaves no effect, since the file has the record itself.
    pub(crate) fn finish(&mut self, finish: &Finish) -> Result<Told<()>, Closed> {
        let gate = self.gate(finish.product)?;
        let slot = self.live(self.entries.owner(finish.product, &finish.user, None));
        let mut after = 0;
        if let Some(slot) = slot
            && self.entries.get(slot).reservation == finish.reservation
        {
            after = self.take_out(gate, slot);
            self.tally.finished += 1;
        }
        if let Some(record) = finish.record {
            self.states.get_mut(gate).adopt(record);
        }
        Ok(Told { answer: (), after })
    }

    /// See [`ReservationLedger::release`](flashdeal_domain::ReservationLedger::release).
    pub(crate) fn release(&mut self, product: ProductId, user: &UserId) -> Result<Told<ReleaseOutcome>, Closed> {
        let gate = self.gate(product)?;
        let Some(slot) = self.live(self.entries.owner(product, user, None)) else {
            return Ok(self.told(gate, ReleaseOutcome::NoHold));
        };
        let hold = self.hold(slot);
        if self.entries.get(slot).kind == Kind::Paying {
            return Ok(self.told(gate, ReleaseOutcome::Paying(hold)));
        }
        self.take_out(gate, slot);
        self.tally.released += 1;
        Ok(self.told(gate, ReleaseOutcome::Released(hold)))
    }

    /// See [`ReservationLedger::status`](flashdeal_domain::ReservationLedger::status).
    pub(crate) fn status(&mut self, product: ProductId) -> Result<Told<StockLevel>, Closed> {
        let gate = self.gate(product)?;
        Ok(self.told(gate, self.states.get(gate).level()))
    }

    /// See [`ReservationLedger::adopt`](flashdeal_domain::ReservationLedger::adopt).
    pub(crate) fn adopt(&mut self, product: ProductId, record: RecordState) -> Result<(), Closed> {
        let gate = self.gate(product)?;
        let state = self.states.get_mut(gate);
        // Another epoch is left to the opening.
        if record.epoch == state.epoch {
            state.adopt(record);
        }
        Ok(())
    }
}
