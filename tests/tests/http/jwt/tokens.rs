//! Tokens of every sort, good and bad. The keys beside this file lock nothing but these tests.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

pub(super) const RSA: &str = include_str!("rsa.private.pem");
pub(super) const RSA_PUBLIC: &str = include_str!("rsa.public.pem");
pub(super) const RSA_STRANGER: &str = include_str!("rsa.stranger.pem");
pub(super) const ED25519: &str = include_str!("ed25519.private.pem");
/// The public half of [`ED25519`], as a JSON Web Key has it.
pub(super) const ED25519_X: &str = "oDrZUVojI7-EBlnS9WvB6kP0zvntA2oGfCzi3U9IcBc";

/// What a token of `user` says.
pub(super) fn claims(user: &str) -> Value {
    json!({ "sub": user, "aud": "shop", "exp": get_current_timestamp() + 3600 })
}

/// The same with something changed; a null takes it away.
pub(super) fn claims_but(user: &str, changes: &Value) -> Value {
    let mut claims = claims(user);
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

/// A bearer token signed by us.
pub(super) fn signed(claims: &Value) -> String {
    bearer(&Header::new(Algorithm::RS256), claims, &rsa(RSA))
}

pub(super) fn rsa(pem: &str) -> EncodingKey {
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

pub(super) fn bearer(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    format!("Bearer {}", encode(header, claims, key).unwrap())
}

/// A good token of this user.
pub(super) fn of(user: &str) -> String {
    signed(&claims(user))
}

/// A good token of one who may write products.
pub(super) fn of_admin(user: &str) -> String {
    signed(&claims_but(user, &json!({ "scope": "read admin" })))
}

/// What an `Authorization` must not be, each with why.
pub(super) fn bad() -> Vec<(&'static str, String)> {
    let token = of("ada");
    let parts: Vec<&str> = token["Bearer ".len()..].split('.').collect();
    let admin = of_admin("eve");
    let admin_claims = admin.split('.').nth(1).unwrap();
    let with = |changes: Value| signed(&claims_but("ada", &changes));
    let now = get_current_timestamp();
    vec![
        ("expired", with(json!({ "exp": now - 60 }))),
        ("never expires", with(json!({ "exp": null }))),
        ("expires in words", with(json!({ "exp": "tomorrow" }))),
        ("not yet valid", with(json!({ "nbf": now + 600 }))),
        ("for another audience", with(json!({ "aud": "bank" }))),
        ("for other audiences", with(json!({ "aud": ["bank", "SHOP"] }))),
        ("for no audience", with(json!({ "aud": null }))),
        ("of nobody", with(json!({ "sub": null }))),
        ("of a blank user", with(json!({ "sub": " " }))),
        ("of a user with a line break", with(json!({ "sub": "ada\nroot" }))),
        ("of a number", with(json!({ "sub": 7 }))),
        ("signed by a stranger", bearer(&Header::new(Algorithm::RS256), &claims("ada"), &rsa(RSA_STRANGER))),
        ("signed with another RSA", bearer(&Header::new(Algorithm::RS512), &claims("ada"), &rsa(RSA))),
        ("signed with PSS", bearer(&Header::new(Algorithm::PS256), &claims("ada"), &rsa(RSA))),
        // The public key is no secret: whoever takes it for one believes anybody.
        (
            "signed with HS256 and our public key",
            bearer(&Header::new(Algorithm::HS256), &claims("ada"), &EncodingKey::from_secret(RSA_PUBLIC.as_bytes())),
        ),
        (
            "signed with HS256 and our public key, trimmed",
            bearer(
                &Header::new(Algorithm::HS256),
                &claims("ada"),
                &EncodingKey::from_secret(RSA_PUBLIC.trim().as_bytes()),
            ),
        ),
        (
            "signed with EdDSA",
            bearer(
                &Header::new(Algorithm::EdDSA),
                &claims("ada"),
                &EncodingKey::from_ed_pem(ED25519.as_bytes()).unwrap(),
            ),
        ),
        // {"alg":"none"} and {"alg":"None"}
        ("signed with nothing", format!("Bearer eyJhbGciOiJub25lIn0.{}.", parts[1])),
        ("signed with nothing, without its last point", format!("Bearer eyJhbGciOiJub25lIn0.{}", parts[1])),
        ("signed with Nothing", format!("Bearer eyJhbGciOiJOb25lIn0.{}.", parts[1])),
        ("none, with a signature", format!("Bearer eyJhbGciOiJub25lIn0.{}.{}", parts[1], parts[2])),
        ("without its signature", format!("Bearer {}.{}.", parts[0], parts[1])),
        ("with another's claims", format!("Bearer {}.{admin_claims}.{}", parts[0], parts[2])),
        ("cut short", token[..token.len() - 2].to_owned()),
        ("longer", format!("{token}AA")),
        ("garbage", "Bearer a.b.c".to_owned()),
        ("empty", "Bearer ".to_owned()),
        ("no bearer", token["Bearer ".len()..].to_owned()),
        ("another scheme", "Basic YWRhOmFkYQ==".to_owned()),
        ("enormous", format!("Bearer {}", "a.".repeat(4_000))),
    ]
}
