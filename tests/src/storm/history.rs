//! One recorded history: what a few users asked of one product and were told, each attempt with its times, and the faults meanwhile.
//!
//! It is kept as it was seen; what it means is read from it ([`History::events`]), so that one that was kept in a file can be
//! judged again when the judgement has become better.

mod events;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What was recorded. Times are microseconds since it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Of all its chance.
    pub seed: u64,
    /// The product's id.
    pub product: String,
    /// When it began, in microseconds since 1970.
    pub began: i64,
    /// The stock at the start.
    pub stock: i32,
    /// How long a hold lasts.
    pub hold_time: i64,
    /// What went wrong meanwhile.
    pub faults: Vec<Fault>,
    /// The calls, in the order in which they were first sent.
    pub calls: Vec<Asked>,
}

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: String,
    /// The instance that was frozen or killed.
    pub instance: Option<usize>,
    /// Whether the gate lost its memory.
    pub forgot: bool,
    /// When it began.
    pub from: i64,
    /// When it was over; `None` if that was after the history.
    pub to: Option<i64>,
}

/// A call, with all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// By whom: 0 to [`USERS`](crate::linear::model::USERS) - 1.
    pub user: usize,
    /// For what.
    pub wish: Wish,
    /// What the last attempt was answered; `None` if no attempt was.
    pub told: Option<Told>,
    /// The attempts, in their order. One that does not end with an answer may have done its work, and may do so yet.
    pub attempts: Vec<Sent>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// When it was sent.
    pub from: i64,
    /// When it was answered or given up.
    pub to: i64,
    /// To which instance.
    pub instance: usize,
    /// How it ended: a status, or in words.
    pub ended: String,
}

/// What can be asked for. Holds have numbers, counted from 1 as they are first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// Reserve, with an idempotency key of its own.
    Reserve {
        /// How many.
        quantity: i32,
    },
    /// Buy this hold.
    Checkout {
        /// Its number.
        id: u16,
    },
    /// Release whatever they hold.
    Release,
    /// Read their hold.
    Hold,
    /// Read the counters.
    Status,
    /// Add units to the stock.
    Add {
        /// How many.
        units: i32,
    },
}

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Told {
    /// A hold: theirs, or the one that was released.
    Hold {
        /// Its number.
        id: u16,
        /// Its quantity.
        quantity: i32,
        /// Its deadline.
        deadline: i64,
        /// Whether it is new (201).
        created: bool,
        /// Whether an earlier answer was given again.
        replayed: bool,
    },
    /// There is no such hold.
    NoHold,
    /// There are not so many.
    Insufficient,
    /// The hold is being paid for.
    InProgress,
    /// The order.
    Order {
        /// Its quantity.
        quantity: i32,
        /// Whether it is new (201).
        created: bool,
    },
    /// The counters; available is their difference.
    Counters {
        /// `totalStock`.
        total: i32,
        /// `reservedStock`.
        reserved: i32,
    },
    /// The stock was changed.
    Changed,
}

impl History {
    /// Keeps it in this folder, with what was found in it, and tells where. The file is JSON with a line for each call.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn keep(&self, folder: &Path, found: &str) -> Result<PathBuf> {
        let file = folder.join(format!("history-{}.json", self.seed));
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        std::fs::write(&file, self.to_json(found)?).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    /// Reads one that was kept.
    ///
    /// # Errors
    ///
    /// When there is none in the file.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("no history in {}", file.display()))
    }

    fn to_json(&self, found: &str) -> Result<String> {
        let found: Vec<&str> = found.lines().collect();
        let Self { seed, product, began, stock, hold_time, faults, calls } = self;
        let product = serde_json::to_string(product)?;
        Ok(format!(
            "{{\n\"seed\": {seed},\n\"product\": {product},\n\"began\": {began},\n\"stock\": {stock},\n\"hold_time\": {hold_time},\n\
             \"faults\": {},\n\"calls\": {},\n\"found\": {}\n}}\n",
            lines(faults)?,
            lines(calls)?,
            lines(&found)?
        ))
    }
}

/// A list with a line for each.
fn lines<T: Serialize>(all: &[T]) -> Result<String> {
    let all = all.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(if all.is_empty() { "[]".to_owned() } else { format!("[\n  {}\n]", all.join(",\n  ")) })
}
