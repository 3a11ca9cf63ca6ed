//! Buyers. Each goes on one shopping trip after the other, as a user of its own each time, so that what became of a trip can
//! be told to the unit.

pub mod waiting;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::client::{Call, Client, Settled};
use super::dice::Dice;
use super::options::FaultKind;
use super::promises;
use super::shopkeeper::{AWAITED, PLENTIFUL, SCARCE, Shelf, Ware};
use super::weather::{Span, now_ms};

use self::waiting::Wait;

/// How long a buyer repeats one request before they leave it unsettled.
const PATIENCE: Duration = Duration::from_secs(25);

/// One shopping trip, as its buyer knows it.
#[derive(Debug, Clone)]
pub struct Trip {
    /// Whose.
    pub user: String,
    /// For what: a place on the shelf.
    pub ware: usize,
    /// Their wait, if they joined the line.
    pub wait: Option<Wait>,
    /// The hold, once one was acknowledged.
    pub hold: Option<Held>,
    /// How it ended.
    pub fate: Fate,
}

/// A hold as its owner knows it.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its id.
    pub reservation: String,
    /// The quantities it may have: two while a change of it is unsettled.
    pub quantities: Vec<u64>,
    /// Its deadline.
    pub expires_at: i64,
    /// When it was asked for.
    pub asked: i64,
}

/// How a trip ended.
#[derive(Debug, Clone)]
pub enum Fate {
    /// With nothing: they never got a hold, or let it lapse.
    Nothing,
    /// The hold was released, acknowledged.
    Released,
    /// Bought: the order as acknowledged.
    Bought(Value),
    /// The checkout was refused.
    Refused,
    /// Nobody knows.
    Unsettled,
}

/// A buyer.
#[derive(Debug)]
pub struct Buyer {
    number: u32,
    dice: Dice,
    client: Client,
    shelf: Arc<Shelf>,
}

impl Buyer {
    /// A buyer with their own dice.
    #[must_use]
    pub fn new(number: u32, dice: Dice, client: Client, shelf: Arc<Shelf>) -> Self {
        Self { number, dice, client, shelf }
    }

    /// One trip after the other.
    pub async fn shop_until(mut self, over: Instant) -> Vec<Trip> {
        let mut trips = Vec::new();
        while Instant::now() < over {
            let user = format!("buyer{}-trip{}", self.number, trips.len());
            trips.push(self.trip(user).await);
            sleep(self.dice.time(Duration::ZERO, Duration::from_millis(60))).await;
        }
        trips
    }

    async fn trip(&mut self, user: String) -> Trip {
        // While somebody waits, walk-ins are refused: so most wait for what few others want.
        let (ware, waits) = match self.dice.between(0, 99) {
            0..36 => (SCARCE, false),
            36..80 => (PLENTIFUL, false),
            80..81 => (PLENTIFUL, true),
            81..86 => (AWAITED, false),
            _ => (AWAITED, true),
        };
        let mut trip = Trip { user, ware, wait: None, hold: None, fate: Fate::Nothing };
        let Some(product) = self.shelf.0.get(ware).cloned() else { return trip };
        if waits {
            self.stand_in_line(&product, &mut trip).await;
            return trip;
        }
        let quantity = self.dice.between(1, 3);
        let reserve = reserve(&product, &trip.user, quantity, "reserve");
        let settled = self.settle(&reserve).await;
        let Some(hold) = settled.answer.as_ref().filter(|answer| answer.status != 409).map(|answer| &answer.json)
        else {
            if settled.answer.is_none() {
                trip.fate = Fate::Unsettled;
            }
            return trip;
        };
        trip.hold = held(hold, settled.span.from);
        if trip.hold.is_none() {
            promises::malformed(&self.client, hold);
            return trip;
        }
        self.with_hold(&product, &mut trip).await;
        trip
    }

    async fn with_hold(&mut self, product: &Ware, trip: &mut Trip) {
        if self.dice.percent(25) {
            self.change(product, trip).await;
        }
        if self.dice.percent(20) {
            self.read(product, trip).await;
        }
        self.decide(product, trip).await;
    }

    async fn decide(&mut self, product: &Ware, trip: &mut Trip) {
        let long = self.client.options().ttl;
        let plan = self.dice.between(0, 99);
        // Some pay at once, some just before or after the deadline, some never.
        let wait = match plan {
            0..40 => Duration::ZERO,
            40..70 => self.dice.time(Duration::ZERO, long / 2),
            _ => self.dice.time(long * 9 / 10, long * 11 / 10),
        };
        sleep(wait).await;
        match self.dice.between(0, 99) {
            0..75 => self.pay(product, trip).await,
            75..88 => self.release(product, trip).await,
            _ => {}
        }
    }

    /// Sets the quantity. The hold stays the same one.
    async fn change(&mut self, product: &Ware, trip: &mut Trip) {
        let Some(hold) = &mut trip.hold else { return };
        let quantity = self.dice.between(1, 4);
        let call = reserve(product, &trip.user, quantity, "change");
        let settled = self.client.settle(&call, &mut self.dice, PATIENCE).await;
        let Some(answer) = &settled.answer else {
            hold.quantities.push(quantity);
            return;
        };
        if answer.status == 409 {
            // A first attempt may have been slow rather than lost.
            if settled.unknown > 0 {
                hold.quantities.push(quantity);
            }
            return;
        }
        let now = held(&answer.json, settled.span.from);
        match now {
            Some(now) if now.reservation == hold.reservation => hold.quantities = now.quantities,
            Some(now) => {
                promises::vanished(&self.client, hold, settled.span, "a change of its quantity made another hold");
                *hold = now;
            }
            None => promises::malformed(&self.client, &answer.json),
        }
    }

