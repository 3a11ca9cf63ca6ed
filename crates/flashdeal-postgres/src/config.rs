//! What an adapter is made from.

use std::fmt;
use std::time::Duration;

use flashdeal_batching::Limits;

/// Where the record is, and the bounds of asking it.
#[derive(Clone)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// A PostgreSQL connection string: `postgres://user:password@host:port/database?…` or `key=value …`.
    ///
    /// In the URL form, `sslmode` may be `disable`, `prefer` (the default), `require`, `verify-ca` or `verify-full`, as with
    /// libpq. The last two, and `require` with an `sslrootcert`, want a certificate that the PEM file `sslrootcert`
    /// vouches for, or the system's certificates without one; `verify-full` wants it to name the host as well. Only
    /// `verify-full` is safe from somebody who stands between.
    pub url: String,
    /// The most connections this store opens: 1 or more; 16 by default.
    pub max_connections: usize,
    /// How long one call may take, waiting for its turn included; 1.5 seconds by default. After that it answers
    /// `StoreError::Unavailable`. The server is told to give up at the same time.
    pub call_timeout: Duration,
    /// How many sales may share one statement, and how many may wait: 512 and 8192 by default, per lane.
    pub limits: Limits,
}

impl PostgresConfig {
    /// The defaults for the database at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            call_timeout: Duration::from_millis(1500),
            limits: Limits::default(),
        }
    }
}

/// Leaves the URL out, which may hold a password.
impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("max_connections", &self.max_connections)
            .field("call_timeout", &self.call_timeout)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
