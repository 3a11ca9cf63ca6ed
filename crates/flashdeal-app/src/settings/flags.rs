//! The flags, each also an environment variable, as they are written.

use std::path::PathBuf;

use clap::Args;

/// The flags as they were written. [`Settings::parse`](super::Settings::parse) judges them.
#[derive(Debug, Clone, Default, Args)]
pub struct RawSettings {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(long, env = "FLASHDEAL_BIND", value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    pub bind: String,

    /// PostgreSQL, the permanent record: `postgres://user:password@host/database`. Needs --redis-url too.
    #[arg(long, help_heading = "Stores", env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Redis, the gate: `redis://host:port`. Needs --database-url too.
    #[arg(long, help_heading = "Stores", env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// Where the embedded mode keeps its file.
    #[arg(long, help_heading = "Stores", env = "FLASHDEAL_DATA_DIR", value_name = "FOLDER", default_value = "./data")]
    pub data_dir: PathBuf,

    /// How long a reservation lasts: 1ms to 24h.
    #[arg(long, env = "FLASHDEAL_RESERVATION_TTL", value_name = "DURATION", default_value = "10m")]
    pub reservation_ttl: String,

    /// Requests per window and client over /api: 100/15m, 20/1s, or off.
    #[arg(long, env = "FLASHDEAL_RATE_LIMIT", value_name = "N/DURATION", default_value = Self::USUAL_BUDGET)]
    pub rate_limit: String,

    /// Proxies whose X-Forwarded-For is believed, comma-separated: 10.0.0.0/8,192.0.2.7
    #[arg(long, env = "FLASHDEAL_TRUSTED_PROXIES", value_name = "CIDRS", default_value = "")]
    pub trusted_proxies: String,

    /// Origins whose web pages may call /api, comma-separated: `https://shop.example,http://localhost:3000`; or * for any.
    #[arg(long, env = "FLASHDEAL_CORS_ORIGINS", value_name = "ORIGINS", default_value = "")]
    pub cors_origins: String,

    /// HTTP worker threads; one per core by default.
    #[arg(long, env = "FLASHDEAL_WORKERS", value_name = "N")]
    pub workers: Option<String>,

    /// How long a request may wait for the stores before it is answered 503: 100ms to 60s.
    #[arg(long, env = "FLASHDEAL_REQUEST_DEADLINE", value_name = "DURATION", default_value = "2s")]
    pub request_deadline: String,

    /// Who may do what: none (anyone is who they say; loopback binds only), keys (a key says what its bearer may do) or jwt (the
    /// token's sub is the user; beside tokens, keys). Looking at products and stock needs neither.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_AUTH", value_name = "MODE", default_value = "none")]
    pub auth: String,

    /// Serve without authentication on an address that is not loopback; for a network that only a balancer can reach.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_INSECURE_NO_AUTH", action = clap::ArgAction::SetTrue, value_parser = clap::builder::FalseyValueParser::new())]
    pub insecure_no_auth: bool,

    /// With keys or jwt: keys that may do everything, comma-separated, 24 to 256 characters each: `openssl rand -hex 24` makes one.
    #[arg(
        long,
        help_heading = "Who may do what",
        env = "FLASHDEAL_ADMIN_KEYS",
        value_name = "KEYS",
        hide_env_values = true
    )]
    pub admin_keys: Option<String>,

    /// With keys or jwt: keys for the shop's programs: they do for any buyer what buyers do, and read products.
    #[arg(
        long,
        help_heading = "Who may do what",
        env = "FLASHDEAL_SHOP_KEYS",
        value_name = "KEYS",
        hide_env_values = true
    )]
    pub shop_keys: Option<String>,

    /// With keys or jwt: keys that may look at everything and change nothing.
    #[arg(
        long,
        help_heading = "Who may do what",
        env = "FLASHDEAL_READ_KEYS",
        value_name = "KEYS",
        hide_env_values = true
    )]
    pub read_keys: Option<String>,

    /// With jwt: the one algorithm tokens are signed with: HS256, RS256, ES256 or `EdDSA`.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_JWT_ALGORITHM", value_name = "ALG")]
    pub jwt_algorithm: Option<String>,

    /// With jwt: the audience (aud) a token must be for.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_JWT_AUDIENCE", value_name = "AUD")]
    pub jwt_audience: Option<String>,

    /// With HS256: the shared secret, at least 32 bytes. Better in a file: --jwt-key-file.
    #[arg(
        long,
        help_heading = "Who may do what",
        env = "FLASHDEAL_JWT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub jwt_secret: Option<String>,

    /// With jwt: a file with the HS256 secret, or with the public key in PEM.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_JWT_KEY_FILE", value_name = "FILE")]
    pub jwt_key_file: Option<PathBuf>,

    /// With jwt: a file with a JSON Web Key Set; the token's kid chooses the key.
    #[arg(long, help_heading = "Who may do what", env = "FLASHDEAL_JWT_JWKS_FILE", value_name = "FILE")]
    pub jwt_jwks_file: Option<PathBuf>,

    /// Where sold orders are pushed to, as signed webhooks: up to 8 URLs, comma-separated, each with a name in front if you like:
    /// `books=https://shop.example/hooks`
    #[arg(
        long,
        help_heading = "Webhooks",
        env = "FLASHDEAL_WEBHOOK_URL",
        value_name = "URLS",
        hide_env_values = true,
        default_value = ""
    )]
    pub webhook_url: String,

    /// What webhooks are signed with: `whsec_` and 24 to 64 random bytes in base64, as of `echo whsec_$(openssl rand -base64 32)`
    #[arg(
        long,
        help_heading = "Webhooks",
        env = "FLASHDEAL_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub webhook_secret: Option<String>,

    /// text or json; text on a terminal, else json.
    #[arg(long, env = "FLASHDEAL_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

impl RawSettings {
    /// The rate limit of a server that was told none.
    pub(crate) const USUAL_BUDGET: &str = "100/15m";
}
