//! Names of things, small enough to search billions of them, and tables keyed by them.

use std::fmt;
use std::ops::{Index, IndexMut};

/// Units of stock. Signed, so that a model that sold too much could say so.
pub type Units = i8;
/// Rises with every change of the record.
pub type Version = u8;
/// Rises with every opening of the gate.
pub type Epoch = u8;
/// Which start of the gate's server this is.
pub type Run = u8;

/// The buyers a model can have at most.
pub const BUYERS: u8 = 3;
const USERS: usize = 4;
/// Reservations that one user can make, one after the other.
pub const EACH: u8 = 2;
const RESERVATIONS: usize = 8;

/// A buyer, or the shop itself, which takes units back through the gate as a buyer would.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User(pub u8);

impl User {
    /// The shop.
    pub const SHOP: Self = Self(BUYERS);

    /// The first `buyers` buyers.
    pub fn buyers(buyers: u8) -> impl Iterator<Item = Self> {
        (0..buyers.min(BUYERS)).map(Self)
    }

    /// Everyone there could be.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=BUYERS).map(Self)
    }

    /// Their reservations, in the order in which they would be made.
    #[must_use = "iterators are lazy"]
    pub fn reservations(self) -> impl DoubleEndedIterator<Item = Reservation> {
        (0..EACH).map(move |nth| Reservation(self.0 * EACH + nth))
    }

    /// The calls they can make.
    pub fn calls(self) -> impl Iterator<Item = CallId> {
        (0..2).map(move |nth| CallId { user: self, nth })
    }
}

/// A reservation. Who made it and the how many-th of theirs it is are in its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reservation(pub u8);

impl Reservation {
    /// Every reservation there could be.
    pub fn all() -> impl Iterator<Item = Self> {
        User::all().flat_map(User::reservations)
    }

    /// Who made it.
    #[must_use]
    pub fn user(self) -> User {
        User(self.0 / EACH)
    }
}

/// One of a user's two concurrent calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId {
    /// Whose.
    pub user: User,
    /// 0 or 1.
    pub nth: u8,
}

impl CallId {
    /// Every call there could be.
    pub fn all() -> impl Iterator<Item = Self> {
        User::all().flat_map(User::calls)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SHOP => f.write_str("shop"),
            Self(n) => write!(f, "buyer{n}"),
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.user(), self.0 % EACH)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}", self.user, self.nth)
    }
}

macro_rules! table {
    ($(#[$doc:meta])* $name:ident, $key:ty, $size:expr, $at:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name<T>(pub [T; $size]);

        impl<T: Copy + Default> Default for $name<T> {
            fn default() -> Self {
                Self([T::default(); $size])
            }
        }

        impl<T> Index<$key> for $name<T> {
            type Output = T;

            #[expect(clippy::indexing_slicing, reason = "every key is made below the table's size")]
            fn index(&self, key: $key) -> &T {
                &self.0[$at(key)]
            }
        }

        impl<T> IndexMut<$key> for $name<T> {
            #[expect(clippy::indexing_slicing, reason = "every key is made below the table's size")]
            fn index_mut(&mut self, key: $key) -> &mut T {
                &mut self.0[$at(key)]
            }
        }
    };
}

table!(
    /// One `T` for each user.
    PerUser, User, USERS, |key: User| usize::from(key.0)
);
table!(
    /// One `T` for each reservation.
    PerReservation, Reservation, RESERVATIONS, |key: Reservation| usize::from(key.0)
);
table!(
    /// One `T` for each call.
    PerCall, CallId, USERS * 2, |key: CallId| usize::from(key.user.0) * 2 + usize::from(key.nth)
);
