//! What kind of storm.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::redis::Persistence;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum FaultKind {
    /// An instance is killed (SIGKILL) and started again.
    AppKill,
    /// An instance is frozen (SIGSTOP).
    AppFreeze,
    /// Redis is killed and started again with what its file has.
    RedisKill,
    /// Redis is frozen.
    RedisFreeze,
    /// Redis forgets everything (FLUSHALL).
    Flush,
    /// One of a product's keys is deleted.
    KeyLoss,
    /// Redis forgets its scripts (SCRIPT FLUSH).
    ScriptFlush,
    /// A replica that lags behind is promoted, and the primary is gone.
    Promote,
    /// PostgreSQL is killed and started again.
    PostgresKill,
    /// PostgreSQL is frozen.
    PostgresFreeze,
    /// Statements of PostgreSQL, commits above all, are done and their answers lost.
    LostCommit,
    /// Scripts of Redis have run and their answers are lost.
    LostReply,
    /// All connections of one instance to one store are cut.
    Cut,
    /// A store answers one instance late.
    Slow,
    /// An instance can reach a store no more, while the others can.
    Partition,
    /// Buyers send requests twice at the same time, to different instances.
    Duplicates,
    /// Buyers hang up on requests, and write them slowly.
    HangUps,
}

impl FaultKind {
    /// Whether it is something that buyers do rather than something done to the servers.
    #[must_use]
    pub fn is_of_buyers(self) -> bool {
        matches!(self, Self::Duplicates | Self::HangUps)
    }

    /// Whether Redis may forget some of what it knew and keep the rest, or bring back what was gone.
    #[must_use]
    pub fn rolls_back(self, persistence: Persistence) -> bool {
        match self {
            Self::Promote | Self::KeyLoss => true,
            Self::RedisKill => persistence != Persistence::Always,
            _ => false,
        }
    }

    /// Its name, as on the command line.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Pauses that leave the servers little time to recover.
pub const PAUSES: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(900));

/// A storm's settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// All of chance follows from it.
    pub seed: u64,
    /// How long it rages; afterwards everything is healed and checked.
    pub duration: Duration,
    /// What goes wrong.
    pub faults: Vec<FaultKind>,
    /// How Redis keeps its memory.
    pub persistence: Persistence,
    /// How many buyers.
    pub buyers: u32,
    /// How many instances.
    pub instances: usize,
    /// How long a hold lasts.
    pub ttl: Duration,
    /// Within which the server answers.
    pub deadline: Duration,
    /// How much longer an answer may take on a busy machine before it counts as a hang.
    pub margin: Duration,
    /// The longest that anything is frozen.
    pub longest_freeze: Duration,
    /// The shortest and the longest pause between two faults of a lane.
    pub pauses: (Duration, Duration),
    /// The `flashdeal` binary.
    pub binary: PathBuf,
    /// Whether a line shows how it goes.
    pub live: bool,
    /// The folder where histories are kept that could not be explained.
    pub keep: PathBuf,
}

impl Options {
    /// A short storm of these faults, as the tests run it.
    #[must_use]
    pub fn short(binary: PathBuf, seed: u64, faults: &[FaultKind]) -> Self {
        Self {
            seed,
            duration: Duration::from_secs(8),
            faults: faults.to_vec(),
            persistence: Persistence::Always,
            buyers: 8,
            instances: 2,
            ttl: Duration::from_secs(3),
            deadline: Duration::from_secs(2),
            margin: Duration::from_secs(5),
            longest_freeze: Duration::from_millis(2500),
            pauses: PAUSES,
            binary,
            live: false,
            keep: PathBuf::from("."),
        }
    }

    /// Whether this fault is among them.
    #[must_use]
    pub fn has(&self, kind: FaultKind) -> bool {
        self.faults.contains(&kind)
    }
}
