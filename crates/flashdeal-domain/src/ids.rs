//! Ids: UUIDv7, one type per thing they name, so that none can stand in for another.

use std::fmt;

use uuid::Uuid;

use crate::error::Invalid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an id that the server minted or a store returned.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// Parses the hyphenated text form, as it stands in a path or a body.
            ///
            /// # Errors
            /// [`Invalid`] if the text is anything but 36 characters of a hyphenated UUID.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                // Other spellings (braces, URN, no hyphens) are refused: one thing has one name.
                if text.len() != 36 {
                    return Err(Invalid::new("must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"));
                }
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| Invalid::new("must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"))
            }

            /// The UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

id!(
    /// Names a product.
    ProductId
);
id!(
    /// Names one hold of one user on one product; it can be settled (sold or voided) once.
    ReservationId
);
id!(
    /// Names an order: the permanent trace of one sale.
    OrderId
);
