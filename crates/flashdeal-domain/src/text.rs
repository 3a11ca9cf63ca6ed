//! Text that callers bring: user ids, names, descriptions and idempotency keys.

use std::fmt;
use std::sync::Arc;

use crate::error::Invalid;

/// Who holds or buys: 1 to 128 characters, not blank, no control character.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

impl UserId {
    /// The most characters a user id may have.
    pub const MAX_CHARS: usize = 128;

    /// Parses a user id. It is taken as it is, not trimmed: `"ada"` and `"ada "` are two users.
    ///
    /// # Errors
    /// [`Invalid`] if the text is empty, blank, longer than [`Self::MAX_CHARS`] characters, or has a control character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::check(text)?;
        Ok(Self(Arc::from(text)))
    }

    /// Whether [`Self::parse`] would take the text, without keeping it.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn check(text: &str) -> Result<(), Invalid> {
        const BAD: Invalid = Invalid::new("must be 1 to 128 characters, not blank, none of them a control character");
        if within(text, 1, Self::MAX_CHARS) && !is_blank(text) && !text.chars().any(char::is_control) {
            Ok(())
        } else {
            Err(BAD)
        }
    }

    /// The holder of a withdrawal (a decrease of stock on its way through the gate). It begins with a control character,
    /// so no caller can ever parse to it.
    #[must_use]
    pub(crate) fn withdrawal(id: &crate::ReservationId) -> Self {
        Self(Arc::from(format!("\u{1}withdrawal:{id}")))
    }

    /// Wraps a user id that a store returned, which was parsed when it went in.
    #[must_use]
    pub fn from_store(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// Whether this is the internal holder of a withdrawal rather than a person.
    #[must_use]
    pub fn is_withdrawal(&self) -> bool {
        self.0.starts_with('\u{1}')
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a product is called: 1 to 200 characters after trimming, no control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductName(String);

impl ProductName {
    /// The most characters a name may have.
    pub const MAX_CHARS: usize = 200;

    /// Parses and trims a name.
    ///
    /// # Errors
    /// [`Invalid`] if the trimmed text is empty, longer than [`Self::MAX_CHARS`] characters, or has a control character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let trimmed = text.trim();
        if within(trimmed, 1, Self::MAX_CHARS) && !is_blank(trimmed) && !trimmed.chars().any(char::is_control) {
            Ok(Self(trimmed.to_owned()))
        } else {
            Err(Invalid::new("must be 1 to 200 characters, not blank, none of them a control character"))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a product is: 0 to 5000 characters; line breaks and tabs are fine, other control characters are not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description(String);

impl Description {
    /// The most characters a description may have.
    pub const MAX_CHARS: usize = 5000;

    /// Parses a description. It is taken as it is, not trimmed.
    ///
    /// # Errors
    /// [`Invalid`] if the text is longer than [`Self::MAX_CHARS`] characters or has a control character other than a
    /// line break (`\n`, `\r`) or a tab.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let clean = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        if within(text, 0, Self::MAX_CHARS) && text.chars().all(clean) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("must be at most 5000 characters, with no control character but line breaks and tabs"))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An `Idempotency-Key`: 1 to 255 visible ASCII characters. Scoped to one user, one product and one route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// The most characters (and bytes) a key may have.
    pub const MAX_CHARS: usize = 255;

    /// Parses a key.
    ///
    /// # Errors
    /// [`Invalid`] if the text is empty, longer than [`Self::MAX_CHARS`], or has anything but visible ASCII (`!` to `~`).
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(Invalid::new("must be 1 to 255 visible ASCII characters"))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytes first: most texts are settled without counting characters.
fn within(text: &str, min: usize, max: usize) -> bool {
    let bytes = text.len();
    if bytes < min || bytes > max * 4 {
        return false;
    }
    let chars = if bytes <= max { bytes } else { text.chars().count() };
    chars <= max
}

/// Blank to a reader: nothing but white space and characters that have no width.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_keep_their_bounds() {
        assert!(UserId::parse("a").is_ok());
        assert!(UserId::parse(&"é".repeat(128)).is_ok());
        assert!(UserId::parse(&"é".repeat(129)).is_err());
        assert!(UserId::parse(&"a".repeat(129)).is_err());
        for bad in ["", " ", "\u{a0}\u{2003}", "a\nb", "a\u{0}", "\u{7f}", "a\u{85}"] {
            assert!(UserId::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(UserId::parse("🛒 ada").unwrap().as_str(), "🛒 ada");
    }

    #[test]
    fn no_caller_can_name_the_holder_of_a_withdrawal() {
        let internal = UserId::withdrawal(&crate::ReservationId::from_uuid(uuid::Uuid::nil()));
        assert!(internal.is_withdrawal());
        assert!(UserId::parse(internal.as_str()).is_err());
    }

    #[test]
    fn names_are_trimmed_and_descriptions_keep_their_lines() {
        assert_eq!(ProductName::parse("  Phone \n").unwrap().as_str(), "Phone");
        assert!(ProductName::parse("a\tb").is_err());
        assert!(ProductName::parse("   ").is_err());
        assert!(ProductName::parse(&"x".repeat(201)).is_err());
        assert_eq!(Description::parse("a\r\n\tb").unwrap().as_str(), "a\r\n\tb");
        assert!(Description::parse("a\u{0}").is_err());
        assert!(Description::parse(&"x".repeat(5001)).is_err());
        assert!(Description::parse("").is_ok());
    }

    #[test]
    fn keys_are_visible_ascii() {
        assert!(IdempotencyKey::parse("a-1_~!").is_ok());
        for bad in ["", "a b", "é", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?}");
        }
    }
}
