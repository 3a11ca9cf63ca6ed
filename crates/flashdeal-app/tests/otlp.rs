//! The real binary, built with `--features otlp`, and a collector on the loopback that takes its spans.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

const LIMIT: Duration = Duration::from_mins(1);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector that keeps what it is sent: path and body.
fn collector() -> (SocketAddr, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            // One that is kept open must not keep the next one waiting.
            std::thread::spawn(move || collect(stream, &sender));
        }
    });
    (address, received)
}

/// Takes what comes over one connection, until it ends or nobody wants to know any more.
fn collect(stream: TcpStream, sender: &Sender<(String, Vec<u8>)>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream) {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if stream.get_mut().write_all(answer).is_err() || sender.send(request).is_err() {
            return;
        }
    }
}

fn read_request(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    stream.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((_, value)) = line.to_ascii_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((first, body))
}

/// A server in a folder of its own; ended when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    log: Receiver<String>,
    folder: std::path::PathBuf,
}

impl Server {
    fn start(collector: SocketAddr) -> Self {
        let folder = std::env::temp_dir().join(format!("flashdeal-otlp-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_flashdeal"))
            .current_dir(&folder)
            .env_clear()
            .envs([
                ("FLASHDEAL_BIND", "127.0.0.1:0".to_owned()),
                ("FLASHDEAL_LOG", "info,flashdeal_app::requests=debug".to_owned()),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}")),
                ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, log) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        // It is whole before it waits: a server that does not come up must be ended, too.
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), log, folder };
        let serving = wait_for(&server.log, "\"serving\"");
        let (_, rest) = serving.split_once("\"address\":\"").unwrap();
        server.address = rest.split('"').next().unwrap().parse().unwrap();
        server
    }

    fn get(&self, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The next line of the log that has this in it.
fn wait_for(log: &Receiver<String>, part: &str) -> String {
    let mut before = Vec::new();
    loop {
        let Ok(line) = log.recv_timeout(LIMIT) else { panic!("no {part} in the log:\n{}", before.join("\n")) };
        if line.contains(part) {
            return line;
        }
        before.push(line);
    }
}

fn has(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.bytes().map(|digit| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect()
}

#[test]
fn a_span_of_the_callers_trace_reaches_the_collector() {
    let (collector, received) = collector();
    let server = Server::start(collector);
    let headers = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\nx-request-id: r-1\r\n");
    let answer = server.get("/api/products?limit=1", &headers);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let line = wait_for(&server.log, "\"answered\"");
    assert!(line.contains("\"request_id\":\"r-1\"") && line.contains(TRACE), "{line}");
    loop {
        let (first, body) = received.recv_timeout(LIMIT).unwrap();
        assert!(first.starts_with("POST /v1/traces "), "{first}");
        if has(&body, &hex(TRACE)) {
            // Protobuf keeps ids as their bytes and texts as they are.
            assert!(has(&body, &hex(PARENT)), "the caller's span is the parent");
            for text in
                ["GET /api/products", "http.route", "http.response.status_code", "r-1", "flashdeal", "service.name"]
            {
                assert!(has(&body, text.as_bytes()), "{text}");
            }
            break;
        }
    }

    // Not recorded by the caller, so not by us: the next span that comes is of the request after it.
    server.get(
        "/api/products?limit=2",
        &format!("traceparent: 00-{}-{PARENT}-00\r\nx-request-id: r-2\r\n", TRACE.replace('4', "5")),
    );
    server.get("/health/live", "x-request-id: r-3\r\n");
    let (_, body) = received.recv_timeout(LIMIT).unwrap();
    assert!(has(&body, b"r-3") && !has(&body, b"r-2"));
}
