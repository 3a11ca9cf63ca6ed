//! A JSON body: bounded in size and time, an object, UTF-8.

use std::cell::OnceCell;
use std::task::Poll;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use futures_util::{StreamExt, poll};
use serde::Deserialize;

use crate::error::{Code, Problem};

use super::huge::tamed;
use super::malformed;

/// The bytes of a body; empty if there was none.
pub(crate) struct JsonBody {
    bytes: Bytes,
    /// Only of a body that has numbers which no float holds.
    tamed: OnceCell<String>,
}

/// The largest body, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(5);

impl JsonBody {
    /// Of these bytes, as if they had come.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Bytes::copy_from_slice(bytes).into()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The body as an object of this shape; its fields judge themselves.
    pub(crate) fn object<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        let first = self.bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            None => return Err(malformed("A JSON body is required.")),
            // A JSON array would otherwise fill the fields by position.
            Some(b'{') => {}
            Some(_) => return Err(malformed("The body must be a JSON object.")),
        }
        // A field that nobody asked for must be text, too.
        let text =
            std::str::from_utf8(&self.bytes).map_err(|_| malformed("The body is not valid JSON: it is not UTF-8."))?;
        let read = serde_json::from_str(text).or_else(|error| {
            let Some(tamed) = tamed(text) else { return Err(error) };
            serde_json::from_str(self.tamed.get_or_init(|| tamed))
        });
        read.map_err(|error| malformed(format!("The body is not valid JSON: {error}.")))
    }
}

impl From<Bytes> for JsonBody {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, tamed: OnceCell::new() }
    }
}

impl FromRequest for JsonBody {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let declared = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
            if declared.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > MAX_BYTES) {
                return Err(too_large().into());
            }
            let bytes = collect(payload).await?;
            if !bytes.is_empty() && !is_json(&request) {
                let detail = "Send JSON, with the header Content-Type: application/json.";
                return Err(Problem::new(Code::UnsupportedMediaType, detail).into());
            }
            Ok(bytes.into())
        })
    }
}

/// The whole body. Most have arrived already: no timer is set and nothing is copied for those.
async fn collect(mut payload: Payload) -> Result<Bytes, actix_web::Error> {
    let mut whole = Bytes::new();
    while let Poll::Ready(chunk) = poll!(payload.next()) {
        let Some(chunk) = chunk else { return Ok(whole) };
        whole = joined(whole, chunk?)?;
    }
    // The time is for all of it: a byte now and then does not make it longer.
    let rest = tokio::time::timeout(ARRIVES_WITHIN, async {
        while let Some(chunk) = payload.next().await {
            whole = joined(std::mem::take(&mut whole), chunk?)?;
        }
        Ok(whole)
    });
    rest.await.unwrap_or_else(|_| Err(malformed("The body did not arrive in time.").into()))
}

fn joined(whole: Bytes, chunk: Bytes) -> Result<Bytes, actix_web::Error> {
    if whole.len() + chunk.len() > MAX_BYTES {
        return Err(too_large().into());
    }
    Ok(if whole.is_empty() { chunk } else { Bytes::from([whole, chunk].concat()) })
}

fn too_large() -> Problem {
    Problem::new(Code::PayloadTooLarge, "The body may have at most 16 KiB.")
}

pub(crate) fn is_json(request: &HttpRequest) -> bool {
    let Some(value) = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or("").trim();
    let Some((kind, subtype)) = essence.split_once('/') else { return false };
    kind.eq_ignore_ascii_case("application")
        && (subtype.eq_ignore_ascii_case("json") || subtype.to_ascii_lowercase().ends_with("+json"))
}
