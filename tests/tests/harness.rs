//! The harness holds what it promises: the other tests stand on it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use flashdeal_tests::cluster::RedisCluster;
use flashdeal_tests::folder::Folder;
use flashdeal_tests::postgres::{PostgresOptions, PrivatePostgres, sql};
use flashdeal_tests::process::{AppOptions, AppProcess};
use flashdeal_tests::proxy::{Proxy, contains, runs_statement};
use flashdeal_tests::redis::{Persistence, PrivateRedis, RedisOptions};
use flashdeal_tests::resp::{self, Reply};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

const SOON: Duration = Duration::from_secs(10);

async fn migrate(url: String) -> anyhow::Result<()> {
    sql(&url, "CREATE TABLE items (id INT PRIMARY KEY)").await.map(drop)
}

fn cell(rows: &[Vec<Option<String>>]) -> Option<&str> {
    rows.first()?.first()?.as_deref()
}

#[tokio::test]
async fn databases_are_cloned_from_one_template_and_do_not_see_each_other() {
    let server = PrivatePostgres::shared().await.unwrap();
    let (one, other) = tokio::join!(
        server.fresh_database("items", migrate),
        server.fresh_database("items", |_| async { panic!("the template is there already") }),
    );
    let (one, other) = (one.unwrap(), other.unwrap());

    one.sql("INSERT INTO items VALUES (7)").await.unwrap();

    assert_eq!(cell(&one.sql("SELECT count(*) FROM items").await.unwrap()), Some("1"));
    assert_eq!(cell(&other.sql("SELECT count(*) FROM items").await.unwrap()), Some("0"));
}

#[tokio::test]
async fn a_template_that_failed_to_migrate_is_made_again() {
    let server = PrivatePostgres::shared().await.unwrap();
    let broken = server.fresh_database("second_try", async |url| sql(&url, "CREATE TABLE").await.map(drop)).await;
    assert!(format!("{:#}", broken.unwrap_err()).contains("syntax error"));

    let database = server.fresh_database("second_try", migrate).await.unwrap();
    database.sql("INSERT INTO items VALUES (7)").await.unwrap();
}

#[tokio::test]
async fn postgres_keeps_what_it_committed_over_a_kill_and_stays_at_its_address() {
    let options = PostgresOptions { fsync: true, ..PostgresOptions::default() };
    let server = PrivatePostgres::start(options).await.unwrap();
    let database = server.fresh_database("items", migrate).await.unwrap();
    database.sql("INSERT INTO items VALUES (7)").await.unwrap();
    let before = server.pid().unwrap();
    let url = database.url();
    let busy = tokio::spawn(async move { sql(&url, "SELECT pg_sleep(60)").await });
    sleep(Duration::from_millis(100)).await;

    server.kill9().await.unwrap();
    assert!(timeout(SOON, busy).await.unwrap().unwrap().is_err(), "its backends must die with it");
    assert!(TcpStream::connect(server.addr()).is_err());
    server.restart().await.unwrap();

    assert_ne!(server.pid().unwrap(), before);
    assert_eq!(cell(&database.sql("SELECT id FROM items").await.unwrap()), Some("7"));
}

#[tokio::test]
async fn a_paused_server_is_silent_until_it_is_resumed() {
    let server = PrivatePostgres::start(PostgresOptions::default()).await.unwrap();
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let database = server.empty_database().await.unwrap();
    server.pause();
    redis.pause();

    let query = database.sql("SELECT 1");
    let ping = redis.command(&["PING"]);
    tokio::pin!(query, ping);
    assert!(timeout(Duration::from_millis(300), &mut query).await.is_err());
    assert!(timeout(Duration::from_millis(300), &mut ping).await.is_err());

    server.resume();
    redis.resume();
    assert!(timeout(SOON, query).await.unwrap().is_ok());
    assert!(timeout(SOON, ping).await.unwrap().is_ok());
}

#[tokio::test]
async fn redis_keeps_over_a_kill_what_its_persistence_says() {
    for (persistence, kept) in [
        (Persistence::None, Reply::Nil),
        (Persistence::KernelDecides, Reply::Text("7".to_owned())),
        (Persistence::EverySecond, Reply::Text("7".to_owned())),
        (Persistence::Always, Reply::Text("7".to_owned())),
    ] {
        let redis = PrivateRedis::start(RedisOptions { persistence, ..RedisOptions::default() }).await.unwrap();
        redis.command(&["SET", "key", "7"]).await.unwrap();
        // `everysec` writes from a timer: give it the time it is owed.
        sleep(Duration::from_millis(if persistence == Persistence::EverySecond { 1500 } else { 0 })).await;

        redis.kill9().await.unwrap();
        assert!(TcpStream::connect(redis.addr()).is_err());
        redis.restart().await.unwrap();

        assert_eq!(redis.command(&["GET", "key"]).await.unwrap(), kept, "{persistence:?}");
    }
}

