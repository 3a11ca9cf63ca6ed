//! Who may do what, as the settings have it.

use std::net::SocketAddr;

use crate::access::{Algorithm, KeySource, Keys, Role};

use super::RawSettings;
use super::judging::{Faults, filled};

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Everyone is who they say.
    None,
    /// A key says what its bearer may do.
    Keys(Keys),
    /// A token says who one is; for the shop's own programs, a key does.
    Jwt {
        /// The one algorithm.
        algorithm: Algorithm,
        /// Where the key is.
        key: KeySource,
        /// The `aud` a token must be for.
        audience: String,
        /// There may be none.
        keys: Keys,
    },
}

impl Faults {
    pub(super) fn auth(&mut self, raw: &RawSettings, bind: Option<SocketAddr>) -> Option<Auth> {
        let keys = self.keys(raw);
        match raw.auth.trim().to_ascii_lowercase().as_str() {
            "" | "none" => {
                if keys.as_ref().is_none_or(|keys| !keys.is_empty()) {
                    self.0.push(
                        "there are keys while --auth is none, which asks for nobody's: set FLASHDEAL_AUTH=keys, or jwt"
                            .to_owned(),
                    );
                    return None;
                }
                let exposed = bind.is_some_and(|bind| !bind.ip().is_loopback());
                if exposed && !raw.insecure_no_auth {
                    self.0.push(
                        "--bind is reachable from other machines while --auth is none: set FLASHDEAL_AUTH=keys or jwt, or pass \
                         --insecure-no-auth (FLASHDEAL_INSECURE_NO_AUTH=true) if only a proxy of yours can reach it"
                            .to_owned(),
                    );
                    return None;
                }
                Some(Auth::None)
            }
            "keys" => self.only_keys(keys?),
            "jwt" => self.jwt(raw, keys),
            _ => {
                self.0.push(format!("--auth / FLASHDEAL_AUTH is {:?}: it must be none, keys or jwt", raw.auth));
                None
            }
        }
    }

    /// The keys of all roles. They are shown in no fault.
    fn keys(&mut self, raw: &RawSettings) -> Option<Keys> {
        let lists = [
            ("--admin-keys / FLASHDEAL_ADMIN_KEYS", Role::Admin, &raw.admin_keys),
            ("--shop-keys / FLASHDEAL_SHOP_KEYS", Role::Shop, &raw.shop_keys),
            ("--read-keys / FLASHDEAL_READ_KEYS", Role::Read, &raw.read_keys),
        ];
        let (mut keys, mut sound) = (Keys::default(), true);
        for (name, role, list) in lists {
            if let Err(bad) = keys.add(role, filled(list.as_ref()).unwrap_or_default()) {
                self.0.push(format!("{name}: {bad}"));
                sound = false;
            }
        }
        sound.then_some(keys)
    }

    fn only_keys(&mut self, keys: Keys) -> Option<Auth> {
        if keys.is_empty() {
            self.0.push(
                "--auth keys needs a key: FLASHDEAL_ADMIN_KEYS, FLASHDEAL_SHOP_KEYS or FLASHDEAL_READ_KEYS; \
                 `openssl rand -hex 24` makes one"
                    .to_owned(),
            );
            return None;
        }
        Some(Auth::Keys(keys))
    }

    fn jwt(&mut self, raw: &RawSettings, keys: Option<Keys>) -> Option<Auth> {
        let algorithm = filled(raw.jwt_algorithm.as_ref()).unwrap_or("");
        let algorithm = self.take("--jwt-algorithm / FLASHDEAL_JWT_ALGORITHM", algorithm, |text| match text {
            "HS256" => Ok(Algorithm::Hs256),
            "RS256" => Ok(Algorithm::Rs256),
            "ES256" => Ok(Algorithm::Es256),
            "EdDSA" => Ok(Algorithm::EdDsa),
            _ => Err("must be HS256, RS256, ES256 or EdDSA"),
        });
        let audience = filled(raw.jwt_audience.as_ref()).map(str::to_owned);
        if audience.is_none() {
            self.0.push("--jwt-audience / FLASHDEAL_JWT_AUDIENCE is required with --auth jwt".to_owned());
        }
        let sources = [
            filled(raw.jwt_secret.as_ref()).map(|secret| KeySource::Secret(secret.to_owned())),
            raw.jwt_key_file.clone().map(KeySource::File),
            raw.jwt_jwks_file.clone().map(KeySource::Jwks),
        ];
        let mut sources = sources.into_iter().flatten();
        let key = match (sources.next(), sources.next()) {
            (Some(KeySource::Secret(_)), None) if !matches!(algorithm, None | Some(Algorithm::Hs256)) => {
                self.0.push("--jwt-secret / FLASHDEAL_JWT_SECRET goes with HS256 only: use --jwt-key-file".to_owned());
                None
            }
            (Some(key), None) => Some(key),
            _ => {
                self.0.push(
                    "give exactly one of --jwt-secret, --jwt-key-file, --jwt-jwks-file with --auth jwt".to_owned(),
                );
                None
            }
        };
        Some(Auth::Jwt { algorithm: algorithm?, key: key?, audience: audience?, keys: keys? })
    }
}
