//! One recorded history: a few users who want the same few units of one product.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::Answer;
use crate::linear::Event;
use crate::linear::model::Did;

use super::buyers::held;
use super::client::{Call, Client};
use super::dice::Dice;
use super::weather::Span;

/// How many users; at most [`USERS`](crate::linear::model::USERS).
const CLIENTS: usize = 5;
/// How long they repeat what is unsettled.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long the gate may not know of a sale whose end it did not acknowledge: until settle has ended it.
const SETTLED: i64 = 9_000_000;
/// How long a call that was given up may still be on its way, in a frozen process or a frozen connection.
const LATE: i64 = 6_000_000;
/// A sale that the gate does not acknowledge in this time is answered all the same.
const FINISH_PATIENCE: i64 = 100_000;

/// What was recorded.
#[derive(Debug, Clone)]
pub struct History {
    /// The stock at the start.
    pub stock: i32,
    /// The calls.
    pub events: Vec<Event>,
}

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
    ids: Arc<Ids>,
    /// The hold they believe they have.
    hold: Option<(u16, String, i32)>,
    /// What they have bought.
    bought: Vec<u16>,
    events: Vec<Event>,
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
    let began = now();
    let mut users = JoinSet::new();
    for number in 0..CLIENTS {
        let user = User {
            number,
            name: format!("user{number}"),
            dice: Dice::new(seed, &format!("user {number}")),
            client: client.clone(),
            product: product.clone(),
            ids: Arc::clone(&ids),
            hold: None,
            bought: Vec::new(),
            events: Vec::new(),
        };
        users.spawn(user.shop(calls / CLIENTS));
    }
    let events = users.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let mut events: Vec<Event> = events.into_iter().flatten().collect();
    for lost in client.weather().forgettings() {
        let (from, to) = (lost.from.saturating_mul(1000), lost.to.saturating_mul(1000).saturating_add(999));
        if to >= began && from <= now() {
            events.push(Event { user: 0, did: Did::Forgot, from, to, answered: true });
        }
    }
    Ok(History { stock, events })
}

impl User {
    async fn shop(mut self, calls: usize) -> Result<Vec<Event>> {
        for turn in 0..calls {
            self.turn(turn).await?;
            let short = self.client.options().ttl < Duration::from_secs(30);
            if short && self.dice.percent(12) {
                sleep(self.dice.time(Duration::ZERO, self.client.options().ttl)).await;
            }
        }
        Ok(self.events)
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
        let took = self.ask(&call).await;
        let ttl = i64::try_from(self.client.options().ttl.as_micros())?;
        let unsettled = Did::MaybeHeld { quantity, deadline: took.from.saturating_add(ttl) };
        let Some(answer) = &took.answer else {
            self.note_unknown(unsettled, took.from, took.to);
            return Ok(());
        };
        if answer.status == 409 {
            let in_progress = answer.code() == Some("checkout_in_progress");
            let did = if in_progress { Did::InProgress } else { Did::Insufficient { quantity } };
            self.note(did, took.last_from, took.to);
            if took.unknown > 0 {
                self.note_unknown(unsettled, took.from, took.to);
            }
            return Ok(());
        }
        let (id, text, units, deadline) = self.hold_of(answer).await?;
        let first_answer = answer.header("idempotent-replayed").is_none() && took.unknown == 0;
        let created = first_answer.then_some(answer.status == 201);
        self.hold = Some((id, text, units));
        self.note(Did::Held { id, quantity: units, deadline, created }, took.from, took.to);
        // A gate that forgot the first attempt, and its key, takes the second for a new wish.
        let span = Span { from: took.from / 1000, to: took.to / 1000 };
        if took.unknown > 0 && (self.client.weather().forgot_within(span) || took.to - took.from > ttl) {
            self.note_unknown(unsettled, took.from, took.to);
        }
        Ok(())
    }

    async fn pay(&mut self, turn: usize) -> Result<()> {
        let Some((id, reservation, _)) = self.hold.take() else { return Ok(()) };
        let mut call = self.call("checkout", Method::POST, "/checkout", &[200, 201, 404, 409]);
        call.key = Some(format!("{}-pay{turn}", self.name));
        call.body = Some(json!({ "userId": self.name, "reservationId": reservation }));
        let took = self.ask(&call).await;
        match &took.answer {
            // The gate still showed a hold that they had bought: the same order again changes nothing.
            Some(answer) if answer.status == 200 && self.bought.contains(&id) => {}
            Some(answer) if answer.status < 300 => {
                self.bought.push(id);
                let quantity =
                    answer.json.get("quantity").and_then(Value::as_i64).context("an order without quantity")?;
                let bad = Span { from: took.from / 1000 - 300, to: took.to / 1000 + 300 };
                let deferred = took.to - took.last_from >= FINISH_PATIENCE || self.client.weather().bad_within(bad);
                let lingers = if deferred { took.to + SETTLED } else { took.to };
                let did = Did::Sold { id, quantity: i32::try_from(quantity)?, lingers };
                self.note(did, took.from, took.to);
            }
            Some(_) => self.note(Did::NotSold { id }, took.from, took.to),
            None => {
                self.note_unknown(Did::MaybeSold { id }, took.from, took.to);
            }
        }
        Ok(())
    }

