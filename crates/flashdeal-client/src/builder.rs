//! How a client is set up, with bounds for everything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};

use crate::client::Client;
use crate::send::Sender;

/// One attempt of a call, as an [observer](Builder::observe) sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The name of the method of [`Client`] that was called: `"reserve"`.
    pub operation: &'static str,
    /// 1 for the first, 2 for the first repeat.
    pub number: u32,
    /// The status that was answered; `None` if no answer came.
    pub status: Option<u16>,
    /// From sending to having read the answer.
    pub took: Duration,
}

/// Who sees every attempt.
pub(crate) type Observe = Arc<dyn Fn(&Attempt) + Send + Sync>;

/// Settings that make no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadSettings {
    /// The base URL.
    #[error("{url:?} is no base URL: it must be like http://127.0.0.1:8080 or https://shop.example/deals ({reason})")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The token.
    #[error("the bearer token has characters that no header can carry")]
    Token,
    /// The HTTP client could not be set up.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

/// Sets a [`Client`] up.
///
/// ```
/// use std::time::Duration;
///
/// let shop = flashdeal_client::Client::builder("http://127.0.0.1:8080")
///     .bearer_token("eyJhbGciOi…".replace('…', ""))
///     .attempts(3)
///     .total_time(Duration::from_secs(4))
///     .build()?;
/// # let _ = shop;
/// # Ok::<(), flashdeal_client::BadSettings>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Builder {
    base: String,
    token: Option<String>,
    attempts: u32,
    attempt_time: Duration,
    total_time: Duration,
    observe: Option<Observe>,
}

impl Builder {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            token: None,
            attempts: 5,
            attempt_time: Duration::from_secs(5),
            total_time: Duration::from_secs(15),
            observe: None,
        }
    }

    /// Sent as `Authorization: Bearer …` with every request; none by default.
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// How many attempts one call makes at most: 1 to 100; 5 by default, 1 never repeats.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.clamp(1, 100);
        self
    }

    /// How long one attempt may take, connecting and reading included; 5 s by default. The server's own deadline is 2 s.
    pub fn attempt_time(mut self, time: Duration) -> Self {
        self.attempt_time = time;
        self
    }

    /// How long one call may take, waits and repeats included; 15 s by default.
    pub fn total_time(mut self, time: Duration) -> Self {
        self.total_time = time;
        self
    }

    /// Is told of every attempt as it ends: for metrics and logs. It is called on the caller's task and should be quick.
    pub fn observe(mut self, observe: impl Fn(&Attempt) + Send + Sync + 'static) -> Self {
        self.observe = Some(Arc::new(observe));
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`BadSettings`].
    pub fn build(self) -> Result<Client, BadSettings> {
        let base = self.base_url()?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| BadSettings::Token)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // A provider that the program installed earlier stays.
        #[cfg(feature = "rustls")]
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("flashdeal-client/", env!("CARGO_PKG_VERSION")))
            // A redirected POST would become a GET, and a token would go where nobody meant it to.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(BadSettings::Http)?;
        Ok(Client::over(Sender {
            http,
            base,
            attempts: self.attempts,
            attempt_time: self.attempt_time,
            total_time: self.total_time,
            observe: self.observe,
        }))
    }

    fn base_url(&self) -> Result<Url, BadSettings> {
        let bad = |reason: &str| BadSettings::Url { url: self.base.clone(), reason: reason.to_owned() };
        let mut url = Url::parse(self.base.trim()).map_err(|error| bad(&error.to_string()))?;
        match url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "rustls") => {}
            "https" => return Err(bad("https needs the feature rustls of flashdeal-client")),
            _ => return Err(bad("only http and https are spoken")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it must end with a host or a path"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }
}

impl fmt::Debug for Builder {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("base", &self.base)
            .field("attempts", &self.attempts)
            .field("attempt_time", &self.attempt_time)
            .field("total_time", &self.total_time)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_read_as_people_write_them() {
        for (given, read) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            (" http://shop/ ", "http://shop/"),
            ("http://shop/deals/", "http://shop/deals"),
        ] {
            assert_eq!(Builder::new(given).base_url().unwrap().as_str(), read);
        }
        for bad in ["shop:8080", "127.0.0.1", "ftp://shop", "http://", "http://shop/?a=b", ""] {
            let error = Builder::new(bad).build().unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:8080"), "{bad}: {error}");
        }
    }

    #[test]
    fn tokens_are_not_shown_and_must_fit_a_header() {
        let builder = Builder::new("http://shop").bearer_token("secret");
        assert!(!format!("{builder:?}").contains("secret"));
        assert!(matches!(builder.bearer_token("a\nb").build(), Err(BadSettings::Token)));
    }
}
