//! The books of a gate, counted hold by hold, for audits. Nothing here writes.
//!
//! A gate of a few thousand holds is read whole, by one script at one instant. A larger one is read in slices with pauses between
//! them, so that nobody waits for an audit; if its state is the same afterwards as before, nothing happened meanwhile and its
//! books are exact all the same.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use deadpool_redis::redis::{Cmd, cmd};
use flashdeal_domain::ports::{GateBooks, LedgerError};
use flashdeal_domain::{Epoch, ProductId, Quantity, StoreError, Terms, Timestamp, Units, Version};

use tokio::time::{Instant, sleep};

use crate::clock::{LedgerClock, Time};
use crate::error::STORE;
use crate::gate::{QUEUED, TERMS_SIZE, from_ordered};
use crate::keys;
use crate::pool::Pool;

const SOURCE: &str = include_str!("scripts/books.lua");

/// The most holds that are read at one instant.
const WHOLE: usize = 4000;
/// Holds or pages in one slice.
const SLICE: usize = 250;
/// A pause is so many times as long as the slice before it took, and not longer than this: what took long was the way there.
const REST: u32 = 8;
const LONGEST_REST: Duration = Duration::from_millis(20);
/// The fields of the state that are read here, and the size of a hold that is held; `scripts/gate/prelude.lua` is the other side.
const META: &[u8] = b"\0";
/// So many pages has a gate without an index.
const NO_PAGES: u64 = 1 << 31;
const HELD_SIZE: usize = 30;
/// An end that never comes.
const NEVER: u64 = (1 << 48) - 1;

/// The state of a gate is not what the gate's script writes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the state of a gate makes no sense")]
struct Garbled;

impl From<Garbled> for LedgerError {
    fn from(garbled: Garbled) -> Self {
        StoreError::failed(STORE, garbled).into()
    }
}

/// What the script answers: the server's run, its time, the state, how many fields the hash has, the sizes of the indexes; and
/// of a small gate the fields, the pages of both indexes and who is paying.
type Answer = (Vec<u8>, i64, Option<Vec<u8>>, usize, Vec<u64>, Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<Vec<u8>>);

/// See [`ReservationLedger::books`](flashdeal_domain::ReservationLedger::books).
pub(crate) async fn books(
    pool: &Pool,
    clock: &LedgerClock,
    product: ProductId,
    overdue: Duration,
) -> Result<GateBooks, LedgerError> {
    let first = ask(pool, product, WHOLE).await?;
    let (run, now, meta, fields, sizes, hash, pages, paying) = first;
    let Some(bytes) = meta else { return Err(LedgerError::Closed { had_state: false }) };
    let state = State::read(&bytes)?;
    if state.run != run {
        return Err(LedgerError::Closed { had_state: true });
    }
    let now = match clock.time() {
        Time::Running { offset } => now.saturating_add(offset),
        Time::Standing { at } => at,
    };
    let overdue = i64::try_from(overdue.as_millis()).unwrap_or(i64::MAX);
    let mut count = Count::at(now, overdue);
    let exact = if fields <= WHOLE {
        count.holds(hash)?;
        count.pages(pages);
        count.paying(paying);
        true
    } else {
        count_in_slices(pool, product, &mut count).await?;
        ask(pool, product, 0).await?.2.as_ref() == Some(&bytes)
    };
    Ok(count.books(&state, &sizes, exact))
}

async fn ask(pool: &Pool, product: ProductId, whole: usize) -> Result<Answer, StoreError> {
    let mut command = cmd("EVAL");
    command.arg(SOURCE).arg(4).arg(keys::gate(product).as_slice());
    for part in ["due:0", "due:1", "paying"] {
        command.arg(keys::of(product, part));
    }
    command.arg(whole);
    pool.query(&command).await
}

/// The hash first: a hold that is made afterwards is in an index by then, and not among those that are looked for.
async fn count_in_slices(pool: &Pool, product: ProductId, count: &mut Count) -> Result<(), LedgerError> {
    let gate = keys::gate(product);
    scan(pool, "HSCAN", gate.as_slice(), |slice| count.holds(slice)).await?;
    for part in ["due:0", "due:1"] {
        let key = keys::of(product, part);
        scan(pool, "ZSCAN", key.as_bytes(), |slice| {
            // Pages and scores in turn.
            count.pages(slice.into_iter().step_by(2));
            Ok(())
        })
        .await?;
    }
    let key = keys::of(product, "paying");
    scan(pool, "ZSCAN", key.as_bytes(), |slice| {
        count.paying(slice.into_iter().step_by(2));
        Ok(())
    })
    .await
}

