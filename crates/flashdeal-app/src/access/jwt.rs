//! Tokens: one algorithm, pinned; `exp` and `aud` checked; keys from a secret, a PEM file or a JWKS file.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, bail};
use flashdeal_domain::UserId;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::Access;

/// The algorithms a token may be signed with; one of them is pinned in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256: a shared secret of at least 32 bytes.
    Hs256,
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// Where the key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The shared secret itself.
    Secret(String),
    /// A file: the secret's bytes for HS256, else a public key in PEM.
    File(PathBuf),
    /// A file with a JSON Web Key Set; the token's `kid` chooses.
    Jwks(PathBuf),
}

/// What a token must satisfy.
pub struct TokenRules {
    validation: Validation,
    keys: Keys,
}

enum Keys {
    One(DecodingKey),
    Set(Vec<(String, DecodingKey)>),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    scope: Scope,
}

/// `"read admin"` (RFC 8693) or `["read", "admin"]`; both are in use.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scope {
    Words(String),
    List(Vec<String>),
}

impl Default for Scope {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Scope {
    fn has(&self, scope: &str) -> bool {
        match self {
            Self::Words(words) => words.split(' ').any(|word| word == scope),
            Self::List(list) => list.iter().any(|word| word == scope),
        }
    }
}

impl fmt::Debug for TokenRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRules").field("validation", &self.validation).finish_non_exhaustive()
    }
}

impl TokenRules {
    /// Reads the keys.
    ///
    /// # Errors
    /// If a file cannot be read or holds no key for this algorithm, or a secret is too short.
    pub fn load(algorithm: Algorithm, source: &KeySource, audience: &str) -> anyhow::Result<Self> {
        let mut validation = Validation::new(algorithm.name());
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        let keys = match source {
            KeySource::Secret(secret) => Keys::One(algorithm.key(secret.as_bytes())?),
            KeySource::File(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read the key {}", path.display()))?;
                Keys::One(algorithm.key(&bytes)?)
            }
            KeySource::Jwks(path) => Keys::Set(algorithm.key_set(path)?),
        };
        Ok(Self { validation, keys })
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// A sentence for the caller; it never says which part of the signature or key was wrong.
    pub(crate) fn check(&self, token: &str) -> Result<Access, &'static str> {
        const REFUSED: &str = "The token is not valid here: it is expired, for another audience, or not signed by us.";
        let key = self.keys.of(token).ok_or(REFUSED)?;
        let claims = decode::<Claims>(token, key, &self.validation).map_err(|_| REFUSED)?.claims;
        let user = UserId::parse(&claims.sub).map_err(|_| "The token's sub cannot be a userId.")?;
        Ok(Access::User { user, admin: claims.scope.has("admin") })
    }
}

impl Keys {
    fn of(&self, token: &str) -> Option<&DecodingKey> {
        match self {
            Self::One(key) => Some(key),
            Self::Set(keys) => {
                let kid = decode_header(token).ok()?.kid?;
                keys.iter().find(|(known, _)| *known == kid).map(|(_, key)| key)
            }
        }
    }
}

impl Algorithm {
    const fn name(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }

    fn key(self, bytes: &[u8]) -> anyhow::Result<DecodingKey> {
        const NO_PEM: &str = "the key is not a public key in PEM for this algorithm";
        match self {
            Self::Hs256 => {
                let secret = bytes.trim_ascii_end();
                if secret.len() < 32 {
                    bail!("the HS256 secret must have at least 32 bytes");
                }
                Ok(DecodingKey::from_secret(secret))
            }
            Self::Rs256 => DecodingKey::from_rsa_pem(bytes).context(NO_PEM),
            Self::Es256 => DecodingKey::from_ec_pem(bytes).context(NO_PEM),
            Self::EdDsa => DecodingKey::from_ed_pem(bytes).context(NO_PEM),
        }
    }

    /// The keys of a set that are for this algorithm; the rest is left out, so that a set can serve a rotation.
    fn key_set(self, path: &PathBuf) -> anyhow::Result<Vec<(String, DecodingKey)>> {
        let text = std::fs::read(path).with_context(|| format!("cannot read the JWKS {}", path.display()))?;
        let set: JwkSet = serde_json::from_slice(&text).with_context(|| format!("{} is no JWKS", path.display()))?;
        let mut keys = Vec::new();
        for jwk in &set.keys {
            let key = DecodingKey::from_jwk(jwk).ok().filter(|key| key.family() == self.name().family());
            if let (Some(kid), Some(key)) = (&jwk.common.key_id, key) {
                keys.push((kid.clone(), key));
            }
        }
        if keys.is_empty() {
            bail!("{} has no key with a kid for this algorithm", path.display());
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn rules() -> TokenRules {
        TokenRules::load(Algorithm::Hs256, &KeySource::Secret(SECRET.to_owned()), "shop").unwrap()
    }

    fn token(algorithm: jsonwebtoken::Algorithm, secret: &str, claims: &serde_json::Value) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn later() -> u64 {
        jsonwebtoken::get_current_timestamp() + 600
    }

    #[test]
    fn a_good_token_names_its_user_and_scope() {
        let hs256 = |claims| token(jsonwebtoken::Algorithm::HS256, SECRET, &claims);
        let user = |admin| Access::User { user: UserId::parse("ada").unwrap(), admin };
        let plain = hs256(json!({ "sub": "ada", "aud": "shop", "exp": later() }));
        assert_eq!(rules().check(&plain), Ok(user(false)));
        for scope in [json!("read admin"), json!(["admin"])] {
            let admin = hs256(json!({ "sub": "ada", "aud": ["shop"], "exp": later(), "scope": scope }));
            assert_eq!(rules().check(&admin), Ok(user(true)));
        }
        let lookalike = hs256(json!({ "sub": "ada", "aud": "shop", "exp": later(), "scope": "administrator" }));
        assert_eq!(rules().check(&lookalike), Ok(user(false)));
    }

    #[test]
    fn everything_else_is_refused() {
        use jsonwebtoken::Algorithm::{HS256, HS512};
        let good = json!({ "sub": "ada", "aud": "shop", "exp": later() });
        let bad = [
            token(HS512, SECRET, &good),
            token(HS256, "another secret of thirty-two byte", &good),
            token(HS256, SECRET, &json!({ "sub": "ada", "aud": "shop", "exp": 1 })),
            token(HS256, SECRET, &json!({ "sub": "ada", "aud": "shop" })),
            token(HS256, SECRET, &json!({ "sub": "ada", "exp": later() })),
            token(HS256, SECRET, &json!({ "sub": "ada", "aud": "other", "exp": later() })),
            token(HS256, SECRET, &json!({ "aud": "shop", "exp": later() })),
            token(HS256, SECRET, &json!({ "sub": " ", "aud": "shop", "exp": later() })),
            token(HS256, SECRET, &json!({ "sub": "ada", "aud": "shop", "exp": later(), "nbf": later() })),
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.".to_owned(),
            String::new(),
            "a.b.c".to_owned(),
        ];
        for token in bad {
            assert!(rules().check(&token).is_err(), "{token}");
        }
    }

    #[test]
    fn a_short_secret_is_no_secret() {
        let source = KeySource::Secret("short".to_owned());
        assert!(TokenRules::load(Algorithm::Hs256, &source, "shop").is_err());
    }
}
