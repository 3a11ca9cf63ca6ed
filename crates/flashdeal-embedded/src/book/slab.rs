//! Many small things of one kind, in chunks, so that growing never copies what is there.

const CHUNK_BITS: u32 = 12;
const CHUNK: usize = 1 << CHUNK_BITS;

/// Things by their slot. A slot stays the thing's until it is removed; then it is used again.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
}

/// Where a slot lies: its chunk, and its place in it.
fn place(slot: u32) -> (usize, usize) {
    let at = usize::try_from(slot).unwrap_or(usize::MAX);
    (at >> CHUNK_BITS, at & (CHUNK - 1))
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new() }
    }

    /// Keeps `value`; `None` when four thousand million are kept already.
    pub(super) fn insert(&mut self, value: T) -> Option<u32> {
        if let Some(slot) = self.free.pop() {
            *self.get_mut(slot) = value;
            return Some(slot);
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let chunk = self.chunks.last_mut()?;
        let slot = u32::try_from(before + chunk.len()).ok()?;
        chunk.push(value);
        Some(slot)
    }

    #[expect(clippy::indexing_slicing, reason = "slots come from insert, which made their place")]
    pub(super) fn get(&self, slot: u32) -> &T {
        let (chunk, at) = place(slot);
        &self.chunks[chunk][at]
    }

    #[expect(clippy::indexing_slicing, reason = "slots come from insert, which made their place")]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut T {
        let (chunk, at) = place(slot);
        &mut self.chunks[chunk][at]
    }

    /// Gives the slot up; what was in it stays there, unread, until the slot is used again.
    pub(super) fn remove(&mut self, slot: u32) {
        self.free.push(slot);
    }
}
