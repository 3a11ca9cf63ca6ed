//! Clients that are slow, silent, endless or deaf: each is answered or cut off, and everybody else is served meanwhile.

mod clients;
mod events;

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flashdeal_tests::http::Request;
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::processes::Processes;
use crate::shop::{Call, Mode, reserve_path};

use clients::{Client, GOOD, clients};
use events::watchers_who_never_read_are_given_up_and_cost_little;

// What stands before the stores is the same in every mode.
cases!(embedded only:
    whoever_is_slow_silent_or_endless_is_cut_off,
    whoever_never_reads_is_given_up_and_costs_little,
    watchers_who_never_read_are_given_up_and_cost_little,
    connections_are_bounded_by_the_files_there_may_be,
);

/// How long a client may be at it. The server takes 5 s for a head or a body, 5 s to part, 15 s for a connection that is quiet;
/// the rest is for a machine that is busy.
const CUT_OFF_WITHIN: Duration = Duration::from_mins(1);

/// One worker, so that whoever holds it up holds up everybody; and time enough for a disk that is busy.
const SETTINGS: [(&str, &str); 2] = [("FLASHDEAL_WORKERS", "1"), ("FLASHDEAL_REQUEST_DEADLINE", "30s")];

/// Does what a client does until the server hangs up, and tells what the last answer was and how long it took.
async fn suffer(address: SocketAddr, client: &Client) -> (String, Duration) {
    let began = Instant::now();
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let send = async {
        // A server that hangs up makes this fail; what it answered says the rest.
        let mut sent = writer.write_all(client.first.as_bytes()).await;
        while !client.then.is_empty() && sent.is_ok() {
            let more = if client.pause.is_zero() { client.then.repeat(200) } else { client.then.to_owned() };
            sleep(client.pause).await;
            sent = writer.write_all(more.as_bytes()).await;
        }
        // The writing half must stay open: to close it would be to hang up.
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut answer = Vec::new();
        let mut some = [0; 4096];
        while let Ok(read @ 1..) = reader.read(&mut some).await {
            answer.extend_from_slice(&some[..read]);
        }
        answer
    };
    let answer = tokio::select! {
        answer = timeout(CUT_OFF_WITHIN, read) => answer.unwrap_or_else(|_| panic!("who {} is still there", client.name)),
        () = send => unreachable!("it never ends"),
    };
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let last = answer.rmatch_indices("HTTP/1.1 ").map(|(at, _)| answer[at + 9..at + 12].to_owned()).next();
    (last.unwrap_or_default(), began.elapsed())
}

/// Asks as people do, until it is told to stop; every request must be served.
async fn be_served(shop: &Processes, product: &str, over: Arc<AtomicBool>) -> u32 {
    let http = shop.next().http().unwrap();
    let mut served = 0;
    while !over.load(Ordering::Relaxed) || served < 3 {
        let body = json!({ "userId": format!("guest{served}"), "quantity": 1 });
        get_through(|| http.post(&reserve_path(product)).json(&body)).await;
        get_through(|| http.get("/health/ready")).await;
        served += 1;
        sleep(Duration::from_millis(100)).await;
    }
    served
}

/// Asks again if the connection was closed in between, as every client does: on a machine that is busy enough, a request can come
/// when the server has waited for it too long.
async fn get_through(request: impl Fn() -> Request) {
    let mut last = String::new();
    for _ in 0..5 {
        match request().send().await {
            Ok(answer) if answer.status / 100 == 2 => return,
            Ok(answer) => {
                assert_eq!(answer.status, 408, "{}", answer.text);
                "408".clone_into(&mut last);
            }
            Err(error) => last = format!("{error:#}"),
        }
    }
    panic!("not served: {last}");
}

async fn whoever_is_slow_silent_or_endless_is_cut_off(mode: Mode) {
    let shop = Processes::start(mode, &SETTINGS).await;
    let product = shop.product(1_000_000).await;
    let (address, files) = (shop.next().addr(), files(shop.next()));
    let over = Arc::new(AtomicBool::new(false));
    let attacks = async {
        // Each of them three times at once.
        let attacks = join_all((0..3).flat_map(|_| clients()).map(|client| async move {
            let (status, took) = suffer(address, &client).await;
            assert!(client.answered.contains(&status.as_str()), "who {} got {status:?} after {took:?}", client.name);
        }));
        attacks.await;
        over.store(true, Ordering::Relaxed);
    };
    let ((), served) = tokio::join!(attacks, be_served(&shop, &product, Arc::clone(&over)));
    assert!(served >= 3);
    all_gone(shop.next(), files).await;
    let log = shop.next().supervised().log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "what callers do is no error of ours: {log}");
}

/// The open files of a process.
fn files(app: &AppProcess) -> usize {
    fs::read_dir(format!("/proc/{}/fd", app.pid().unwrap())).unwrap().count()
}

/// The most memory it ever had, in KiB.
fn peak_memory(app: &AppProcess) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", app.pid().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The most bytes that the kernel keeps for one connection of this server which the client has not taken.
fn most_unsent(address: SocketAddr) -> u64 {
    let server = format!(":{:04X}", address.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let queues = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, queue) = (fields.next()?, fields.nth(2)?);
        let (unsent, _) = queue.split_once(':')?;
        local.ends_with(&server).then(|| u64::from_str_radix(unsent, 16).unwrap())
    });
    queues.max().unwrap_or(0)
}

