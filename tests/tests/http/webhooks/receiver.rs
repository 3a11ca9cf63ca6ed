//! A receiver of webhooks: it remembers what it got, answers as it is told to, and can be away.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flashdeal_tests::port;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::shop::PATIENCE;

/// What it is signed with, as the settings have it, and the bytes of it.
pub(super) const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
pub(super) const KEY: &[u8] = b"01234567890123456789012345678901";

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Got {
    head: String,
    pub(super) body: String,
    pub(super) answered: u16,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        let mut found = self.head.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        let value = found.next().unwrap_or_else(|| panic!("no {name} in {}", self.head));
        assert!(found.next().is_none(), "{name} is there twice: {}", self.head);
        value
    }

    pub(super) fn request_line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn order(&self) -> String {
        self.json()["data"]["orderId"].as_str().unwrap().to_owned()
    }
}

/// How it answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Status(u16, &'static str),
    /// It takes the request and says nothing.
    Never,
}

#[derive(Default)]
struct State {
    got: Vec<Got>,
    /// What to answer next; 204 if nothing is left.
    plan: VecDeque<Answer>,
    slowness: Duration,
}

/// Ends when it is dropped.
pub(super) struct Receiver {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
    // Its connections end with it.
    serving: Option<JoinSet<()>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let mut receiver = Self { addr: port::free().unwrap(), state: Arc::default(), serving: None };
        receiver.come_back().await;
        receiver
    }

    /// Listens, on the port it had.
    pub(super) async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.addr).await.unwrap();
        let state = Arc::clone(&self.state);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&state)));
            }
        });
        self.serving = Some(serving);
    }

    /// Hangs up, and nobody listens any more.
    pub(super) async fn go_away(&mut self) {
        if let Some(mut serving) = self.serving.take() {
            serving.shutdown().await;
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(super) fn plan(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.lock().unwrap().plan.extend(answers);
    }

    /// It takes its time for each answer from now on.
    pub(super) fn slow_down(&self, by: Duration) {
        self.state.lock().unwrap().slowness = by;
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.state.lock().unwrap().got.clone()
    }

    /// The orders that it took, repeats left out, in the order in which it first took them.
    pub(super) fn took(&self) -> Vec<String> {
        let mut took = Vec::new();
        for got in self.got().iter().filter(|got| got.answered == 204) {
            let order = got.order();
            if !took.contains(&order) {
                took.push(order);
            }
        }
        took
    }

    /// Waits until it took this many different orders.
    pub(super) async fn has_taken(&self, count: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let took = self.took();
            if took.len() >= count {
                return took;
            }
            assert!(began.elapsed() < 2 * PATIENCE, "{} orders of {count} came", took.len());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until there were this many requests.
    pub(super) async fn has_got(&self, count: usize) -> Vec<Got> {
        let began = Instant::now();
        loop {
            let got = self.got();
            if got.len() >= count {
                return got;
            }
            assert!(began.elapsed() < 2 * PATIENCE, "{} requests of {count} came", got.len());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut read = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut read).await {
        let (answer, slowness) = {
            let mut state = state.lock().unwrap();
            let answer = state.plan.pop_front().unwrap_or(Answer::Status(204, ""));
            let answered = if let Answer::Status(status, _) = answer { status } else { 0 };
            // What is remembered as taken is answered as taken, or the sender asks again.
            state.got.push(Got { head, body, answered });
            (answer, state.slowness)
        };
        sleep(slowness).await;
        let Answer::Status(status, header) = answer else { return std::future::pending().await };
        let answer = format!("HTTP/1.1 {status} As Planned\r\n{header}content-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request of a connection: its head and its body.
async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let all = end + 4 + content_length(&head);
            if read.len() >= all {
                let body = String::from_utf8(read[end + 4..all].to_vec()).unwrap();
                read.drain(..all);
                return Some((head, body));
            }
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&more[..count]),
        }
    }
}

fn content_length(head: &str) -> usize {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().map_or(0, |(_, length)| length.trim().parse().unwrap())
}
