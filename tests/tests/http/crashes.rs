//! `kill -9` of the real binary in the middle of a storm: nothing that was acknowledged is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flashdeal_tests::http::{Answer, Http};
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::shop::{Call, Mode, checkout_path, reserve_path};

cases!(embedded only: a_kill_loses_nothing_that_was_acknowledged);

const UNITS: u64 = 100_000;
const USERS: u64 = 24;
const KILLS: u64 = 3;

/// What one user was told.
#[derive(Default)]
struct Told {
    /// The hold as last acknowledged; `None` if they have none for certain.
    hold: Option<Value>,
    /// Whether a call of theirs was under way when the server died.
    unsure: bool,
    orders: Vec<Value>,
}

async fn a_kill_loses_nothing_that_was_acknowledged(mode: Mode) {
    assert_eq!(mode, Mode::Embedded);
    let options = AppOptions::new(flashdeal_binary().unwrap()).env("FLASHDEAL_RATE_LIMIT", "off");
    let app = AppProcess::start(options).await.unwrap();
    let body = json!({ "name": "Phone", "price": "9.99", "totalStock": UNITS });
    let made = Call::new(app.http().unwrap(), "POST", "/api/products").json(&body).send().await.is(201);
    let product = made.id("id");
    let mut orders = Vec::new();
    for kill in 0..KILLS {
        let http = app.http().unwrap();
        let over = AtomicBool::new(false);
        let users = (0..USERS).map(|user| shop_on(&http, &product, format!("user{user}-{kill}"), &over));
        let killer = async {
            sleep(Duration::from_millis(250 + 100 * kill)).await;
            app.kill9().await.unwrap();
            over.store(true, Ordering::SeqCst);
        };
        let (told, ()) = tokio::join!(join_all(users), killer);
        app.restart().await.unwrap();
        let http = app.http().unwrap();
        let acknowledged: usize = told.iter().map(|told| told.orders.len()).sum();
        assert!(acknowledged > 0, "the storm was a calm");
        for (user, told) in told.into_iter().enumerate() {
            still_there(&http, &product, &format!("user{user}-{kill}"), &told).await;
            orders.extend(told.orders);
        }
        books_balance(&http, &product, &orders).await;
    }
}

/// Reserves and pays, again and again, until the server dies.
async fn shop_on(http: &Http, product: &str, user: String, over: &AtomicBool) -> Told {
    let mut told = Told::default();
    let reserve = async |quantity: u64| {
        http.post(&reserve_path(product)).json(&json!({ "userId": user, "quantity": quantity })).send().await
    };
    for turn in 1.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        for quantity in [1 + turn % 3, 2] {
            let Some(hold) = acknowledged(reserve(quantity).await, &[200, 201]) else {
                told.unsure = true;
                return told;
            };
            told.hold = Some(hold);
        }
        let order = http.post(&checkout_path(product)).json(&json!({ "userId": user })).send().await;
        let Some(order) = acknowledged(order, &[201]) else {
            told.unsure = true;
            return told;
        };
        told.orders.push(order);
        told.hold = None;
    }
    told
}

/// The body of an answer that came whole, which must be a good one.
fn acknowledged(answer: anyhow::Result<Answer>, good: &[u16]) -> Option<Value> {
    let answer = answer.ok()?;
    assert!(good.contains(&answer.status), "{}: {}", answer.status, answer.text);
    Some(answer.json)
}

async fn still_there(http: &Http, product: &str, user: &str, told: &Told) {
    for order in &told.orders {
        let path = format!("/api/orders/{}", order["orderId"].as_str().unwrap());
        let read = Call::new(http.clone(), "GET", &path).send().await.is(200);
        assert_eq!(read.json(), order, "{read}");
    }
    let path = format!("{}?userId={user}", reserve_path(product));
    let read = Call::new(http.clone(), "GET", &path).send().await;
    match &told.hold {
        Some(hold) if told.unsure => {
            // The call that was cut off may have set the quantity or bought the hold; nothing else.
            let same = read.status() == 200 && read.json()["reservationId"] == hold["reservationId"];
            if !same {
                let reservation = hold["reservationId"].as_str().unwrap();
                let body = json!({ "userId": user, "reservationId": reservation });
                let again = Call::new(http.clone(), "POST", &checkout_path(product)).json(&body).send().await.is(200);
                again.check(again.json()["quantity"] == hold["quantity"], "it was bought as it was held");
            }
        }
        Some(hold) => {
            let read = read.is(200);
            assert_eq!(read.json(), hold, "{read}");
        }
        None if !told.unsure => drop(read.refused(404, "no_reservation")),
        None => {}
    }
}

/// What is left and what was sold make up what there was, and nothing was sold that nobody asked for.
async fn books_balance(http: &Http, product: &str, acknowledged: &[Value]) {
    let mut sold = 0;
    let mut count = 0;
    let mut path = "/api/orders?limit=100".to_owned();
    loop {
        let page = Call::new(http.clone(), "GET", &path).send().await.is(200);
        for order in page.json()["items"].as_array().unwrap() {
            sold += order["quantity"].as_u64().unwrap();
            count += 1;
        }
        let Some(cursor) = page.json()["nextCursor"].as_str() else { break };
        path = format!("/api/orders?limit=100&cursor={cursor}");
    }
    let status = Call::new(http.clone(), "GET", &format!("/api/products/{product}/status")).send().await.is(200);
    assert_eq!(status.count("totalStock"), UNITS - sold, "sold {sold}\n{status}");
    let most = u64::try_from(acknowledged.len()).unwrap() + USERS * KILLS;
    assert!(count <= most, "{count} orders, where at most {most} were asked for");
}