/// Waits until the server knows of so many connections, of those that the kernel has taken for it already.
async fn have_come(app: &AppProcess, before: usize, connections: usize) {
    let began = Instant::now();
    // Each takes two.
    while files(app) < before + 2 * connections {
        assert!(began.elapsed() < CUT_OFF_WITHIN, "{before} files were open before, and only {} are now", files(app));
        sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until a process has not many more files than it had.
async fn all_gone(app: &AppProcess, before: usize) {
    let began = Instant::now();
    // The connections of honest clients are kept for some seconds, and the stores may have opened some.
    while files(app) > before + 8 {
        assert!(began.elapsed() < CUT_OFF_WITHIN, "{before} files were open before, and {} still are", files(app));
        sleep(Duration::from_millis(200)).await;
    }
}

async fn whoever_never_reads_is_given_up_and_costs_little(mode: Mode) {
    let shop = Processes::start(mode, &SETTINGS).await;
    let product = shop.product(1_000_000).await;
    shop.call("GET", "/docs/swagger-ui-bundle.js").send().await.is(200);
    let (app, address) = (shop.next(), shop.next().addr());
    let (before, memory) = (files(app), peak_memory(app));
    // Hundreds of requests for the largest page there is, and for small ones, by twenty who read none of the answers.
    let large = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: shop\r\n\r\n";
    let last = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
    let floods: Vec<BoxFuture<'_, TcpStream>> = (0..20)
        .map(|nth| {
            let requests = match nth % 4 {
                0 => large.repeat(300),
                1 => GOOD.repeat(300),
                2 => last.to_owned(),
                _ => format!("{}{}", large.repeat(10), "GET / HT"),
            };
            async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                // A server that reads no more is as good as one that hangs up.
                let _ = timeout(Duration::from_secs(10), stream.write_all(requests.as_bytes())).await;
                stream
            }
            .boxed()
        })
        .collect();
    let over = Arc::new(AtomicBool::new(false));
    let mut unsent = 0;
    let attack = async {
        let deaf = join_all(floods).await;
        // Half of them ask for more than the kernel takes.
        have_come(app, before, 10).await;
        let gone = all_gone(app, before);
        let watch = async {
            loop {
                unsent = unsent.max(most_unsent(address));
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = gone => {}
            () = watch => unreachable!("it never ends"),
        }
        over.store(true, Ordering::Relaxed);
        // Only now do they go.
        drop(deaf);
    };
    let ((), _) = tokio::join!(attack, be_served(&shop, &product, Arc::clone(&over)));
    let grown = peak_memory(app) - memory;
    // Each may have one page in the buffer, which grows by doubling, and what is read of its requests: not the gigabytes it asked for.
    assert!(grown < 150_000, "it took {grown} KiB more");
    // And the kernel a part of a page.
    assert!((1_000..1_000_000).contains(&unsent), "{unsent} bytes of one client's were in the kernel");
}

async fn connections_are_bounded_by_the_files_there_may_be(_mode: Mode) {
    const FILES: usize = 200;
    /// What the server keeps for everything but connections, each of which takes two.
    const KEPT: usize = 128;
    /// What the stores may open meanwhile.
    const SLACK: usize = 8;
    let options = AppOptions::new("/bin/sh").arg("-c").arg(&format!("ulimit -n {FILES}; exec \"$0\""));
    let options = options.arg(flashdeal_binary().unwrap().to_str().unwrap());
    let options = options.env("FLASHDEAL_RATE_LIMIT", "off");
    let options = SETTINGS.iter().fold(options, |options, (name, value)| options.env(name, value));
    let app = AppProcess::start(options).await.unwrap();
    let before = files(&app);
    // Half as many again as all files were enough for, all silent.
    let silent = join_all((0..FILES * 3 / 4).map(|_| TcpStream::connect(app.addr()))).await;
    let silent: Vec<TcpStream> = silent.into_iter().map(Result::unwrap).collect();
    let http = app.http().unwrap();
    // Who comes later waits until the silent ones before them are cut off, and is served.
    let serve = async {
        let product = json!({ "name": "Phone", "price": 1, "totalStock": 1 });
        let mut served = 0;
        while served < 5 {
            let made = Call::new(http.clone(), "POST", "/api/products").json(&product).try_send();
            if let Ok(Ok(made)) = timeout(Duration::from_secs(20), made).await {
                made.is(201);
                served += 1;
            }
        }
    };
    let mut most = 0;
    let watch = async {
        loop {
            most = most.max(files(&app));
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        served = timeout(Duration::from_mins(3), serve) => served.expect("nobody else is served"),
        () = watch => unreachable!("it never ends"),
    }
    assert!(most <= before + (FILES - KEPT) + SLACK, "{before} files were open before, and {most} then");
    assert!(most > before + (FILES - KEPT) / 2, "there was no crowd: {most} files were open");
    let log = app.supervised().log();
    assert!(!log.contains("Too many open files") && !log.contains("ERROR"), "{log}");
    drop(silent);
    all_gone(&app, before).await;
}