    async fn read(&mut self, product: &Ware, trip: &mut Trip) {
        let Some(hold) = &trip.hold else { return };
        let call = Call {
            name: "hold",
            method: Method::GET,
            path: format!("/api/products/{}/reserve?userId={}", product.id, trip.user),
            key: None,
            body: None,
            allowed: &[200, 404],
        };
        let settled = self.client.settle(&call, &mut self.dice, PATIENCE).await;
        if settled.answer.is_some_and(|answer| answer.status == 404) {
            promises::vanished(&self.client, hold, settled.span, "reading it found none");
        }
    }

    async fn release(&mut self, product: &Ware, trip: &mut Trip) {
        let settled = self.settle(&release(product, &trip.user)).await;
        trip.fate = match settled.answer.map(|answer| answer.status) {
            Some(200) => Fate::Released,
            None => Fate::Unsettled,
            Some(_) => Fate::Nothing,
        };
    }

    async fn pay(&mut self, product: &Ware, trip: &mut Trip) {
        let Some(hold) = trip.hold.clone() else { return };
        let call = Call {
            name: "checkout",
            method: Method::POST,
            path: format!("/api/products/{}/checkout", product.id),
            key: Some(format!("{}-pay", trip.user)),
            body: Some(json!({ "userId": trip.user, "reservationId": hold.reservation })),
            allowed: &[201, 200, 404, 409],
        };
        let began = now_ms();
        let settled = self.settle(&call).await;
        let Some(answer) = settled.answer else {
            trip.fate = Fate::Unsettled;
            return;
        };
        if answer.status == 404 || answer.status == 409 {
            promises::vanished(
                &self.client,
                &hold,
                settled.span,
                &format!("its checkout was refused: {}", answer.text),
            );
            trip.fate = Fate::Refused;
            return;
        }
        promises::paid_in_time(&self.client, &hold, began);
        self.client.tally().order();
        if self.dice.percent(15) {
            let again = self.settle(&call).await;
            promises::same_order(&self.client, &answer.json, again.answer.as_ref());
        }
        trip.fate = Fate::Bought(answer.json);
    }

    /// Settles a call as this storm's buyers do: some send it twice at once, some hang up on it first.
    async fn settle(&mut self, call: &Call) -> Settled {
        let options = self.client.options();
        let (twice, hang_up) = (options.has(FaultKind::Duplicates), options.has(FaultKind::HangUps));
        if hang_up && self.dice.percent(25) {
            let from = now_ms();
            let choice = self.dice.roll();
            if self.dice.percent(50) {
                let patience = self.dice.time(Duration::ZERO, Duration::from_millis(30));
                let _ = self.client.attempt_within(call, choice, Some(patience)).await;
            } else {
                let pause = self.dice.time(Duration::ZERO, Duration::from_millis(400));
                let _ = self.client.dawdle(call, choice, pause).await;
            }
            let settled = self.client.settle(call, &mut self.dice, PATIENCE).await;
            let span = Span { from, ..settled.span };
            return Settled { span, unknown: settled.unknown + 1, ..settled };
        }
        if twice && self.dice.percent(25) {
            let mut other_dice = Dice::new(self.dice.roll(), &call.path);
            let other = self.client.settle(call, &mut other_dice, PATIENCE);
            let (settled, other) = tokio::join!(self.client.settle(call, &mut self.dice, PATIENCE), other);
            promises::doubles_agree(&self.client, call, &settled, &other);
            let settled = if settled.answer.is_some() { settled } else { other };
            return Settled { unknown: settled.unknown + 1, ..settled };
        }
        self.client.settle(call, &mut self.dice, PATIENCE).await
    }
}

/// A request for a hold, or for another quantity of it.
#[must_use]
pub fn reserve(product: &Ware, user: &str, quantity: u64, turn: &str) -> Call {
    Call {
        name: "reserve",
        method: Method::POST,
        path: format!("/api/products/{}/reserve", product.id),
        key: Some(format!("{user}-{turn}")),
        body: Some(json!({ "userId": user, "quantity": quantity })),
        allowed: &[201, 200, 409],
    }
}

/// A request to give the hold back.
#[must_use]
pub fn release(product: &Ware, user: &str) -> Call {
    Call {
        name: "release",
        method: Method::DELETE,
        path: format!("/api/products/{}/reserve", product.id),
        key: None,
        body: Some(json!({ "userId": user })),
        allowed: &[200, 404],
    }
}

/// The hold of an answer; `None` if it is none.
#[must_use]
pub fn held(json: &Value, asked: i64) -> Option<Held> {
    let text = |name: &str| json.get(name).and_then(Value::as_str);
    Some(Held {
        reservation: text("reservationId")?.to_owned(),
        quantities: vec![json.get("quantity").and_then(Value::as_u64)?],
        expires_at: text("expiresAt")?.parse::<jiff::Timestamp>().ok()?.as_millisecond(),
        asked,
    })
}
