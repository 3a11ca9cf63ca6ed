//! Webhooks as [Standard Webhooks](https://www.standardwebhooks.com) has them: is it from our shop, and what does it say?
//!
//! ```no_run
//! use flashdeal_client::webhooks::{Told, Webhook};
//!
//! # fn hook(body: &[u8], headers: &reqwest::header::HeaderMap) -> Result<u16, Box<dyn std::error::Error>> {
//! let webhook = Webhook::new(&std::env::var("FLASHDEAL_WEBHOOK_SECRET")?)?;
//! // The body is the bytes as they came; the headers may be those of any framework.
//! let Ok(event) = webhook.verify(body, |name| headers.get(name)?.to_str().ok()) else { return Ok(401) };
//! if let Told::OrderCreated(order) = event.told {
//!     println!("{} sold to {}, told as {}", order.quantity.get(), order.user.as_str(), event.id);
//! }
//! # Ok(204) }
//! ```

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use flashdeal_domain::{Order, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::wire::{OrderWire, Wire};

/// How far the time of a signature may be from now, in seconds, both ways.
const TOLERANCE: u64 = 300;

/// A secret may have its padding or not.
const SECRETS: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Not a secret of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is whsec_ and base64: it is the server's FLASHDEAL_WEBHOOK_SECRET")]
pub struct BadSecret;

/// Why a message is not to be believed: answer 401 and do nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadWebhook {
    /// Without these it is no message of Standard Webhooks.
    #[error("webhook-id or webhook-timestamp is missing")]
    Headers,
    /// It is forged, or was changed on its way, or the secret is not the server's.
    #[error("no signature is by this secret")]
    Signature,
    /// It is genuine, and may be an old one that somebody kept.
    #[error("it was signed more than 5 minutes ago, or the clocks differ")]
    Time,
    /// It is genuine, and makes no sense.
    #[error("it is signed, but no event of flashdeal: {0}")]
    Unreadable(String),
}

/// A message that is genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The same however often it is told: take none twice.
    pub id: String,
    /// When it happened, not when it was told.
    pub timestamp: Timestamp,
    /// What happened.
    pub told: Told,
}

/// What a message tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// `order.created`: this was sold.
    OrderCreated(Order),
    /// A type that this version does not read, such as `ping`: take it with 2xx and pass over it.
    Other(String),
}

/// Verifies what the server pushes.
#[derive(Clone)]
pub struct Webhook {
    keys: Vec<Hmac<Sha256>>,
}

impl Webhook {
    /// By the server's `FLASHDEAL_WEBHOOK_SECRET`: `whsec_` and base64, with its padding or without.
    ///
    /// # Errors
    /// [`BadSecret`].
    pub fn new(secret: &str) -> Result<Self, BadSecret> {
        Self { keys: Vec::new() }.or(secret)
    }

    /// By this secret as well: while it is replaced, the old and the new are both good.
    ///
    /// # Errors
    /// [`BadSecret`].
    pub fn or(mut self, secret: &str) -> Result<Self, BadSecret> {
        let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
        let bytes = SECRETS.decode(encoded).ok().filter(|bytes| !bytes.is_empty()).ok_or(BadSecret)?;
        self.keys.push(Hmac::new_from_slice(&bytes).map_err(|_| BadSecret)?);
        Ok(self)
    }

    /// The event, if it was signed with one of the secrets within 5 minutes of now, by the clock of this machine.
    ///
    /// `body` is the bytes as they came: JSON that was read and written again is signed differently. Bound its size where you
    /// read it; the server's have less than 1 KiB. `header` gives the value of a header by its name in lower case.
    ///
    /// # Errors
    /// [`BadWebhook`].
    #[expect(clippy::disallowed_methods, reason = "who has another clock passes its time to verify_at")]
    pub fn verify<'h>(
        &self,
        body: &[u8],
        header: impl Fn(&'static str) -> Option<&'h str>,
    ) -> Result<WebhookEvent, BadWebhook> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        self.verify_at(now, body, header)
    }

    /// As [`Self::verify`], at this time.
    ///
    /// # Errors
    /// [`BadWebhook`].
    pub fn verify_at<'h>(
        &self,
        now: Timestamp,
        body: &[u8],
        header: impl Fn(&'static str) -> Option<&'h str>,
    ) -> Result<WebhookEvent, BadWebhook> {
        let id = header("webhook-id").filter(|id| !id.is_empty()).ok_or(BadWebhook::Headers)?;
        let signed_at = header("webhook-timestamp").ok_or(BadWebhook::Headers)?;
        let seconds = Some(signed_at).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let seconds: i64 = seconds.and_then(|text| text.parse().ok()).ok_or(BadWebhook::Headers)?;
        if !self.is_signed(&[id.as_bytes(), b".", signed_at.as_bytes(), b".", body], header("webhook-signature")) {
            return Err(BadWebhook::Signature);
        }
        if now.as_millis().div_euclid(1000).abs_diff(seconds) > TOLERANCE {
            return Err(BadWebhook::Time);
        }
        let (timestamp, told) = read(body).map_err(BadWebhook::Unreadable)?;
        Ok(WebhookEvent { id: id.to_owned(), timestamp, told })
    }

    /// There may be several signatures, as while a secret is replaced. Each comparison takes as long as it takes, whatever it finds.
    fn is_signed(&self, content: &[&[u8]], signatures: Option<&str>) -> bool {
        let given: Vec<_> = signatures.unwrap_or("").split(' ').filter_map(signature).collect();
        self.keys.iter().any(|key| {
            let mac = content.iter().fold(key.clone(), Mac::chain_update);
            given.iter().any(|given| mac.clone().verify_slice(given).is_ok())
        })
    }
}

/// One of the first version; others are for those who know them.
fn signature(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.strip_prefix("v1,")?).ok()
}

impl fmt::Debug for Webhook {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("secrets", &self.keys.len()).finish()
    }
}

/// The shape that Standard Webhooks recommends.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

fn read(body: &[u8]) -> Result<(Timestamp, Told), String> {
    let said: Said<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let timestamp = Timestamp::parse(&said.timestamp).map_err(|error| format!("timestamp {error}"))?;
    if said.kind != "order.created" {
        return Ok((timestamp, Told::Other(said.kind)));
    }
    let order: OrderWire = serde_json::from_str(said.data.get()).map_err(|error| error.to_string())?;
    Ok((timestamp, Told::OrderCreated(order.into_domain())))
}

#[cfg(test)]
mod tests;