async fn scan(
    pool: &Pool,
    command: &str,
    key: &[u8],
    mut take: impl FnMut(Vec<Vec<u8>>) -> Result<(), Garbled>,
) -> Result<(), LedgerError> {
    let mut cursor = String::from("0");
    loop {
        let mut next: Cmd = cmd(command);
        next.arg(key).arg(&cursor).arg("COUNT").arg(SLICE);
        let begun = Instant::now();
        let (then, slice): (String, Vec<Vec<u8>>) = pool.query(&next).await?;
        take(slice)?;
        if then == "0" {
            return Ok(());
        }
        sleep((begun.elapsed() * REST).min(LONGEST_REST)).await;
        cursor = then;
    }
}

/// What is read of the state.
struct State {
    epoch: Epoch,
    version: Version,
    total: Units,
    terms: Terms,
    reserved: u64,
    pages: u64,
    fresh: u64,
    paying: u64,
    /// The index that serves, if the gate has one: one of few holds has none.
    index: Option<usize>,
    rebuilding: bool,
    run: Vec<u8>,
}

impl State {
    /// The other side is `META_FORMAT` in `scripts/gate/prelude.lua`, and `NO_PAGES`.
    fn read(meta: &[u8]) -> Result<Self, Garbled> {
        let mut rest = Bytes(meta);
        let (epoch, version) = (Epoch(from_ordered(rest.take()?)), Version(from_ordered(rest.take()?)));
        let _born: [u8; 8] = rest.take()?;
        let total = Units::new(rest.number::<4>()?).map_err(|_| Garbled)?;
        let reserved = rest.number::<6>()?;
        let _times: [u8; 18] = rest.take()?;
        let (pages, fresh) = (rest.number::<4>()?, rest.number::<4>()?);
        let _stale: [u8; 4] = rest.take()?;
        let paying = rest.number::<4>()?;
        let index = Some(usize::from(rest.number::<1>()? == 1)).filter(|_| pages != NO_PAGES);
        let _lost: [u8; 1] = rest.take()?;
        let run: [u8; 40] = rest.take()?;
        let cursor = rest.number::<1>()?;
        rest.skip(cursor)?;
        let (rebuilding, run) = (cursor > 0, run.to_vec());
        let terms = rest.terms()?;
        Ok(Self { epoch, version, total, terms, reserved, pages, fresh, paying, index, rebuilding, run })
    }
}

/// Bytes that are read from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Garbled)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Garbled> {
        let bytes = usize::try_from(bytes).map_err(|_| Garbled)?;
        self.0 = self.0.get(bytes..).ok_or(Garbled)?;
        Ok(())
    }

    /// How long the terms are, then the terms (`push_terms` in `gate/encode.rs`). A gate that does not know its terms has not even
    /// the length, and sells without any.
    fn terms(&mut self) -> Result<Terms, Garbled> {
        if self.0.is_empty() || self.number::<1>()? == 0 {
            return Ok(Terms::NONE);
        }
        let there = self.0.len();
        let (start, end, most) = (self.number::<6>()?, self.number::<6>()?, self.number::<4>()?);
        // Where somebody waits, the start comes last (`QUEUED`).
        let queued = start == QUEUED && there > usize::from(TERMS_SIZE);
        let start = if queued { self.number::<6>()? } else { start };
        let instant = |millis: u64| i64::try_from(millis).map(Timestamp::from_millis).map_err(|_| Garbled);
        let start = Some(start).filter(|start| *start > 0).map(instant).transpose()?;
        let end = Some(end).filter(|end| *end != NEVER).map(instant).transpose()?;
        let limit = Some(most).filter(|most| *most != u64::from(u32::MAX)).map(Quantity::new).transpose();
        let terms = Terms::new(start, end, limit.map_err(|_| Garbled)?).map_err(|_| Garbled)?;
        Ok(terms.with_queue(queued))
    }

    fn number<const N: usize>(&mut self) -> Result<u64, Garbled> {
        let bytes: [u8; N] = self.take()?;
        Ok(bytes.iter().fold(0, |high, byte| high << 8 | u64::from(*byte)))
    }
}