#[tokio::test]
async fn redis_answers_every_kind_of_reply_and_flushes() {
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    assert_eq!(redis.command(&["RPUSH", "list", "a", ""]).await.unwrap().integer(), Some(2));
    let list = redis.command(&["LRANGE", "list", "0", "-1"]).await.unwrap();
    assert_eq!(list, Reply::List(vec![Reply::Text("a".to_owned()), Reply::Text(String::new())]));
    let refused = redis.command(&["GET", "list"]).await.unwrap_err();
    assert!(refused.to_string().starts_with("WRONGTYPE"), "{refused}");

    redis.flush().await.unwrap();

    assert_eq!(redis.command(&["EXISTS", "list"]).await.unwrap().integer(), Some(0));
}

#[tokio::test]
async fn a_replica_copies_its_primary() {
    let primary = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let options = RedisOptions { replica_of: Some(primary.addr()), ..RedisOptions::default() };
    let replica = PrivateRedis::start(options).await.unwrap();
    primary.command(&["SET", "key", "7"]).await.unwrap();

    let copied = async {
        while replica.command(&["GET", "key"]).await.unwrap() == Reply::Nil {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, copied).await.unwrap();
}

#[tokio::test]
async fn a_cluster_serves_every_slot_and_survives_a_primary() {
    let cluster = RedisCluster::start(Persistence::None, 1).await.unwrap();
    let [first, second, _] = cluster.primaries() else { panic!("three primaries") };
    // The key `foo` lives in slot 12182, so the first primary points elsewhere.
    let moved = first.command(&["SET", "foo", "7"]).await.unwrap_err();
    assert!(moved.to_string().starts_with("MOVED 12182"), "{moved}");

    first.kill9().await.unwrap();

    let leads = async {
        loop {
            let role = cluster.replicas()[0].command(&["ROLE"]).await.unwrap();
            if matches!(role, Reply::List(role) if role[0].text() == Some("master")) {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), leads).await.unwrap();
    cluster.wait_until_agreed().await.unwrap();
    assert!(second.command(&["CLUSTER", "INFO"]).await.unwrap().text().unwrap().contains("cluster_state:ok"));
}

#[tokio::test]
async fn a_reply_can_be_lost_after_the_server_did_what_was_asked() {
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let proxy = Proxy::start(redis.addr()).await.unwrap();
    proxy.cut_reply_when(contains("INCR"));

    resp::command(proxy.addr(), &["PING"]).await.unwrap();
    resp::command(proxy.addr(), &["INCR", "key"]).await.unwrap_err();
    assert_eq!(redis.command(&["GET", "key"]).await.unwrap().text(), Some("1"));
    assert_eq!(proxy.lost_replies(), 1);

    assert_eq!(resp::command(proxy.addr(), &["INCR", "key"]).await.unwrap().integer(), Some(2), "once is enough");
}

#[tokio::test]
async fn the_reply_to_a_commit_can_be_lost() {
    let server = PrivatePostgres::shared().await.unwrap();
    let database = server.fresh_database("items", migrate).await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    proxy.cut_reply_when(runs_statement);

    let url = database.url_through(proxy.addr());
    sql(&url, "INSERT INTO items VALUES (7)").await.unwrap_err();

    assert_eq!(cell(&database.sql("SELECT id FROM items").await.unwrap()), Some("7"));
    assert_eq!(proxy.lost_replies(), 1);
}

#[tokio::test]
async fn replies_are_cut_after_so_many_bytes() {
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let proxy = Proxy::start(redis.addr()).await.unwrap();
    // "+PONG\r\n" is 7 bytes.
    proxy.cut_replies_after(10);
    let mut client = tokio::net::TcpStream::connect(proxy.addr()).await.unwrap();
    let mut replies = Vec::new();

    for _ in 0..2 {
        client.write_all(b"PING\r\n").await.unwrap();
        sleep(Duration::from_millis(50)).await;
    }
    timeout(SOON, client.read_to_end(&mut replies)).await.unwrap().unwrap();

    assert_eq!(replies, b"+PONG\r\n+PO");
    resp::command(proxy.addr(), &["PING"]).await.unwrap();
}

#[tokio::test]
async fn a_proxy_cuts_hangs_delays_and_refuses() {
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let proxy = Proxy::start(redis.addr()).await.unwrap();
    let ping = async || resp::command(proxy.addr(), &["PING"]).await;

    let mut open = tokio::net::TcpStream::connect(proxy.addr()).await.unwrap();
    open.write_all(b"PING\r\n").await.unwrap();
    open.read_exact(&mut [0; 7]).await.unwrap();
    proxy.cut_all();
    assert_eq!(timeout(SOON, open.read(&mut [0; 7])).await.unwrap().unwrap(), 0);
    ping().await.unwrap();

    proxy.hang(true);
    let mut hung = Box::pin(ping());
    assert!(timeout(Duration::from_millis(200), &mut hung).await.is_err());
    proxy.hang(false);
    timeout(SOON, hung).await.unwrap().unwrap();

    proxy.delay(Duration::from_millis(200));
    let asked = Instant::now();
    ping().await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(200));
    proxy.delay(Duration::ZERO);

    proxy.refuse(true).await.unwrap();
    let refused = tokio::net::TcpStream::connect(proxy.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    proxy.refuse(false).await.unwrap();
    ping().await.unwrap();

    let addr = proxy.addr();
    drop(proxy);
    let gone = async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, gone).await.unwrap();
}

#[tokio::test]
async fn an_application_is_started_killed_frozen_and_asked_to_leave() {
    let app = AppProcess::start(AppOptions::new(env!("CARGO_BIN_EXE_stand-in"))).await.unwrap();
    let answer = app.http().unwrap().patch("/a?b=c").json(&serde_json::json!({})).send().await.unwrap();
    assert_eq!((answer.status, answer.json["request"].as_str()), (200, Some("PATCH /a?b=c HTTP/1.1")));
    assert_eq!(answer.header("Connection"), Some("close"));

    // A task of another thread may do it too.
    let app = tokio::spawn(async move {
        app.kill9().await?;
        app.restart().await?;
        anyhow::Ok(app)
    });
    let app = app.await.unwrap().unwrap();
    let http = app.http().unwrap();
    assert_eq!(http.get("/").send().await.unwrap().json["starts"], 2, "its folder outlives it");

    app.pause();
    let mut frozen = Box::pin(http.delete("/").send());
    assert!(timeout(Duration::from_millis(200), &mut frozen).await.is_err());
    app.resume();
    timeout(SOON, frozen).await.unwrap().unwrap();

    let ending = app.terminate(SOON).await.unwrap();
    assert!(ending.status.success() && ending.took < SOON);
    assert!(app.pid().is_none());
}

#[tokio::test]
async fn an_application_that_refuses_or_stays_is_reported_with_what_it_said() {
    let options = AppOptions::new(env!("CARGO_BIN_EXE_stand-in"));
    let error = AppProcess::start(options.clone().arg("refuse")).await.unwrap_err();
    assert!(format!("{error:#}").contains("a setting is missing"), "{error:#}");
    let (status, said) = AppProcess::run_to_end(options.clone().arg("refuse"), SOON).await.unwrap();
    assert!(!status.success() && said.contains("a setting is missing"));

    let deaf = AppProcess::start(options.arg("deaf")).await.unwrap();
    assert!(deaf.terminate(Duration::from_millis(200)).await.is_err());
    assert!(deaf.pid().is_some());
}

#[tokio::test]
async fn a_client_may_come_from_another_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let from: IpAddr = [127, 0, 0, 9].into();
    let http = flashdeal_tests::http::Http::from_address(addr, from).unwrap();
    let asking = tokio::spawn(http.get("/").send());

    let (_, peer) = timeout(SOON, listener.accept()).await.unwrap().unwrap();

    assert_eq!(peer.ip(), from);
    asking.abort();
}

