//! Tokens: nothing but what we signed is believed.

use std::sync::OnceLock;

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use crate::access::{Access, Algorithm, KeySource, TokenRules};

use super::text;

const SECRET: &str = "a secret that only this test knows";

struct Signed {
    rules: TokenRules,
    token: String,
}

/// No text is a token but the very one that was signed; neither is one that differs from it in a single byte, or is made of its
/// parts.
pub fn tokens(data: &[u8]) {
    static SIGNED: OnceLock<Option<Signed>> = OnceLock::new();
    let Some(Signed { rules, token }) = SIGNED.get_or_init(sign) else { panic!("the token cannot be signed") };
    assert!(matches!(rules.check(token), Ok(Access::User { admin: true, .. })));
    let forged = |text: &str| assert!(text == token || rules.check(text).is_err(), "{text:?} is believed");
    forged(text(data));
    // The bytes are changes: where, and what is put there.
    let mut changed = token.clone().into_bytes();
    for change in data.chunks_exact(3).take(4) {
        let [high, low, byte] = *change else { continue };
        let at = usize::from(u16::from_be_bytes([high, low])) % changed.len();
        if let Some(place) = changed.get_mut(at) {
            *place = byte;
        }
    }
    forged(text(&changed));
    let parts: Vec<&str> = token.split('.').collect();
    if let [head, claims, signature] = *parts.as_slice() {
        let data = text(data);
        for made in [
            format!("{data}.{claims}.{signature}"),
            format!("{head}.{data}.{signature}"),
            format!("{head}.{claims}.{data}"),
            format!("{token}{data}"),
            format!("{data}{token}"),
        ] {
            forged(&made);
        }
    }
}

fn sign() -> Option<Signed> {
    let rules = TokenRules::load(Algorithm::Hs256, &KeySource::Secret(SECRET.to_owned()), "shop").ok()?;
    let claims =
        json!({ "sub": "ada", "aud": "shop", "scope": "admin", "exp": jsonwebtoken::get_current_timestamp() + 86_400 });
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).ok()?;
    Some(Signed { rules, token })
}
