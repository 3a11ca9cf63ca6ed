//! Records histories: a few users who want the same few units of one product.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::Answer;

use super::buyers::held;
use super::client::{Attempt, Call, Client, Settled};
use super::dice::Dice;
use super::history::{Asked, Fault, History, Sent, Told, Wish};
use super::tally::Ended;
use super::weather::{Span, now_us};

/// How many users; at most [`USERS`](crate::linear::model::USERS).
const CLIENTS: usize = 5;
/// How long they repeat what is unsettled.
const PATIENCE: Duration = Duration::from_secs(12);

/// The ids of one history's holds, counted from 1 as they are first seen.
#[derive(Debug, Default)]
struct Ids(Mutex<Vec<String>>);

impl Ids {
    async fn number(&self, id: &str) -> Result<u16> {
        let mut ids = self.0.lock().await;
        let place = ids.iter().position(|known| known == id).unwrap_or(ids.len());
        if place == ids.len() {
            ids.push(id.to_owned());
        }
        Ok(u16::try_from(place + 1)?)
    }
}

#[derive(Debug)]
struct User {
    number: usize,
    name: String,
    dice: Dice,
    client: Client,
    product: String,
    began: i64,
    ids: Arc<Ids>,
    /// The hold they believe they have.
    hold: Option<(u16, String)>,
    calls: Vec<Asked>,
}

/// Records a history of about this many calls of a product of its own.
///
/// # Errors
///
/// When the shop does not take the product, or answers what is no answer.
pub async fn record(client: &Client, seed: u64, calls: usize) -> Result<History> {
    let mut dice = Dice::new(seed, "history");
    let stock = i32::try_from(dice.between(6, 14))?;
    let create = Call {
        name: "create",
        method: Method::POST,
        path: "/api/products".to_owned(),
        key: None,
        body: Some(json!({ "name": "history", "price": 1, "totalStock": stock })),
        allowed: &[201],
    };
    let made = client.settle(&create, &mut dice, PATIENCE * 3).await.answer.context("the shop is closed")?;
    ensure!(made.status == 201, "{}", made.text);
    let product = made.json.get("id").and_then(Value::as_str).context("a product without id")?.to_owned();
    let ids = Arc::new(Ids::default());
    let began = now_us();
    let mut users = JoinSet::new();
    for number in 0..CLIENTS {
        let user = User {
            number,
            name: format!("user{number}"),
            dice: Dice::new(seed, &format!("user {number}")),
            client: client.clone(),
            product: product.clone(),
            began,
            ids: Arc::clone(&ids),
            hold: None,
            calls: Vec::new(),
        };
        users.spawn(user.shop(calls / CLIENTS));
    }
    let calls = users.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let mut calls: Vec<Asked> = calls.into_iter().flatten().collect();
    calls.sort_by_key(|call| call.attempts.first().map(|sent| sent.from));
    let hold_time = i64::try_from(client.options().ttl.as_micros())?;
    Ok(History { seed, product, began, stock, hold_time, faults: faults_since(client, began), calls })
}

fn faults_since(client: &Client, began: i64) -> Vec<Fault> {
    let span = Span { from: began / 1000, to: now_us() / 1000 };
    let since = |millis: i64| millis.saturating_mul(1000).saturating_sub(began);
    let faults = client.weather().within(span).into_iter().map(|event| Fault {
        kind: event.kind.name(),
        instance: event.instance,
        forgot: event.forgot,
        from: since(event.span.from),
        // The last microsecond of its last millisecond.
        to: (event.span.to < i64::MAX).then(|| since(event.span.to).saturating_add(999)),
    });
    faults.collect()
}

impl User {
    async fn shop(mut self, calls: usize) -> Result<Vec<Asked>> {
        for turn in 0..calls {
            self.turn(turn).await?;
            let short = self.client.options().ttl < Duration::from_secs(30);
            if short && self.dice.percent(12) {
                sleep(self.dice.time(Duration::ZERO, self.client.options().ttl)).await;
            }
        }
        Ok(self.calls)
    }

    async fn turn(&mut self, turn: usize) -> Result<()> {
        match (self.dice.between(0, 99), self.hold.is_some()) {
            (0..45, true) => self.pay(turn).await,
            (0..60, false) | (45..62, true) => self.reserve(turn).await,
            (62..74, true) | (60..64, false) => self.release().await,
            (74..84, true) | (64..74, false) => self.read().await,
            (97.., _) => self.add().await,
            _ => self.status().await,
        }
    }

    async fn reserve(&mut self, turn: usize) -> Result<()> {
        let quantity = i32::try_from(self.dice.between(1, 4))?;
        let mut call = self.call("reserve", Method::POST, "/reserve", &[200, 201, 409]);
        call.key = Some(format!("{}-{turn}", self.name));
        call.body = Some(json!({ "userId": self.name, "quantity": quantity }));
        let settled = self.ask(&call).await;
        let told = match &settled.answer {
            None => None,
            Some(answer) if answer.status == 409 => {
                let in_progress = answer.code() == Some("checkout_in_progress");
                Some(if in_progress { Told::InProgress } else { Told::Insufficient })
            }
            Some(answer) => {
                let (told, id, text) = self.hold_of(answer).await?;
                self.hold = Some((id, text));
                Some(told)
            }
        };
        self.note(Wish::Reserve { quantity }, told, &settled);
        Ok(())
    }

