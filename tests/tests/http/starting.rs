//! The real binary: its settings, how it starts and how it ends.

use std::net::SocketAddr;
use std::time::Duration;

use flashdeal_tests::http::Http;
use flashdeal_tests::postgres::{Database, PrivatePostgres};
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use flashdeal_tests::redis::Persistence;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::reply::Reply;
use crate::shop::{Call, Gates, Mode};

cases!(
    asked_to_end_it_ends_within_ten_seconds_whatever_its_clients_do,
    a_dotenv_file_is_read_first,
    flags_say_the_same_as_variables,
);
cases!(embedded only:
    one_url_alone_is_refused_and_the_missing_one_named,
    all_bad_settings_are_told_at_once_and_nothing_is_opened,
    a_second_process_on_the_same_folder_is_refused,
    an_address_that_is_taken_is_refused,
);
cases!(distributed only:
    two_instances_starting_at_once_on_an_empty_database_both_come_up,
    a_store_that_is_not_there_is_named_without_its_password,
);

const ENDED_WITHIN: Duration = Duration::from_secs(10);

/// What a process needs besides itself.
struct Backing {
    options: AppOptions,
    _stores: Option<(Database, Gates)>,
}

/// The binary in this mode, distributed on an empty database.
async fn backing(mode: Mode) -> Backing {
    let options = AppOptions::new(flashdeal_binary().unwrap());
    match mode {
        Mode::Embedded => Backing { options, _stores: None },
        Mode::Distributed | Mode::Cluster => {
            let database = PrivatePostgres::shared().await.unwrap().empty_database().await.unwrap();
            let redis = match mode {
                Mode::Cluster => Gates::lent_cluster().await,
                _ => Gates::server(Persistence::None).await,
            };
            let options = options.env("DATABASE_URL", &database.url()).env("REDIS_URL", &redis.url());
            Backing { options, _stores: Some((database, redis)) }
        }
    }
}

async fn call(http: &Http, method: &str, path: &str) -> Reply {
    Call::new(http.clone(), method, path).send().await
}

async fn create(http: &Http, units: u64) -> String {
    let body = json!({ "name": "Phone", "price": 1, "totalStock": units });
    Call::new(http.clone(), "POST", "/api/products").json(&body).send().await.is(201).id("id")
}

async fn asked_to_end_it_ends_within_ten_seconds_whatever_its_clients_do(mode: Mode) {
    let backing = backing(mode).await;
    let app = AppProcess::start(backing.options).await.unwrap();
    let http = app.http().unwrap();
    create(&http, 1).await;
    let idle = TcpStream::connect(app.addr()).await.unwrap();
    let kept = kept_alive(app.addr()).await;
    let mut half = TcpStream::connect(app.addr()).await.unwrap();
    half.write_all(b"POST /api/products HTTP/1.1\r\nhost: shop\r\ncontent-length: 500\r\n\r\n{").await.unwrap();
    // Until what was written has arrived.
    sleep(Duration::from_millis(50)).await;

    let ending = app.terminate(ENDED_WITHIN).await.unwrap();
    assert!(ending.status.success(), "{}: {}", ending.status, app.supervised().log_end());
    assert!(ending.took < ENDED_WITHIN, "{:?}", ending.took);
    drop((idle, kept, half));
    app.restart().await.unwrap();
    let listed = call(&app.http().unwrap(), "GET", "/api/products").await.is(200);
    assert_eq!(listed.json()["items"].as_array().map(Vec::len), Some(1), "{listed}");
}

/// A connection that got one answer and is kept for more.
async fn kept_alive(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: shop\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    stream
}

async fn a_dotenv_file_is_read_first(mode: Mode) {
    let backing = backing(mode).await;
    let app = AppProcess::start(backing.options).await.unwrap();
    app.terminate(ENDED_WITHIN).await.unwrap();
    // What is in the environment already counts more.
    let dotenv =
        "# the shop\nFLASHDEAL_RATE_LIMIT=\"3/10m\"\nFLASHDEAL_RESERVATION_TTL=30s\nFLASHDEAL_BIND=256.0.0.1:1\n";
    std::fs::write(app.folder().join(".env"), dotenv).unwrap();
    app.restart().await.unwrap();
    let http = app.http().unwrap();
    let product = create(&http, 1).await;
    let body = json!({ "userId": "ada", "quantity": 1 });
    let path = format!("/api/products/{product}/reserve");
    let hold = Call::new(http.clone(), "POST", &path).json(&body).send().await.is(201);
    assert_eq!(hold.header("ratelimit-policy"), Some("\"default\";q=3;w=600"), "{hold}");
    let now = jiff_now(&app);
    let lives = hold.millis("expiresAt") - now;
    assert!((20_000..=31_000).contains(&lives), "it lives for {lives} ms\n{hold}");
}

/// The machine's clock, by a file that was just written.
fn jiff_now(app: &AppProcess) -> i64 {
    let file = app.folder().join("now");
    std::fs::write(&file, "").unwrap();
    let written = std::fs::metadata(&file).unwrap().modified().unwrap();
    i64::try_from(written.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

async fn flags_say_the_same_as_variables(mode: Mode) {
    let backing = backing(mode).await;
    let options = backing.options.env("FLASHDEAL_RATE_LIMIT", "7/1m").env("FLASHDEAL_LOG_FORMAT", "text");
    let options = options.arg("--rate-limit=5/2m").arg("--reservation-ttl").arg("1h").arg("--workers=1");
    let options = options.arg("--trusted-proxies=127.0.0.1,10.0.0.0/8").arg("--log-format").arg("json");
    let app = AppProcess::start(options).await.unwrap();
    let http = app.http().unwrap();
    let listed = call(&http, "GET", "/api/products").await.is(200);
    assert_eq!(listed.header("ratelimit-policy"), Some("\"default\";q=5;w=120"), "a flag counts more\n{listed}");
    let other = Call::new(http, "GET", "/api/products").header("X-Forwarded-For", "198.51.100.1").send().await;
    assert_eq!(other.is(200).header("ratelimit"), listed.header("ratelimit"));
    let log = app.supervised().log();
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with('{')).collect();
    assert!(!lines.is_empty(), "{log}");
    for line in lines {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "no JSON: {line}");
    }
}