#[test]
fn dropping_a_folder_ends_whoever_works_in_it_and_removes_it() {
    let folder = Folder::new("test").unwrap();
    let path = folder.path().to_owned();
    // A grandchild in a group of its own, in a folder below, as PostgreSQL's are.
    let nested = path.join("nested");
    std::fs::create_dir(&nested).unwrap();
    let script = "setsid sleep 60 & echo $!; wait";
    let mut child = Command::new("sh").args(["-c", script]).current_dir(nested).stdout(Stdio::piped()).spawn().unwrap();
    let mut grandchild = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut grandchild).unwrap();

    drop(folder);

    assert!(!child.wait().unwrap().success());
    assert!(!is_alive(grandchild.trim()));
    assert!(!path.exists());
}

#[tokio::test]
async fn the_watchdog_ends_what_a_killed_runner_leaves_behind() {
    // In a group of its own, which is killed whole, as a terminal or a CI system would.
    let mut runner = Command::new(env!("CARGO_BIN_EXE_private-servers"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut addrs = Vec::new();
    for line in BufReader::new(runner.stdout.take().unwrap()).lines().take(2) {
        addrs.push(server_addr(&line.unwrap()));
    }
    assert!(addrs.iter().all(|addr| TcpStream::connect(addr).is_ok()), "{addrs:?}");
    let folder = std::env::temp_dir().join(format!("flashdeal-{}-0", runner.id()));
    assert!(folder.is_dir());

    let group = Pid::from_raw(i32::try_from(runner.id()).unwrap()).unwrap();
    rustix::process::kill_process_group(group, Signal::KILL).unwrap();
    runner.wait().unwrap();

    let ended = async {
        while folder.exists() || addrs.iter().any(|addr| TcpStream::connect(addr).is_ok()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, ended).await.unwrap();
}

/// The address in a line such as `REDIS_URL=redis://127.0.0.1:12345`.
fn server_addr(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("127.0.0.1:").unwrap();
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
}

fn is_alive(pid: &str) -> bool {
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    let ended = || std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    // A zombie that nobody has collected yet is not alive.
    kill_process(pid, Signal::CONT).is_ok() && ended().is_ok_and(|stat| !stat.contains(") Z "))
}