    async fn pay(&mut self, turn: usize) -> Result<()> {
        let Some((id, reservation)) = self.hold.take() else { return Ok(()) };
        let mut call = self.call("checkout", Method::POST, "/checkout", &[200, 201, 404, 409]);
        call.key = Some(format!("{}-pay{turn}", self.name));
        call.body = Some(json!({ "userId": self.name, "reservationId": reservation }));
        let settled = self.ask(&call).await;
        let told = match &settled.answer {
            None => None,
            Some(answer) if answer.status < 300 => {
                let quantity =
                    answer.json.get("quantity").and_then(Value::as_i64).context("an order without quantity")?;
                Some(Told::Order { quantity: i32::try_from(quantity)?, created: answer.status == 201 })
            }
            Some(_) => Some(Told::NoHold),
        };
        self.note(Wish::Checkout { id }, told, &settled);
        Ok(())
    }

    async fn release(&mut self) -> Result<()> {
        let mut call = self.call("release", Method::DELETE, "/reserve", &[200, 404]);
        call.body = Some(json!({ "userId": self.name }));
        self.hold = None;
        let settled = self.ask(&call).await;
        let told = match &settled.answer {
            None => None,
            Some(answer) if answer.status == 200 => Some(self.hold_of(answer).await?.0),
            Some(_) => Some(Told::NoHold),
        };
        self.note(Wish::Release, told, &settled);
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let path = format!("/reserve?userId={}", self.name);
        let settled = self.ask(&self.call("hold", Method::GET, &path, &[200, 404])).await;
        let told = match &settled.answer {
            None => None,
            Some(answer) if answer.status == 200 => {
                let (told, id, text) = self.hold_of(answer).await?;
                self.hold = Some((id, text));
                Some(told)
            }
            Some(_) => {
                self.hold = None;
                Some(Told::NoHold)
            }
        };
        self.note(Wish::Hold, told, &settled);
        Ok(())
    }

    async fn status(&mut self) -> Result<()> {
        let settled = self.ask(&self.call("status", Method::GET, "/status", &[200])).await;
        let mut told = None;
        if let Some(answer) = &settled.answer {
            let count = |name: &str| -> Result<i32> {
                let count = answer.json.get(name).and_then(Value::as_i64).context("a status without counters")?;
                Ok(i32::try_from(count)?)
            };
            let (total, reserved, available) =
                (count("totalStock")?, count("reservedStock")?, count("availableStock")?);
            ensure!(total == reserved + available, "{}", answer.text);
            told = Some(Told::Counters { total, reserved });
        }
        self.note(Wish::Status, told, &settled);
        Ok(())
    }

    /// One attempt only: a change of stock has no key.
    async fn add(&mut self) -> Result<()> {
        let units = i32::try_from(self.dice.between(2, 8))?;
        let mut call = self.call("adjust", Method::PATCH, "", &[200]);
        call.body = Some(json!({ "addStock": units }));
        let settled = self.client.once(&call, &mut self.dice).await;
        self.note(Wish::Add { units }, settled.answer.as_ref().map(|_| Told::Changed), &settled);
        Ok(())
    }

    fn call(&self, name: &'static str, method: Method, path: &str, allowed: &'static [u16]) -> Call {
        let path = format!("/api/products/{}{path}", self.product);
        Call { name, method, path, key: None, body: None, allowed }
    }

    async fn ask(&mut self, call: &Call) -> Settled {
        self.client.settle(call, &mut self.dice, PATIENCE).await
    }

    /// The hold that was told, its number and its id.
    async fn hold_of(&self, answer: &Answer) -> Result<(Told, u16, String)> {
        let hold = held(&answer.json, 0).with_context(|| format!("not a hold: {}", answer.text))?;
        let quantity = i32::try_from(hold.quantities.first().copied().unwrap_or_default())?;
        let id = self.ids.number(&hold.reservation).await?;
        let deadline = hold.expires_at.saturating_mul(1000).saturating_sub(self.began);
        let (created, replayed) = (answer.status == 201, answer.header("idempotent-replayed").is_some());
        Ok((Told::Hold { id, quantity, deadline, created, replayed }, id, hold.reservation))
    }

    fn note(&mut self, wish: Wish, told: Option<Told>, settled: &Settled) {
        let sent = |attempt: &Attempt| Sent {
            from: attempt.from - self.began,
            to: attempt.to - self.began,
            instance: attempt.instance,
            ended: match attempt.ended {
                Ended::Status(status) => status.to_string(),
                Ended::Broken => "broken".to_owned(),
                Ended::HungUp => "hung up".to_owned(),
                Ended::Silent => "silent".to_owned(),
            },
        };
        let attempts = settled.attempts.iter().map(sent).collect();
        self.calls.push(Asked { user: self.number, wish, told, attempts });
    }
}
