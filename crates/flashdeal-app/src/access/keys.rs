//! Keys of the shop's own programs: whoever bears one may do what its role may, for any buyer.

use std::fmt;

use actix_web::http::Method;
use subtle::ConstantTimeEq;

use crate::error::{Code, Problem};

/// What the bearer of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// All that buyers do, for any of them; products are read.
    Shop,
    /// Look at everything, change nothing.
    Read,
}

/// The keys that are good here. Its `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<(Role, String)>);

/// Why a key cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// A key that could be guessed, or that no header can carry.
    #[error("a key must have 24 to 256 visible ASCII characters and no comma")]
    Shape,
    /// What may a key do that stands twice?
    #[error("a key stands twice")]
    Twice,
    /// Each request is compared with every key.
    #[error("there may be at most 8 keys of a role")]
    TooMany,
}

impl Keys {
    /// The most keys of one role; two are enough to replace one while both are good.
    const MOST: usize = 8;

    /// Adds the keys of a role, as a comma-separated list.
    ///
    /// # Errors
    /// [`BadKey`]; then none of them was added.
    pub fn add(&mut self, role: Role, list: &str) -> Result<(), BadKey> {
        let before = self.0.len();
        let mut keys = list.split(',').map(str::trim).filter(|key| !key.is_empty());
        let added = keys.try_for_each(|key| {
            if !(24..=256).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                Err(BadKey::Shape)
            } else if self.0.iter().any(|(_, known)| known == key) {
                Err(BadKey::Twice)
            } else if self.0.len() - before == Self::MOST {
                Err(BadKey::TooMany)
            } else {
                self.0.push((role, key.to_owned()));
                Ok(())
            }
        });
        if added.is_err() {
            self.0.truncate(before);
        }
        added
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the bearer of this may do, if it is a key. How long that takes does not tell how much of a key was right.
    pub(crate) fn role_of(&self, borne: &str) -> Option<Role> {
        self.0.iter().fold(
            None,
            |found, (role, key)| {
                if key.as_bytes().ct_eq(borne.as_bytes()).into() { Some(*role) } else { found }
            },
        )
    }
}

impl Role {
    /// Whether a request of this method is within the role.
    pub(crate) fn may(self, method: &Method) -> Result<(), Problem> {
        match self {
            Self::Read if !matches!(*method, Method::GET | Method::HEAD) => {
                Err(Problem::new(Code::Forbidden, "This key may only read."))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(role, _)| role)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: &str = "admin-key-of-24-letters!";
    const SHOP: &str = "shop-key-of-some-more-letters";

    #[test]
    fn a_key_is_known_by_all_of_its_letters_and_by_its_role() {
        let mut keys = Keys::default();
        assert!(keys.is_empty() && keys.role_of("").is_none());
        keys.add(Role::Admin, &format!(" {ADMIN} ,")).unwrap();
        keys.add(Role::Shop, SHOP).unwrap();
        assert_eq!((keys.role_of(ADMIN), keys.role_of(SHOP)), (Some(Role::Admin), Some(Role::Shop)));
        for wrong in ["", &ADMIN[1..], &format!("{ADMIN}x"), &ADMIN.to_uppercase()] {
            assert_eq!(keys.role_of(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{keys:?}"), "[Admin, Shop]");
    }

    #[test]
    fn a_key_that_could_be_guessed_or_means_two_things_is_refused() {
        let mut keys = Keys::default();
        keys.add(Role::Admin, ADMIN).unwrap();
        let long = "x".repeat(257);
        for bad in ["changeme", &ADMIN[1..], &long, "a key with blanks in its midst", "ein-schlüssel-mit-umlaut"] {
            assert_eq!(keys.add(Role::Shop, bad), Err(BadKey::Shape), "{bad}");
        }
        assert_eq!(keys.add(Role::Read, ADMIN), Err(BadKey::Twice));
        let nine = (0..9).map(|n| format!("{n}-key-of-24-letters-or-more")).collect::<Vec<_>>();
        assert_eq!(keys.add(Role::Read, &nine.join(",")), Err(BadKey::TooMany));
        assert_eq!(keys.role_of(&nine[0]), None);
        assert_eq!(keys.add(Role::Read, &nine[1..].join(",")), Ok(()));
    }

    #[test]
    fn a_key_to_read_changes_nothing() {
        for method in [Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
            assert!(Role::Read.may(&method).is_err() && Role::Shop.may(&method).is_ok(), "{method}");
        }
        assert!(Role::Read.may(&Method::GET).is_ok() && Role::Read.may(&Method::HEAD).is_ok());
    }
}
