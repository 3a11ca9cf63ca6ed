//! A shop of real processes: what only the binary does, its flags, its log and its end among them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flashdeal_tests::http::Http;
use flashdeal_tests::postgres::{Database, PrivatePostgres};
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};
use serde_json::json;

use crate::shop::{Call, Mode, settled};

/// How long a command of the binary may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(90);

/// How long a request may take in these shops: a machine that is busy is no failure. It ends before a client's own patience does.
pub(crate) const REQUEST_DEADLINE: &str = "20s";

/// One process with a file of its own, or two over a database and a Redis of their own.
pub(crate) struct Processes {
    apps: Vec<AppProcess>,
    // Whoever keeps their connections is not late with the first request of a new one, however busy the machine is.
    clients: Vec<Http>,
    turn: AtomicUsize,
    options: AppOptions,
    stores: Option<(Database, PrivateRedis)>,
}

impl Processes {
    /// A shop with these settings, besides the stores' and [`REQUEST_DEADLINE`].
    pub(crate) async fn start(mode: Mode, settings: &[(&str, &str)]) -> Self {
        let options = AppOptions::new(flashdeal_binary().unwrap()).env("FLASHDEAL_RATE_LIMIT", "off");
        let options = options.env("FLASHDEAL_REQUEST_DEADLINE", REQUEST_DEADLINE);
        let mut options = settings.iter().fold(options, |options, (name, value)| options.env(name, value));
        let stores = if mode == Mode::Embedded {
            None
        } else {
            let database = PrivatePostgres::shared().await.unwrap().empty_database().await.unwrap();
            let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
            options = options.env("DATABASE_URL", &database.url()).env("REDIS_URL", &redis.url());
            Some((database, redis))
        };
        let mut apps = Vec::new();
        for _ in 0..if stores.is_some() { 2 } else { 1 } {
            apps.push(AppProcess::start(options.clone()).await.unwrap());
        }
        let clients = apps.iter().map(|app| app.http().unwrap()).collect();
        Self { apps, clients, turn: AtomicUsize::new(0), options, stores }
    }

    /// The instance whose turn it is.
    pub(crate) fn next(&self) -> &AppProcess {
        &self.apps[self.turn.fetch_add(1, Ordering::Relaxed) % self.apps.len()]
    }

    /// A call of the instance whose turn it is.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        Call::new(self.clients[turn % self.clients.len()].clone(), method, path)
    }

    /// Starts an instance that was killed again. Its clients are new: the connections of the old ones are dead.
    pub(crate) async fn restart(&mut self, nth: usize) {
        self.apps[nth].restart().await.unwrap();
        self.clients[nth] = self.apps[nth].http().unwrap();
    }

    /// All instances.
    pub(crate) fn apps(&self) -> &[AppProcess] {
        &self.apps
    }

    /// A new product without anybody's token; its id.
    pub(crate) async fn product(&self, units: u64) -> String {
        let body = json!({ "name": "Phone", "price": "9.99", "totalStock": units });
        settled(async || self.call("POST", "/api/products").json(&body).try_send().await).await.is(201).id("id")
    }

    pub(crate) fn database(&self) -> &Database {
        &self.stores.as_ref().expect("an embedded shop has no database").0
    }

    pub(crate) fn redis(&self) -> &PrivateRedis {
        &self.stores.as_ref().expect("an embedded shop has no Redis").1
    }

    /// Runs a command of the binary on the same stores: its exit status and what it said.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut options = self.options.clone();
        if self.stores.is_none() {
            options = options.env("FLASHDEAL_DATA_DIR", self.apps[0].folder().join("data").to_str().unwrap());
        }
        let options = arguments.iter().fold(options, |options, argument| options.arg(argument));
        let (status, said) = AppProcess::run_to_end(options, COMMAND_LIMIT).await.unwrap();
        (status.code(), said)
    }
}
