//! The client against a server that answers what each test scripts: what is sent, what is repeated, what is told.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flashdeal_client::{Builder, Client, Code, Error, Wait, Waits};
use flashdeal_domain::{
    CheckoutRequest, Description, Edit, IdempotencyKey, JoinRequest, NewProduct, OrderFilter, PageRequest, PageSize,
    Price, ProductId, ProductName, ProductPatch, Quantity, ReserveRequest, StockDelta, Terms, TermsPatch, Timestamp,
    Units, UserId,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

const PRODUCT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const HOLD: &str = r#"{"reservationId":"01890a5d-ac96-774b-bcce-b302099a8058","productId":"01890a5d-ac96-774b-bcce-b302099a8057",
    "userId":"ada","quantity":2,"expiresAt":"2026-11-22T12:00:00.123Z"}"#;
const ORDER: &str = r#"{"orderId":"01890a5d-ac96-774b-bcce-b302099a8059","reservationId":"01890a5d-ac96-774b-bcce-b302099a8058",
    "productId":"01890a5d-ac96-774b-bcce-b302099a8057","userId":"ada","quantity":2,"unitPrice":499.90,"total":999.80,
    "createdAt":"2026-11-22T12:00:00.000Z"}"#;
const PHONE: &str = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","name":"Phone","description":"","price":0.10,
    "totalStock":200,"reservedStock":3,"availableStock":197,"createdAt":"2026-11-22T12:00:00.000Z"}"#;

