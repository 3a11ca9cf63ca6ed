//! The log: whatever callers send, a line of it is a line of ours.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::processes::Processes;
use crate::shop::{Mode, checkout_path, reserve_path};

cases!(@mode embedded, Embedded, no_caller_forges_a_line_of_the_log);
cases!(@mode distributed, Distributed, no_caller_forges_a_line_of_the_log);
cases!(embedded only: what_is_no_request_is_no_error_of_ours);

/// A line as it would be if it were one, after what might end the line before.
const FORGED: [&str; 7] = [
    "\n2026-11-22T12:00:00.000000Z ERROR flashdeal_app: FORGED",
    "\r\n{\"timestamp\":\"2026-11-22T12:00:00Z\",\"level\":\"ERROR\",\"message\":\"FORGED\"}",
    "\u{1b}[2J\u{1b}[1;31mFORGED\u{1b}[0m",
    "\u{2028}FORGED\u{202e}DEGROF",
    "\u{85}FORGED\u{9b}31m",
    "\",\"level\":\"FORGED\",\"message\":\"FORGED",
    "\u{8}\u{8}\u{8}\u{7f}\tFORGED\u{0}",
];

async fn no_caller_forges_a_line_of_the_log(mode: Mode) {
    for (format, level) in [("json", "info"), ("text", "debug")] {
        // Short, as most of them are asked while Redis is away.
        let deadline = ("FLASHDEAL_REQUEST_DEADLINE", "2s");
        let settings = [("FLASHDEAL_LOG_FORMAT", format), ("FLASHDEAL_LOG", level), deadline];
        let shop = Processes::start(mode, &settings).await;
        let product = shop.product(5).await;
        attack(&shop, &product).await;
        if mode == Mode::Distributed {
            // Now every request is one that is logged.
            shop.redis().kill9().await.unwrap();
            attack(&shop, &product).await;
        }
        for app in shop.apps() {
            let log = app.supervised().log();
            assert!(log.lines().count() > 1, "{log}");
            if mode == Mode::Distributed {
                assert!(log.contains("request failed"), "{log}");
            }
            log.split_terminator('\n').for_each(|line| is_ours(line, format));
        }
    }
}

/// A line of the log begins as every line does, shows no control character, and in JSON is one object of its own.
#[track_caller]
fn is_ours(line: &str, format: &str) {
    let hidden = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}');
    assert!(!line.contains(hidden), "{line:?}");
    if format == "json" {
        let told: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line:?}"));
        let told = told.as_object().unwrap_or_else(|| panic!("no object: {line:?}"));
        assert!(told["timestamp"].is_string() && told["target"].is_string(), "{line:?}");
        let message = told.get("message").and_then(Value::as_str).unwrap_or("");
        assert!(!message.contains("FORGED") && told["level"] != "FORGED", "{line:?}");
    } else {
        let time = line.get(..20).unwrap_or("");
        let like = |(is, like): (u8, u8)| is == like || like == b'0' && is.is_ascii_digit();
        assert!(time.len() == 20 && time.bytes().zip(*b"0000-00-00T00:00:00.").all(like), "{line:?}");
    }
}

async fn attack(shop: &Processes, product: &str) {
    join_all(FORGED.map(|forged| attack_with(shop, product, forged))).await;
}

async fn attack_with(shop: &Processes, product: &str, forged: &str) {
    let (reserve, checkout) = (reserve_path(product), checkout_path(product));
    let escaped = forged.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").unwrap();
        text
    });
    // As a user, in a body and in a query, and as any other text.
    let body = json!({ "userId": forged, "quantity": 1, "reservationId": forged, "name": forged, "price": forged });
    for path in [&reserve, &checkout, "/api/products"] {
        shop.call("POST", path).json(&body).send().await;
    }
    shop.call("GET", &format!("{reserve}?userId={escaped}")).send().await;
    shop.call("GET", &format!("/api/orders?cursor={escaped}&limit={escaped}")).send().await;
    // In a path: a product's id, and no route at all.
    shop.call("GET", &format!("/api/products/{escaped}/status")).send().await;
    shop.call("GET", &format!("/api/products/{product}/status?{escaped}")).send().await;
    shop.call("GET", &format!("/{escaped}")).send().await;
    for name in ["X-Request-Id", "traceparent", "tracestate", "X-Forwarded-For", "Idempotency-Key", "Authorization"] {
        // As the bytes that they are, and as those of them that a header may have.
        let legal: String = forged.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        for value in [forged, &legal] {
            let head = format!("GET /api/products/{product}/status HTTP/1.1\r\nhost: shop\r\n{name}: a{value}\r\n\r\n");
            send(shop, head).await;
        }
    }
    send(shop, format!("GET /{forged} HTTP/1.1\r\nhost: shop\r\n\r\n")).await;
    send(shop, format!("GET{forged} / HTTP/1.1\r\nhost: {forged}\r\n\r\n")).await;
    send(shop, format!("FORGED /api/products/{product}/status HTTP/1.1\r\nhost: shop\r\n\r\n")).await;
}

/// Sends these bytes, and waits for an answer or the end.
async fn send(shop: &Processes, request: String) {
    let mut stream = TcpStream::connect(shop.next().addr()).await.unwrap();
    // Half of them are no requests; what becomes of those is told elsewhere.
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = timeout(Duration::from_secs(10), stream.read(&mut [0; 64])).await;
}

async fn what_is_no_request_is_no_error_of_ours(mode: Mode) {
    let shop = Processes::start(mode, &[("FLASHDEAL_LOG_FORMAT", "json")]).await;
    let product = shop.product(5).await;
    attack(&shop, &product).await;
    send(&shop, "\u{1}\u{2}\r\n\r\n".to_owned()).await;
    send(&shop, format!("GET / HTTP/1.1\r\n{}\r\n", "x-a: b\r\n".repeat(500))).await;
    let log = shop.next().supervised().log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 1, "{log}");
    // The store may have something to say of a slow disk; whoever takes requests has not.
    let of_requests = |line: &&Value| {
        let target = line["target"].as_str().unwrap();
        target.starts_with("actix") || target.starts_with("flashdeal_app")
    };
    let loud = lines.iter().filter(of_requests).filter(|line| line["level"] == "ERROR" || line["level"] == "WARN");
    assert_eq!(loud.collect::<Vec<_>>(), Vec::<&Value>::new());
}