    async fn release(&mut self) -> Result<()> {
        let mut call = self.call("release", Method::DELETE, "/reserve", &[200, 404]);
        call.body = Some(json!({ "userId": self.name }));
        self.hold = None;
        let took = self.ask(&call).await;
        let Some(answer) = &took.answer else {
            self.note_unknown(Did::MaybeReleased, took.from, took.to);
            return Ok(());
        };
        if answer.status == 200 {
            let (id, _, quantity, _) = self.hold_of(answer).await?;
            self.note(Did::Released { id, quantity }, took.from, took.to);
        } else {
            self.note(Did::NothingReleased { unsure: took.unknown > 0 }, took.from, took.to);
        }
        // An attempt that was only slow releases what comes after it: a release has no key.
        if took.unknown > 0 {
            self.note_unknown(Did::MaybeReleased, took.from, took.to);
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let path = format!("/reserve?userId={}", self.name);
        let took = self.ask(&self.call("hold", Method::GET, &path, &[200, 404])).await;
        let Some(answer) = &took.answer else { return Ok(()) };
        let did = if answer.status == 200 {
            let (id, text, quantity, _) = self.hold_of(answer).await?;
            self.hold = Some((id, text, quantity));
            Did::Has { id, quantity }
        } else {
            self.hold = None;
            Did::HasNone
        };
        self.note(did, took.last_from, took.to);
        Ok(())
    }

    async fn status(&mut self) -> Result<()> {
        let took = self.ask(&self.call("status", Method::GET, "/status", &[200])).await;
        let Some(answer) = &took.answer else { return Ok(()) };
        let count = |name: &str| -> Result<i32> {
            let count = answer.json.get(name).and_then(Value::as_i64).context("a status without counters")?;
            Ok(i32::try_from(count)?)
        };
        let (total, reserved, available) = (count("totalStock")?, count("reservedStock")?, count("availableStock")?);
        ensure!(total == reserved + available, "{}", answer.text);
        self.note(Did::Status { total, reserved }, took.last_from, took.to);
        Ok(())
    }

    /// One attempt only: a change of stock has no key.
    async fn add(&mut self) -> Result<()> {
        let units = i32::try_from(self.dice.between(2, 8))?;
        let mut call = self.call("adjust", Method::PATCH, "", &[200]);
        call.body = Some(json!({ "addStock": units }));
        let from = now();
        let choice = self.dice.roll();
        let answer = self.client.attempt(&call, choice).await;
        match answer {
            // A gate that is being opened leaves what another epoch's record says to the next round of the background.
            Some(_) if self.client.weather().bad_within(Span { from: from / 1000 - 3000, to: now() / 1000 }) => {
                self.note(Did::MaybeAdded { units }, from, now());
            }
            Some(_) => self.note(Did::Added { units }, from, now()),
            None => self.note_unknown(Did::MaybeAdded { units }, from, now()),
        }
        Ok(())
    }

    fn call(&self, name: &'static str, method: Method, path: &str, allowed: &'static [u16]) -> Call {
        let path = format!("/api/products/{}{path}", self.product);
        Call { name, method, path, key: None, body: None, allowed }
    }

    async fn ask(&mut self, call: &Call) -> Took {
        let from = now();
        let settled = self.client.settle(call, &mut self.dice, PATIENCE).await;
        let last_from = if settled.unknown == 0 { from } else { settled.last_sent.saturating_mul(1000) };
        Took { answer: settled.answer, from, last_from, to: now(), unknown: settled.unknown }
    }

    async fn hold_of(&self, answer: &Answer) -> Result<(u16, String, i32, i64)> {
        let hold = held(&answer.json, 0).with_context(|| format!("not a hold: {}", answer.text))?;
        let quantity = hold.quantities.first().copied().unwrap_or_default();
        let id = self.ids.number(&hold.reservation).await?;
        Ok((id, hold.reservation, i32::try_from(quantity)?, hold.expires_at.saturating_mul(1000)))
    }

    fn note(&mut self, did: Did, from: i64, to: i64) {
        self.events.push(Event { user: self.number, did, from, to, answered: true });
    }

    /// A call whose last attempt was given up `at` that time.
    fn note_unknown(&mut self, did: Did, from: i64, at: i64) {
        self.events.push(Event { user: self.number, did, from, to: at + LATE, answered: false });
    }
}

struct Took {
    answer: Option<Answer>,
    from: i64,
    last_from: i64,
    to: i64,
    unknown: u32,
}

/// Microseconds since 1970 by the wall clock.
#[expect(clippy::disallowed_methods, reason = "a history is told by the ledger's own clock")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
