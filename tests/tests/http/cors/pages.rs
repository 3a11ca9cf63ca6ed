//! The same, seen from a page in a real browser.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::WebDriver;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::board::browser::{Browsers, Screen};
use crate::processes::Processes;
use crate::shop::Mode;

cases!(@mode embedded, Embedded, pages_of_the_shop_may_sell_and_those_of_strangers_may_not);

/// How long a script of a page may take: a busy machine draws late.
const PATIENCE: Duration = Duration::from_mins(2);

/// Creates a product, holds it, misses what is not there, lets go, and watches the stock; says what it read.
const SELL: &str = r"
    const [api, done] = arguments;
    const call = async (method, path, body) => {
        const headers = { 'content-type': 'application/json', 'idempotency-key': 'page', 'x-request-id': 'page-1' };
        return fetch(api + path, { method, headers, body: JSON.stringify(body) });
    };
    (async () => {
        const made = await call('POST', '/products', { name: 'Phone', price: 1, totalStock: 2 });
        const product = made.headers.get('location').replace('/api', '');
        const changed = await call('PATCH', product, { addStock: 1 });
        const held = await call('POST', product + '/reserve', { userId: 'ada', quantity: 2 });
        const again = await call('POST', product + '/reserve', { userId: 'ada', quantity: 2 });
        const missed = await call('POST', product + '/reserve', { userId: 'bob', quantity: 2 });
        const released = await call('DELETE', product + '/reserve', { userId: 'ada' });
        const stream = new EventSource(api + product + '/events');
        const stock = await new Promise((resolve, reject) => {
            stream.addEventListener('stock', (event) => resolve(JSON.parse(event.data)));
            stream.onerror = () => reject(new Error('no events'));
        });
        stream.close();
        return {
            statuses: [made, changed, held, again, missed, released].map((answer) => answer.status),
            replayed: again.headers.get('idempotent-replayed'),
            request: missed.headers.get('x-request-id'),
            code: (await missed.json()).code,
            total: stock.totalStock,
        };
    })().then(done, (error) => done(String(error)));
";

/// Tries to read, and to do what no plain form could; says what came of it.
const TRY: &str = r"
    const [api, done] = arguments;
    const failed = (promise) => promise.then((answer) => answer.status, (error) => error.name);
    const json = { 'content-type': 'application/json' };
    const body = JSON.stringify({ name: 'Fake', price: 1, totalStock: 1 });
    Promise.all([
        failed(fetch(api + '/products')),
        failed(fetch(api + '/products', { method: 'POST', headers: json, body })),
        failed(fetch(api + '/products', { method: 'POST', headers: { 'content-type': 'text/plain' }, body })),
    ]).then(done);
";

async fn pages_of_the_shop_may_sell_and_those_of_strangers_may_not(mode: Mode) {
    let (ours, stranger) = (serve_pages().await, serve_pages().await);
    let shop = Processes::start(mode, &[("FLASHDEAL_CORS_ORIGINS", &format!("http://{ours}"))]).await;
    let api = format!("http://{}/api", shop.next().addr());
    let browsers = Browsers::start().await;
    let page = browsers.open(Screen::Desk).await;
    page.set_script_timeout(PATIENCE).await.unwrap();

    let sold = run(&page, ours, SELL, &api).await;
    let read = json!({
        "statuses": [201, 200, 201, 200, 409, 200],
        "replayed": "true", "request": "page-1", "code": "insufficient_stock", "total": 3,
    });
    assert_eq!(sold, read);

    let tried = run(&page, stranger, TRY, &api).await;
    assert_eq!(tried, json!(["TypeError", "TypeError", "TypeError"]));
    page.quit().await.unwrap();
    let listed = shop.call("GET", "/api/products").send().await.is(200);
    assert_eq!(listed.json()["items"].as_array().map(Vec::len), Some(1), "nothing of it had an effect\n{listed}");
}

/// What a script says that a page of this origin runs.
async fn run(page: &WebDriver, origin: SocketAddr, script: &str, api: &str) -> Value {
    page.goto(format!("http://{origin}/")).await.unwrap();
    page.execute_async(script, vec![json!(api)]).await.unwrap().json().clone()
}

/// A server of pages, for as long as the test runs. Its port is what makes it another origin.
async fn serve_pages() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // A browser opens connections that it may never use, so each is served by itself.
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_page(stream));
        }
    });
    address
}

/// One page, and the end of the connection. A browser that goes away meanwhile is no failure.
async fn serve_page(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let page = "<!doctype html><title>A shop</title><link rel=icon href=data:,>";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: ";
    stream.write_all(format!("{head}{}\r\n\r\n{page}", page.len()).as_bytes()).await?;
    stream.shutdown().await
}