/// What the server does with a request.
enum Then {
    /// Answers: status, further headers, body.
    Say(u16, &'static str, String),
    /// Hangs up after having read the request: nobody knows what it did.
    HangUp,
    /// Never answers.
    Sleep,
}

fn say(status: u16, body: &str) -> Then {
    Then::Say(status, "", body.to_owned())
}

fn problem(status: u16, code: &str, headers: &'static str) -> Then {
    let body = format!(r#"{{"status":{status},"code":"{code}","detail":"Told.","requestId":"r-7"}}"#);
    Then::Say(status, headers, body)
}

/// A request as it came: its head in lower case with the body behind it, and when.
struct Seen {
    text: String,
    at: Instant,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

struct Shop {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Shop {
    /// One connection for each request; after the script nothing is answered.
    async fn that(script: impl IntoIterator<Item = Then, IntoIter: Send + 'static>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (Arc::clone(&seen), script.into_iter());
        tokio::spawn(async move {
            let mut open = Vec::new();
            for then in script {
                let (mut peer, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !is_whole(&request) {
                    assert_ne!(peer.read_buf(&mut request).await.unwrap(), 0);
                }
                log.lock().unwrap().push(Seen { text: String::from_utf8(request).unwrap(), at: Instant::now() });
                match then {
                    Then::Say(status, headers, body) => {
                        let length = body.len();
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
                        );
                        peer.write_all(answer.as_bytes()).await.unwrap();
                    }
                    Then::HangUp => drop(peer),
                    Then::Sleep => open.push(peer),
                }
            }
        });
        Self { url, seen }
    }

    fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    fn builder(&self) -> Builder {
        Client::builder(&self.url)
    }

    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn phone() -> ProductId {
    ProductId::parse(PRODUCT).unwrap()
}

fn ada() -> UserId {
    UserId::parse("ada").unwrap()
}

fn wish(key: Option<&str>) -> ReserveRequest {
    let key = key.map(|key| IdempotencyKey::parse(key).unwrap());
    ReserveRequest { product: phone(), user: ada(), quantity: Quantity::new(2).unwrap(), key }
}

fn purchase() -> CheckoutRequest {
    CheckoutRequest { product: phone(), user: ada(), named: None, key: None }
}

fn new_phone() -> NewProduct {
    NewProduct {
        name: ProductName::parse("Phone").unwrap(),
        description: Description::parse("").unwrap(),
        price: Price::parse("0.10").unwrap(),
        total_stock: Units::new(200).unwrap(),
        terms: Terms::NONE,
    }
}

fn keys(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| seen.header("idempotency-key").expect("a key").to_owned()).collect()
}

#[tokio::test]
async fn a_reserve_is_repeated_with_the_key_the_client_made() {
    let shop = Shop::that([Then::HangUp, problem(503, "unavailable", ""), say(201, HOLD)]).await;
    let reserved = shop.client().reserve(wish(None)).await.unwrap();
    assert!(reserved.created && !reserved.replayed);
    assert_eq!(reserved.reservation.quantity.get(), 2);
    assert_eq!(reserved.reservation.expires_at.to_string(), "2026-11-22T12:00:00.123Z");
    let seen = shop.seen();
    let keys = keys(&seen);
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(seen.iter().all(|seen| seen.text.ends_with(r#"{"userId":"ada","quantity":2}"#)));
}

#[tokio::test]
async fn a_wait_is_told_as_it_stands() {
    let waits = |ahead: &str| {
        let product = PRODUCT;
        format!(
            r#"{{"productId":"{product}","userId":"ada","quantity":2,"called":false,"joinedAt":"2026-11-22T12:00:00.123Z"{ahead}}}"#
        )
    };
    let (behind, left) = (waits(r#","ahead":7"#), waits(""));
    let called = HOLD.replacen('{', r#"{"called":true,"#, 1);
    let shop = Shop::that([
        problem(503, "unavailable", ""),
        say(201, &behind),
        say(200, &behind),
        say(200, &called),
        say(200, &left),
        problem(404, "not_waiting", ""),
    ])
    .await;
    let client = shop.client();
    let wish = JoinRequest { product: phone(), user: ada(), quantity: Quantity::new(2).unwrap() };
    let joined = client.join(&wish).await.unwrap();
    assert_eq!((joined.ahead, joined.quantity.get(), &joined.user), (Some(7), 2, &ada()));
    assert_eq!(client.wait(phone(), &ada()).await.unwrap(), Some(Wait::Waits(joined)));
    match client.wait(phone(), &ada()).await.unwrap() {
        Some(Wait::Called(hold)) => assert_eq!(hold.expires_at.to_string(), "2026-11-22T12:00:00.123Z"),
        other => panic!("{other:?}"),
    }
    let left = client.leave(phone(), &ada()).await.unwrap();
    assert!(matches!(left, Some(Wait::Waits(Waits { ahead: None, .. }))), "{left:?}");
    assert_eq!(client.wait(phone(), &ada()).await.unwrap(), None);
    assert!(shop.seen().iter().all(|seen| seen.text.contains("/waitlist")));
}

#[tokio::test]
async fn a_checkout_is_repeated_with_the_same_key_until_its_outcome_is_known() {
    let shop = Shop::that([
        Then::HangUp,
        problem(409, "checkout_in_progress", ""),
        Then::Say(200, "idempotent-replayed: true\r\n", ORDER.to_owned()),
    ])
    .await;
    let sold = shop.client().checkout(purchase()).await.unwrap();
    assert!(sold.replayed && !sold.created);
    assert_eq!(sold.order.total().to_string(), "999.80");
    let keys = keys(&shop.seen());
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn two_calls_have_two_keys_and_a_given_key_is_used() {
    let shop = Shop::that([say(201, HOLD), say(200, HOLD), say(200, HOLD)]).await;
    let client = shop.client();
    client.reserve(wish(None)).await.unwrap();
    client.reserve(wish(None)).await.unwrap();
    client.reserve(wish(Some("mine"))).await.unwrap();
    let keys = keys(&shop.seen());
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[2], "mine");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let shop = Shop::that([problem(503, "unavailable", "retry-after: 1\r\n"), say(201, HOLD)]).await;
    shop.client().reserve(wish(None)).await.unwrap();
    let seen = shop.seen();
    let waited = seen[1].at - seen[0].at;
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(5), "{waited:?}");
}

#[tokio::test]
async fn a_wait_that_does_not_fit_is_not_begun() {
    let shop = Shop::that([problem(429, "rate_limited", "retry-after: 840\r\n")]).await;
    let begun = Instant::now();
    let Err(Error::Refused(problem)) = shop.client().reserve(wish(None)).await else { panic!("no refusal") };
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!((problem.status, &problem.code), (429, &Code::RateLimited));
    assert_eq!(problem.retry_after, Some(Duration::from_mins(14)));
    assert_eq!(problem.request_id, "r-7");
}

#[tokio::test]
async fn attempts_are_bounded_and_observed() {
    let shop = Shop::that((0..9).map(|_| problem(503, "unavailable", ""))).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let client = shop.builder().attempts(3).observe(move |attempt| log.lock().unwrap().push(*attempt)).build().unwrap();
    let error = client.status(phone()).await.unwrap_err();
    assert_eq!(error.code(), Some(&Code::Unavailable));
    assert_eq!(shop.seen().len(), 3);
    let told = told.lock().unwrap();
    assert_eq!(told.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(told.iter().all(|attempt| attempt.operation == "status" && attempt.status == Some(503)));
}

#[tokio::test]
async fn a_call_takes_no_longer_than_it_may() {
    let shop = Shop::that((0..9).map(|_| Then::Sleep)).await;
    let builder = shop.builder().attempt_time(Duration::from_millis(200)).total_time(Duration::from_millis(500));
    let begun = Instant::now();
    let error = builder.build().unwrap().reserve(wish(None)).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { attempts, .. } if attempts >= 2), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn what_would_be_done_twice_is_not_repeated() {
    let shop = Shop::that([Then::HangUp, problem(503, "unavailable", ""), Then::HangUp, Then::HangUp, say(200, PHONE)]);
    let shop = shop.await;
    let client = shop.client();
    assert!(matches!(client.create_product(&new_phone()).await, Err(Error::Unreachable { attempts: 1, .. })));
    assert!(matches!(client.create_product(&new_phone()).await, Err(Error::Refused(_))));
    let restock = ProductPatch { add_stock: Some(StockDelta::new(-5).unwrap()), ..ProductPatch::default() };
    assert!(matches!(client.change_product(phone(), &restock).await, Err(Error::Unreachable { attempts: 1, .. })));
    let price = ProductPatch { price: Some(Price::parse("0.10").unwrap()), ..ProductPatch::default() };
    let (product, level) = client.change_product(phone(), &price).await.unwrap();
    assert_eq!((product.price.cents(), level.available().get()), (10, 197));
    let seen = shop.seen();
    assert!(seen[0].text.starts_with("POST /api/products HTTP/1.1"));
    assert!(seen[2].text.ends_with(r#"{"addStock":-5}"#));
    assert!(seen[4].text.ends_with(r#"{"price":"0.10"}"#));
}

#[tokio::test]
async fn terms_go_out_and_come_back() {
    let with_terms = PHONE.replacen('{', r#"{"startsAt":"2026-11-27T12:00:00.000Z","maxPerReservation":2,"#, 1);
    let shop = Shop::that([say(201, &with_terms), say(200, PHONE), say(200, PHONE)]).await;
    let client = shop.client();
    let start = Timestamp::parse("2026-11-27T12:00:00Z").unwrap();
    let terms = Terms::new(Some(start), None, Some(Quantity::new(2).unwrap())).unwrap();
    let product = client.create_product(&NewProduct { terms, ..new_phone() }).await.unwrap();
    assert_eq!(product.terms, terms);
    let terms = TermsPatch { starts_at: Edit::Clear, ends_at: Edit::Set(start), max_per_reservation: Edit::Keep };
    let (product, _) =
        client.change_product(phone(), &ProductPatch { terms, ..ProductPatch::default() }).await.unwrap();
    assert_eq!(product.terms, Terms::NONE);
    client
        .change_product(phone(), &ProductPatch { name: Some(product.name), ..ProductPatch::default() })
        .await
        .unwrap();
    let seen = shop.seen();
    let told = r#""totalStock":200,"startsAt":"2026-11-27T12:00:00.000Z","maxPerReservation":2}"#;
    assert!(seen[0].text.ends_with(told), "{}", seen[0].text);
    assert!(seen[1].text.ends_with(r#"{"startsAt":null,"endsAt":"2026-11-27T12:00:00.000Z"}"#), "{}", seen[1].text);
    assert!(!seen[2].text.contains("endsAt") && !seen[2].text.contains("startsAt"));
}

#[tokio::test]
async fn errors_are_typed() {
    let invalid = r#"{"status":400,"code":"invalid_request","detail":"Mend it.","requestId":"r",
        "errors":[{"field":"quantity","message":"must be an integer from 1 to 1000000"}]}"#;
    let held =
        r#"{"status":409,"code":"insufficient_stock","detail":"1 unit.","availableStock":1,"reason":"all_held"}"#;
    let shop = Shop::that([say(400, invalid), say(409, held), say(200, "<html>"), say(502, "<html>")]).await;
    let client = shop.builder().attempts(1).build().unwrap();
    let Err(Error::Refused(problem)) = client.reserve(wish(None)).await else { panic!("no refusal") };
    assert_eq!((&problem.code, problem.errors[0].field.as_str()), (&Code::InvalidRequest, "quantity"));
    let Err(Error::Refused(problem)) = client.reserve(wish(None)).await else { panic!("no refusal") };
    assert!(problem.may_free_up() && problem.available_stock == Some(1) && problem.code == Code::InsufficientStock);
    assert!(matches!(client.reserve(wish(None)).await, Err(Error::Unreadable { status: 200, .. })));
    assert!(matches!(client.reserve(wish(None)).await, Err(Error::Refused(problem)) if problem.status == 502));
}

#[tokio::test]
async fn a_hold_that_is_not_there_is_none() {
    let shop = Shop::that([say(200, HOLD), problem(404, "no_reservation", ""), problem(404, "product_not_found", "")]);
    let shop = shop.await;
    let (client, odd) = (shop.client(), UserId::parse("a&b=ü").unwrap());
    assert!(client.hold(phone(), &ada()).await.unwrap().is_some());
    assert!(client.release(phone(), &odd).await.unwrap().is_none());
    assert_eq!(client.release(phone(), &odd).await.unwrap_err().code(), Some(&Code::ProductNotFound));
    let seen = shop.seen();
    assert!(seen[0].text.starts_with(&format!("GET /api/products/{PRODUCT}/reserve?userId=ada ")));
    assert!(seen[1].text.starts_with(&format!("DELETE /api/products/{PRODUCT}/reserve?userId=a%26b%3D%C3%BC ")));
}

#[tokio::test]
async fn listings_and_tokens_go_out_as_the_contract_says() {
    let orders = format!(r#"{{"items":[{ORDER}],"nextCursor":"01890a5d-ac96-774b-bcce-b302099a8059"}}"#);
    let products = format!(r#"{{"items":[{PHONE}],"nextCursor":null}}"#);
    let shop = Shop::that([say(200, &orders), say(200, &products), say(200, PHONE), say(200, ORDER)]).await;
    let client = shop.builder().bearer_token("t0k").build().unwrap();
    let size = PageSize::new(50).unwrap();
    let page = client
        .orders(&OrderFilter { user: Some(ada()), product: Some(phone()) }, PageRequest { size, after: None })
        .await
        .unwrap();
    assert_eq!(page.next, Some(page.items[0].id));
    let listed = client.products(PageRequest { size, after: Some(phone()) }).await.unwrap();
    assert!(listed.next.is_none() && listed.items[0].name.as_str() == "Phone");
    assert_eq!(client.product(phone()).await.unwrap().1.reserved().get(), 3);
    assert_eq!(client.order(page.items[0].id).await.unwrap(), page.items[0]);
    let seen = shop.seen();
    assert!(seen[0].text.starts_with(&format!("GET /api/orders?limit=50&userId=ada&productId={PRODUCT} ")));
    assert!(seen[1].text.starts_with(&format!("GET /api/products?limit=50&cursor={PRODUCT} ")));
    assert!(seen.iter().all(|seen| seen.header("authorization") == Some("Bearer t0k")));
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for_by_every_call() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = Client::builder(&format!("http://{address}")).attempts(2).build().unwrap();
    assert!(matches!(client.create_product(&new_phone()).await, Err(Error::Unreachable { attempts: 2, .. })));
}
