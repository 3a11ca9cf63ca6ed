//! The clients this instance remembers: a bounded number, each at most until its window ends.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::time::Instant;

use super::client::Client;

const SHARDS: usize = 32;
/// The most clients of one shard. Those beyond are asked for every time, as exactly.
const MOST: usize = 4096;

pub(super) struct Clients {
    hasher: RandomState,
    shards: [RwLock<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    clients: HashMap<IpAddr, Arc<Client>, RandomState>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| RwLock::default()) }
    }
}

impl Clients {
    pub(super) fn get(&self, address: IpAddr, now: Instant) -> Arc<Client> {
        let hash = usize::try_from(self.hasher.hash_one(address) % 32).unwrap_or(0);
        let Some(shard) = self.shards.get(hash) else {
            return Arc::new(Client::new(address));
        };
        let known = shard.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.clients.get(&address) {
            return Arc::clone(client);
        }
        drop(known);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if shard.clients.len() >= MOST {
            shard.clients.retain(|_, client| !client.is_over(now));
        }
        if shard.clients.len() >= MOST {
            return Arc::new(Client::new(address));
        }
        let new = || Arc::new(Client::new(address));
        Arc::clone(shard.clients.entry(address).or_insert_with(new))
    }
}
