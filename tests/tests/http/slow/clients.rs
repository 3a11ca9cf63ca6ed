//! What clients do that no client should, and what they get for it.

use std::time::Duration;

/// Between two bytes of a trickle: often enough that no pause of the server's is long.
const TRICKLE: Duration = Duration::from_millis(400);

pub(super) const GOOD: &str = "GET /api/products HTTP/1.1\r\nhost: shop\r\n\r\n";
const POST: &str = "POST /api/products HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n";

/// What somebody sends: at once, and then again and again.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) first: String,
    pub(super) then: &'static str,
    pub(super) pause: Duration,
    /// The last status they may get; none if they are just cut off.
    pub(super) answered: &'static [&'static str],
}

/// All of them.
pub(super) fn clients() -> impl Iterator<Item = Client> {
    slow().into_iter().chain(fast())
}

fn chunked() -> String {
    format!("{POST}transfer-encoding: chunked\r\n\r\n")
}

/// The head of a body of so many bytes, and its first.
fn sized(bytes: usize) -> String {
    format!("{POST}content-length: {bytes}\r\n\r\n{{")
}

/// Those who wait for something, or send little at a time.
fn slow() -> Vec<Client> {
    let client = |name, first: String, then, answered| Client { name, first, then, pause: TRICKLE, answered };
    vec![
        client("says nothing", String::new(), "", &["", "408"]),
        client("stops in the request line", "GET /api/prod".to_owned(), "", &["408"]),
        client("trickles a request line", "GET /".to_owned(), "x", &["408"]),
        client("trickles headers", "GET / HTTP/1.1\r\nhost: shop\r\n".to_owned(), "x-a: b\r\n", &["408"]),
        // Their first request was in order. What they got was that one's answer, or one to the next.
        client("says nothing more", GOOD.to_owned(), "", &["200"]),
        client("stops in the next request", format!("{GOOD}GET /api/prod"), "", &["200", "408"]),
        client(
            "trickles the next headers",
            format!("{GOOD}GET / HTTP/1.1\r\nhost: shop\r\n"),
            "x-a: b\r\n",
            &["200", "408"],
        ),
        client("sends line breaks for ever", GOOD.to_owned(), "\r\n", &["200", "400", "408"]),
        client("keeps its body", format!("{POST}content-length: 20\r\n\r\n"), "", &["400"]),
        client(
            "keeps its body till it is told",
            format!("{POST}expect: 100-continue\r\ncontent-length: 20\r\n\r\n"),
            "",
            &["400"],
        ),
        client("trickles a body", sized(15_000), " ", &["400"]),
        client("trickles chunks", chunked(), "1\r\n \r\n", &["400"]),
        client("trickles a chunk's size", chunked(), "0", &["400"]),
        client(
            "asks to upgrade and stops",
            "GET / HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n".to_owned(),
            "",
            &["200", "400"],
        ),
        client(
            "asks to connect and stops",
            "CONNECT shop:80 HTTP/1.1\r\nhost: shop\r\n\r\n".to_owned(),
            "",
            &["404", "405", "400"],
        ),
    ]
}

/// Those who send as fast as they can.
fn fast() -> Vec<Client> {
    let fast = |name, first: String, then, answered| Client { name, first, then, pause: Duration::ZERO, answered };
    vec![
        fast(
            "sends headers for ever",
            "GET / HTTP/1.1\r\nhost: shop\r\n".to_owned(),
            "x-a: bcdefghijklmnopqrstuvwxyz\r\n",
            &["431", "400"],
        ),
        fast(
            "sends one header for ever",
            "GET / HTTP/1.1\r\nhost: shop\r\nx-a: ".to_owned(),
            "abcdefghijklmnopqrstuvwxyz",
            &["431", "400"],
        ),
        fast("sends a path for ever", "GET /".to_owned(), "abcdefghijklmnopqrstuvwxyz", &["431", "414", "400"]),
        fast("sends chunks for ever", chunked(), "1a\r\nabcdefghijklmnopqrstuvwxyz\r\n", &["413"]),
        fast(
            "sends a chunk's extension for ever",
            format!("{}1;", chunked()),
            "abcdefghijklmnopqrstuvwxyz",
            &["400", "413"],
        ),
        // What is more than it said is the next request, and none.
        fast("sends more than it said", sized(100), "abcdefghijklmnopqrstuvwxyz", &["400", "431"]),
        fast("says it sends a gigabyte", sized(1_000_000_000), "abcdefghijklmnopqrstuvwxyz", &["413"]),
        fast("sends garbage for ever", String::new(), "\u{1}\u{2}garbage\r\n\r\n", &["400"]),
        fast(
            "has a thousand headers",
            format!("GET / HTTP/1.1\r\nhost: shop\r\n{}\r\n", "x-a: b\r\n".repeat(1_000)),
            "",
            &["431", "400"],
        ),
        fast(
            "has a header of 200 KB",
            format!("GET / HTTP/1.1\r\nhost: shop\r\nx-a: {}\r\n\r\n", "b".repeat(200_000)),
            "",
            &["431", "400"],
        ),
    ]
}