/// One hold, small: there may be a million of them.
struct Hold {
    user: u64,
    quantity: u32,
    paying: bool,
    /// Held, and its deadline has come; or paying, and it passed longer ago than was asked about.
    late: bool,
}

/// What was counted. Users are kept as hashes, in lists that are sorted at the end: a slice may name one twice.
struct Count {
    hasher: RandomState,
    now: i64,
    overdue: i64,
    holds: Vec<Hold>,
    indexed: Vec<u64>,
    paying: Vec<u64>,
}

impl Count {
    fn at(now: i64, overdue: i64) -> Self {
        Self { hasher: RandomState::new(), now, overdue, holds: Vec::new(), indexed: Vec::new(), paying: Vec::new() }
    }

    /// Users and their holds in turn; the state is among them.
    fn holds(&mut self, fields: Vec<Vec<u8>>) -> Result<(), Garbled> {
        let mut fields = fields.into_iter();
        while let (Some(user), Some(hold)) = (fields.next(), fields.next()) {
            if user == META {
                continue;
            }
            let mut rest = Bytes(&hold);
            let _reservation: [u8; 16] = rest.take()?;
            let (quantity, deadline) = (u32::from_be_bytes(rest.take()?), rest.number::<6>()?);
            let deadline = i64::try_from(deadline).map_err(|_| Garbled)?;
            let paying = hold.len() > HELD_SIZE;
            let late = if paying { self.now.saturating_sub(deadline) > self.overdue } else { deadline <= self.now };
            self.holds.push(Hold { user: self.hasher.hash_one(user.as_slice()), quantity, paying, late });
        }
        Ok(())
    }

    /// A page is a deadline, then users with a zero byte between them.
    fn pages(&mut self, pages: impl IntoIterator<Item = Vec<u8>>) {
        for page in pages {
            let users = page.get(6..).unwrap_or_default();
            self.indexed.extend(users.split(|byte| *byte == 0).map(|user| self.hasher.hash_one(user)));
        }
    }

    fn paying(&mut self, users: impl IntoIterator<Item = Vec<u8>>) {
        self.paying.extend(users.into_iter().map(|user| self.hasher.hash_one(user.as_slice())));
    }

    fn books(mut self, state: &State, sizes: &[u64], exact: bool) -> GateBooks {
        self.holds.sort_by_key(|hold| hold.user);
        self.holds.dedup_by_key(|hold| hold.user);
        self.indexed.sort_unstable();
        self.paying.sort_unstable();
        let count = |wanted: &dyn Fn(&Hold) -> bool| {
            let found = self.holds.iter().filter(|hold| wanted(hold)).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        };
        // While an index is built anew, not everybody is in it yet, and the gate knows it.
        let unlisted = if state.rebuilding {
            0
        } else {
            let needed = |hold: &Hold| hold.paying || state.index.is_some();
            let listed = |hold: &Hold| if hold.paying { &self.paying } else { &self.indexed }.binary_search(&hold.user);
            count(&|hold| needed(hold) && listed(hold).is_err())
        };
        let size = |at: usize| sizes.get(at).copied().unwrap_or(0);
        let gone = state.index.map_or(0, |index| {
            let fresh = if state.rebuilding { state.fresh.saturating_sub(size(1 - index)) } else { 0 };
            state.pages.saturating_sub(size(index)) + fresh
        }) + state.paying.saturating_sub(size(2));
        GateBooks {
            epoch: state.epoch,
            version: state.version,
            total: state.total,
            terms: state.terms,
            reserved: state.reserved,
            held_units: self.holds.iter().map(|hold| u64::from(hold.quantity)).sum(),
            holds: count(&|_| true),
            past_deadline: count(&|hold| !hold.paying && hold.late),
            unsettled: count(&|hold| hold.paying && hold.late),
            unindexed: unlisted.max(gone),
            exact,
        }
    }
}
