//! Texts that callers bring: users, names, descriptions, idempotency keys.

use flashdeal_domain::{Description, IdempotencyKey, ProductName, UserId};

use super::text;

/// What is taken is within its bounds and safe to log, and is taken again as it stands.
pub(super) fn texts(data: &[u8]) {
    let text = text(data);
    let chars = text.chars().count();
    let control = text.chars().any(char::is_control);
    // What a reader sees nothing of.
    let blank =
        |text: &str| text.chars().all(|c| c.is_whitespace() || "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}".contains(c));

    let user = UserId::parse(text);
    assert_eq!(user.is_ok(), (1..=128).contains(&chars) && !control && !blank(text), "{text:?} as a user");
    assert_eq!(user.is_ok(), UserId::check(text).is_ok());
    if let Ok(user) = user {
        assert!(user.as_str() == text && user.to_string() == text && !user.is_withdrawal());
        assert_eq!(UserId::from_store(user.as_str()), user);
    }

    let name = ProductName::parse(text);
    let trimmed = text.trim();
    let sound =
        (1..=200).contains(&trimmed.chars().count()) && !trimmed.chars().any(char::is_control) && !blank(trimmed);
    assert_eq!(name.is_ok(), sound, "{text:?} as a name");
    if let Ok(name) = name {
        assert_eq!(name.as_str(), trimmed);
        assert_eq!(ProductName::parse(name.as_str()), Ok(name));
    }

    let description = Description::parse(text);
    let clean = !text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c));
    assert_eq!(description.is_ok(), chars <= 5000 && clean, "{text:?} as a description");
    if let Ok(description) = description {
        assert_eq!(description.as_str(), text);
    }

    let key = IdempotencyKey::parse(text);
    let visible = text.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    assert_eq!(key.is_ok(), visible && (1..=255).contains(&text.len()), "{text:?} as a key");
    if let Ok(key) = key {
        assert_eq!(key.as_str(), text);
    }
}