/// How the binary ends that refuses to start, and what it says.
async fn refusal(options: AppOptions) -> String {
    let (status, said) = AppProcess::run_to_end(options, Duration::from_secs(10)).await.unwrap();
    assert!(!status.success(), "it ended with {status} and said\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

async fn one_url_alone_is_refused_and_the_missing_one_named(mode: Mode) {
    let options = backing(mode).await.options;
    let said = refusal(options.clone().env("DATABASE_URL", "postgres://u:secret@127.0.0.1:1/d")).await;
    assert!(said.contains("REDIS_URL") && !said.contains("secret"), "{said}");
    let said = refusal(options.env("REDIS_URL", "redis://:secret@127.0.0.1:1")).await;
    assert!(said.contains("DATABASE_URL") && !said.contains("secret"), "{said}");
}

async fn all_bad_settings_are_told_at_once_and_nothing_is_opened(mode: Mode) {
    let options = backing(mode).await.options;
    let folder = flashdeal_tests::folder::Folder::new("unopened").unwrap();
    let data = folder.path().join("data");
    let bad = [
        ("FLASHDEAL_RESERVATION_TTL", "soon"),
        ("FLASHDEAL_RATE_LIMIT", "many"),
        ("FLASHDEAL_TRUSTED_PROXIES", "10.0.0.0/99"),
        ("FLASHDEAL_CORS_ORIGINS", "shop.example"),
        ("FLASHDEAL_WORKERS", "-1"),
        ("FLASHDEAL_LOG_FORMAT", "xml"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
    ];
    let mut options = options.arg("--bind=nowhere").env("FLASHDEAL_DATA_DIR", data.to_str().unwrap());
    for (name, value) in bad {
        options = options.env(name, value);
    }
    let said = refusal(options).await;
    for name in bad.map(|(name, _)| name).iter().chain(&["FLASHDEAL_BIND", "DATABASE_URL"]) {
        assert!(said.contains(name), "{name} is not told of\n{said}");
    }
    assert!(!data.exists(), "nothing is opened before all settings are judged");
}

async fn a_second_process_on_the_same_folder_is_refused(mode: Mode) {
    let options = backing(mode).await.options;
    let first = AppProcess::start(options.clone()).await.unwrap();
    let product = create(&first.http().unwrap(), 5).await;
    let folder = first.folder().join("data");
    let said = refusal(options.env("FLASHDEAL_DATA_DIR", folder.to_str().unwrap())).await;
    assert!(said.contains(folder.to_str().unwrap()), "it names the folder\n{said}");
    call(&first.http().unwrap(), "GET", &format!("/api/products/{product}/status")).await.is(200);
    first.kill9().await.unwrap();
    // The lock of a process that was killed is no lock.
    first.restart().await.unwrap();
    call(&first.http().unwrap(), "GET", &format!("/api/products/{product}/status")).await.is(200);
}

async fn an_address_that_is_taken_is_refused(mode: Mode) {
    let options = backing(mode).await.options;
    let first = AppProcess::start(options.clone()).await.unwrap();
    let said = refusal(options.arg("--bind").arg(&first.addr().to_string())).await;
    assert!(said.contains(&first.addr().to_string()), "it names the address\n{said}");
}

async fn two_instances_starting_at_once_on_an_empty_database_both_come_up(mode: Mode) {
    let backing = backing(mode).await;
    let start = || AppProcess::start(backing.options.clone());
    let (one, two, three) = tokio::join!(start(), start(), start());
    let apps = [one.unwrap(), two.unwrap(), three.unwrap()];
    let product = create(&apps[0].http().unwrap(), 3).await;
    for (turn, app) in apps.iter().enumerate() {
        let body = json!({ "userId": format!("user{turn}"), "quantity": 1 });
        let path = format!("/api/products/{product}/reserve");
        Call::new(app.http().unwrap(), "POST", &path).json(&body).send().await.is(201);
    }
    let status = call(&apps[1].http().unwrap(), "GET", &format!("/api/products/{product}/status")).await.is(200);
    assert_eq!((status.count("reservedStock"), status.count("availableStock")), (3, 0), "{status}");
}

async fn a_store_that_is_not_there_is_named_without_its_password(mode: Mode) {
    let backing = backing(mode).await;
    let nowhere = flashdeal_tests::port::free().unwrap();
    let options = backing.options.clone().env("DATABASE_URL", &format!("postgres://shop:s3cret@{nowhere}/shop"));
    let (status, said) = AppProcess::run_to_end(options, Duration::from_secs(30)).await.unwrap();
    assert!(!status.success() && said.to_lowercase().contains("postgres"), "{status}: {said}");
    assert!(!said.contains("s3cret"), "{said}");
    let scheme = if mode == Mode::Cluster { "redis+cluster" } else { "redis" };
    let options = backing.options.env("REDIS_URL", &format!("{scheme}://:s3cret@{nowhere}"));
    let (status, said) = AppProcess::run_to_end(options, Duration::from_secs(30)).await.unwrap();
    assert!(!status.success() && said.to_lowercase().contains("redis"), "{status}: {said}");
    assert!(!said.contains("s3cret"), "{said}");
}
