//! Pages of a listing: bounded, newest first, continued by the last id seen.

use crate::error::Invalid;

/// How many items one page has: 1 to 100; 20 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u8);

impl PageSize {
    /// The most items one page may have.
    pub const MAX: u8 = 100;

    /// A page size.
    ///
    /// # Errors
    /// [`Invalid`] if `size` is outside 1 to [`Self::MAX`].
    pub fn new(size: impl TryInto<u8>) -> Result<Self, Invalid> {
        match size.try_into() {
            Ok(size) if (1..=Self::MAX).contains(&size) => Ok(Self(size)),
            _ => Err(Invalid::new("must be an integer from 1 to 100")),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(20)
    }
}

/// Which page: at most `size` items whose id is below `after`, newest (highest id) first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<Id> {
    /// How many at most.
    pub size: PageSize,
    /// The last id of the page before; `None` for the first page.
    pub after: Option<Id>,
}

/// One page. `next` is the cursor of the page that follows, or `None` on the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, Id> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where to go on.
    pub next: Option<Id>,
}
