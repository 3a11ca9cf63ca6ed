//! An HTTP client for tests: small, impatient, and silent about nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::Value;

/// How long an answer may take before the request fails.
const LIMIT: Duration = Duration::from_secs(30);

/// A client of one server. Clones share their connections. Redirects are not followed and proxies of the environment not used:
/// what a test sees is what the server sent.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    base: String,
}

impl Http {
    /// A client of the server at `addr`.
    ///
    /// # Errors
    ///
    /// When no client can be set up.
    pub fn new(addr: SocketAddr) -> Result<Self> {
        Self::build(addr, None)
    }

    /// The same from the local address `from`: on Linux all of `127.0.0.0/8` is at hand, so that a test can be many clients.
    ///
    /// # Errors
    ///
    /// When no client can be set up.
    pub fn from_address(addr: SocketAddr, from: IpAddr) -> Result<Self> {
        Self::build(addr, Some(from))
    }

    fn build(addr: SocketAddr, from: Option<IpAddr>) -> Result<Self> {
        // Another crate of the workspace builds reqwest with TLS but without a provider of it, which every client then wants to
        // find installed. One that is there already stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(LIMIT)
            // Before the server does it: a request must not meet a connection that is just being closed.
            .pool_idle_timeout(Duration::from_secs(2))
            .local_address(from)
            .build()
            .context("cannot set up an HTTP client")?;
        let base = format!("http://{addr}");
        Ok(Self { client, base })
    }

    /// A GET of `path`, which starts with `/` and may have a query.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// A POST to `path`.
    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    /// A PATCH of `path`.
    pub fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    /// A DELETE of `path`.
    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// Any other method.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request(self.client.request(method, format!("{}{path}", self.base)))
    }
}

/// A request on its way to being sent.
#[derive(Debug)]
#[must_use = "nothing is sent before `send`"]
pub struct Request(RequestBuilder);

impl Request {
    /// Adds a header; a malformed one fails at `send`.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Sends `body` as JSON.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends `body` as it is, under the given content type.
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.header(CONTENT_TYPE, content_type).body(body.into()))
    }

    /// Sends `body` as it is, without a content type.
    pub fn bare_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.body(body.into()))
    }

    /// Sends the request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// When no whole answer comes within 30 seconds.
    pub async fn send(self) -> Result<Answer> {
        let response = self.0.send().await.context("no answer")?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.context("half an answer")?;
        Ok(Answer {
            status,
            headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            json: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }
}

/// What the server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Its header fields.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Answer {
    /// The value of a header that is there once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The `code` of a problem.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.json.get("code")?.as_str()
    }
}
