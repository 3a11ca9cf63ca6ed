//! Live stock from a server that says what each test scripts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flashdeal_client::{Client, Code, Error, StockEvent, Watch};
use flashdeal_domain::ProductId;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const PRODUCT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const HELLO: &str = "retry: 1\n\n: keep-alive\n\n";

/// What a connection gets: the bytes of its answer, and whether it stays open after them.
struct Then(Vec<u8>, bool);

fn stream(body: &str) -> Then {
    Then(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{body}").into_bytes(), false)
}

fn problem(status: u16, code: &str, headers: &str) -> Then {
    let body = format!(r#"{{"status":{status},"code":"{code}"}}"#);
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len());
    Then((head + &body).into_bytes(), false)
}

fn stays(Then(bytes, _): Then) -> Then {
    Then(bytes, true)
}

fn event(total: u32, reserved: u32) -> String {
    let data = format!(r#"{{"productId":"{PRODUCT}","totalStock":{total},"reservedStock":{reserved}}}"#);
    format!("id: {PRODUCT}:{total}:{reserved}\nevent: stock\ndata: {data}\n\n")
}

struct Shop {
    client: Client,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    /// One connection for each request; after the script none is taken.
    async fn that(script: Vec<Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::builder(&format!("http://{}", listener.local_addr().unwrap()));
        let client = client.bearer_token("t0k").attempt_time(Duration::from_secs(30)).build().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut open = Vec::new();
            for Then(bytes, stays) in script {
                let (mut peer, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    assert_ne!(peer.read_buf(&mut head).await.unwrap(), 0);
                }
                log.lock().unwrap().push(String::from_utf8(head).unwrap());
                // A client that had enough may be gone before all is sent.
                let _ = peer.write_all(&bytes).await;
                if stays {
                    open.push(peer);
                }
            }
            std::future::pending::<()>().await;
        });
        Self { client, seen }
    }

    fn watch(&self) -> Watch {
        self.client.watch([phone()]).patience(Duration::from_mins(10))
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn phone() -> ProductId {
    ProductId::parse(PRODUCT).unwrap()
}

fn resumed(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("last-event-id: "))
}

fn available(event: Option<Result<StockEvent, Error>>) -> u32 {
    let event = event.unwrap().unwrap();
    assert_eq!(event.product, phone());
    event.level.available().get()
}

#[tokio::test]
async fn a_lost_stream_goes_on_after_the_last_event() {
    let first = stream(&format!("{HELLO}{}{}id: half\nevent: stock\ndata: {{", event(5, 0), event(5, 1)));
    let noise = format!("{HELLO}event: news\ndata: {{}}\n\ndata: {{}}\n\n{}", event(5, 2).replace('\n', "\r\n"));
    let hung_up = Then(Vec::new(), false);
    let shop = Shop::that(vec![first, hung_up, problem(503, "unavailable", ""), stays(stream(&noise))]).await;
    let told: Vec<_> = shop.watch().take(3).map(|event| available(Some(event))).collect().await;
    assert_eq!(told, [5, 4, 3]);
    let seen = shop.seen();
    assert!(seen[0].starts_with(&format!("GET /api/products/{PRODUCT}/events HTTP/1.1\r\n")), "{}", seen[0]);
    assert!(seen.iter().all(|head| head.contains("\r\naccept: text/event-stream\r\n")), "{}", seen[0]);
    assert!(seen.iter().all(|head| head.contains("\r\nauthorization: Bearer t0k\r\n")), "{}", seen[0]);
    let last = Some(format!("{PRODUCT}:5:1"));
    let resumed: Vec<_> = seen.iter().map(|head| resumed(head).map(str::to_owned)).collect();
    assert_eq!(resumed, [None, last.clone(), last.clone(), last]);
}

#[tokio::test]
async fn several_products_and_an_id_from_before() {
    let shop = Shop::that(vec![stays(stream(&event(5, 0)))]).await;
    let events = shop.client.watch([phone(), phone()]).patience(Duration::from_mins(10));
    assert_eq!(available(events.after("a:5:1").next().await), 5);
    let [head] = &shop.seen()[..] else { panic!("one request") };
    assert!(head.starts_with(&format!("GET /api/events?products={PRODUCT}%2C{PRODUCT} ")), "{head}");
    assert_eq!(resumed(head), Some("a:5:1"));
}

#[tokio::test]
async fn what_no_repeat_can_mend_is_the_last_item() {
    let refusals = [(400, "invalid_request"), (401, "unauthorized"), (403, "forbidden"), (404, "product_not_found")];
    for (status, code) in refusals {
        let shop = Shop::that(vec![problem(status, code, ""), stream(&event(5, 0))]).await;
        let mut events = shop.watch();
        let Some(Err(Error::Refused(problem))) = events.next().await else { panic!("{status} is no refusal") };
        assert_eq!((problem.status, problem.code.as_str()), (status, code));
        assert!(events.next().await.is_none() && events.next().await.is_none());
        assert_eq!(shop.seen().len(), 1);
    }
    let page = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>".to_vec();
    for script in [Then(page, false), stream("event: stock\ndata: {}\n\n"), stream("event: stock\ndata: \u{0}\n\n")] {
        let shop = Shop::that(vec![script]).await;
        let mut events = shop.watch();
        assert!(matches!(events.next().await, Some(Err(Error::Unreadable { status: 200, .. }))));
        assert!(events.next().await.is_none());
    }
}

#[tokio::test]
async fn patience_ends_and_a_wait_that_does_not_fit_is_not_begun() {
    let shop = Shop::that(vec![problem(429, "rate_limited", "retry-after: 840\r\n")]).await;
    let error = shop.watch().next().await.unwrap().unwrap_err();
    assert_eq!(error.code(), Some(&Code::RateLimited));
    let shop = Shop::that((0..100).map(|_| Then(Vec::new(), false)).collect()).await;
    let mut events = shop.watch().patience(Duration::from_millis(300));
    // On a busy machine the last attempt may have had no time to be hung up on.
    assert!(matches!(events.next().await, Some(Err(Error::Unreachable { .. } | Error::Silent { .. }))));
    // A server that takes the request, and says nothing.
    let shop = Shop::that((0..100).map(|_| Then(Vec::new(), true)).collect()).await;
    let mut events = shop.watch().patience(Duration::from_millis(300));
    assert!(matches!(events.next().await, Some(Err(Error::Silent { .. }))));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_left_alone() {
    let shop = Shop::that(vec![problem(503, "unavailable", "retry-after: 1\r\n"), stream(&event(5, 0))]).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(available(shop.watch().next().await), 5);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_silent_connection_is_opened_again() {
    let half = format!("{HELLO}{}event: stock\ndata: {{", event(5, 0));
    // None of them ends, so each event is of another connection.
    let shop = Shop::that((0..100).map(|_| stays(stream(&half))).collect()).await;
    let mut events = shop.watch().silence(Duration::from_millis(300));
    assert_eq!([available(events.next().await), available(events.next().await)], [5, 5]);
    assert!(shop.seen().len() >= 2);
}

#[tokio::test]
async fn garbage_and_endless_lines_are_left_for_another_connection() {
    let endless = "x".repeat(3_000_000);
    let data = "data: xxxxxxxx\n".repeat(100_000);
    let garbage =
        Then(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\xff\xfe\0:\r\r\n\n".to_vec(), false);
    let first = stream(&format!("{HELLO}{}{endless}", event(5, 0)));
    let script = vec![first, garbage, stream(&format!("retry: 1\nevent: stock\n{data}")), stream(&event(5, 1))];
    let shop = Shop::that(script).await;
    let mut events = shop.watch();
    assert_eq!([available(events.next().await), available(events.next().await)], [5, 4]);
    assert_eq!(shop.seen().len(), 4);
}

#[tokio::test]
async fn a_next_that_was_given_up_loses_nothing() {
    let shop = Shop::that(vec![problem(503, "unavailable", "retry-after: 1\r\n"), stays(stream(&event(5, 0)))]).await;
    let mut events = shop.watch();
    let given_up = tokio::time::timeout(Duration::from_millis(200), events.next()).await;
    assert!(given_up.is_err());
    assert_eq!(available(events.next().await), 5);
    assert_eq!(shop.seen().len(), 2);
}
