//! Buyers who wait: they join a line, look how that stands, and leave it or take what they are called to.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::super::client::{Call, Client};
use super::super::dice::Dice;
use super::super::promises::{self, lines};
use super::super::shopkeeper::Ware;
use super::super::weather::{Span, now_ms};
use super::{Buyer, Held, PATIENCE, Trip, held};

/// The pauses between two looks: several of them fit into a hold's time.
const BETWEEN_LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(300));

/// A wait, as who waits knows it.
#[derive(Debug, Clone)]
pub struct Wait {
    /// When they asked to join.
    pub asked: i64,
    /// How many they want.
    pub quantity: u64,
    /// Whether they asked once and were answered. Else another attempt may put them in line later, or again after they were called.
    pub once: bool,
    /// What they know of it last.
    pub stage: Stage,
}

/// How far a wait got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nobody knows whether they joined, or whether they left.
    Unsettled,
    /// They joined, and look after it no more.
    Joined,
    /// They left, acknowledged.
    Left,
    /// They were called, and saw the hold.
    Called,
    /// They are in line no more, and saw no hold: it may have come and lapsed between two looks.
    Gone,
}

/// What one who waits sees.
#[derive(Debug)]
pub enum Seen {
    /// They are in line.
    InLine,
    /// They hold units.
    Called(Held),
    /// Neither.
    Neither,
    /// Nothing: it was not answered.
    Unsettled,
}

/// When one who waits saw that they hold nothing: whether they could have been called and not have seen it.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    last: i64,
    longest: i64,
}

impl Looks {
    /// Looks that begin when nothing was held for certain.
    #[must_use]
    pub fn since(from: i64) -> Self {
        Self { last: from, longest: 0 }
    }

    /// At some moment within this span they held nothing.
    fn nothing_held(&mut self, span: Span) {
        self.longest = self.longest.max(span.to - self.last);
        self.last = span.from;
    }

    /// Whether a hold of this time fits between two of the looks.
    #[must_use]
    pub fn miss(self, ttl: Duration) -> bool {
        i64::try_from(ttl.as_millis()).is_ok_and(|ttl| self.longest + promises::SKEW_MS >= ttl)
    }
}

/// One look at the line and, if it does not tell of a hold, at the hold: a call is a hold before it is the end of the wait.
pub async fn look(client: &Client, product: &Ware, user: &str, dice: &mut Dice, looks: &mut Looks) -> Seen {
    let get = |name, route: &str| {
        let path = format!("/api/products/{}/{route}?userId={user}", product.id);
        Call { name, method: Method::GET, path, key: None, body: None, allowed: &[200, 404] }
    };
    let settled = client.settle(&get("wait", "waitlist"), dice, PATIENCE).await;
    let Some(answer) = settled.answer else { return Seen::Unsettled };
    let in_line = answer.status == 200 && answer.json.get("called").and_then(Value::as_bool) == Some(false);
    if answer.status == 200 && !in_line {
        return called(client, &answer.json, settled.span);
    }
    let settled = client.settle(&get("hold", "reserve"), dice, PATIENCE).await;
    let Some(answer) = settled.answer else { return Seen::Unsettled };
    if answer.status == 200 {
        return called(client, &answer.json, settled.span);
    }
    looks.nothing_held(settled.span);
    if in_line { Seen::InLine } else { Seen::Neither }
}

fn called(client: &Client, json: &Value, span: Span) -> Seen {
    held(json, span.from).map_or_else(
        || {
            promises::malformed(client, json);
            Seen::Unsettled
        },
        Seen::Called,
    )
}

/// A request to stand in line. It has no key: there is one wait per user and product.
#[must_use]
pub fn join(product: &Ware, user: &str, quantity: u64) -> Call {
    Call {
        name: "join",
        method: Method::POST,
        path: format!("/api/products/{}/waitlist", product.id),
        key: None,
        body: Some(json!({ "userId": user, "quantity": quantity })),
        allowed: &[201, 200],
    }
}

/// A request to wait no more.
#[must_use]
pub fn leave(product: &Ware, user: &str) -> Call {
    Call {
        name: "leave",
        method: Method::DELETE,
        path: format!("/api/products/{}/waitlist", product.id),
        key: None,
        body: Some(json!({ "userId": user })),
        allowed: &[200, 404],
    }
}

impl Buyer {
    /// Joins the line, and waits as long as they have patience; some join and never come back.
    pub(super) async fn stand_in_line(&mut self, product: &Ware, trip: &mut Trip) {
        let quantity = self.dice.between(1, 3);
        let asked = now_ms();
        let settled = self.settle(&join(product, &trip.user, quantity)).await;
        let mut wait = Wait { asked, quantity, once: settled.unknown == 0, stage: Stage::Unsettled };
        if settled.answer.is_some() {
            wait.stage = Stage::Joined;
            self.wait(product, trip, &mut wait).await;
        }
        trip.wait = Some(wait);
    }

    async fn wait(&mut self, product: &Ware, trip: &mut Trip, wait: &mut Wait) {
        let long = self.client.options().ttl;
        let patience = match self.dice.between(0, 99) {
            0..15 => self.dice.time(Duration::ZERO, long / 3),
            15..88 => self.dice.time(long, long * 2),
            _ => return,
        };
        let until = Instant::now() + patience;
        let mut looks = Looks::since(wait.asked);
        while Instant::now() < until {
            match look(&self.client, product, &trip.user, &mut self.dice, &mut looks).await {
                Seen::Called(hold) => return self.called(product, trip, wait, hold).await,
                Seen::Neither => {
                    wait.stage = Stage::Gone;
                    return lines::gone(&self.client, &trip.user, wait, looks);
                }
                Seen::InLine | Seen::Unsettled => {}
            }
            sleep(self.dice.time(BETWEEN_LOOKS.0, BETWEEN_LOOKS.1)).await;
        }
        self.leave(product, trip, wait, looks).await;
    }

    async fn leave(&mut self, product: &Ware, trip: &mut Trip, wait: &mut Wait, mut looks: Looks) {
        let settled = self.settle(&leave(product, &trip.user)).await;
        wait.stage = match settled.answer.map(|answer| answer.status) {
            None => Stage::Unsettled,
            // They were called; or an attempt whose answer was lost has taken them out.
            Some(404) if settled.unknown == 0 => Stage::Gone,
            Some(_) => Stage::Left,
        };
        match look(&self.client, product, &trip.user, &mut self.dice, &mut looks).await {
            // Who leaves at the very moment they are called finds a hold all the same.
            Seen::Called(hold) => {
                let left = wait.stage == Stage::Left;
                self.called(product, trip, wait, hold).await;
                if left {
                    wait.stage = Stage::Left;
                }
            }
            Seen::InLine => lines::out_of_line(&self.client, &trip.user, wait),
            Seen::Neither if wait.stage == Stage::Gone => lines::gone(&self.client, &trip.user, wait, looks),
            Seen::Neither | Seen::Unsettled => {}
        }
    }

    /// With the hold they were called to. Its quantity is not changed: so another hold can only be of another call.
    async fn called(&mut self, product: &Ware, trip: &mut Trip, wait: &mut Wait, hold: Held) {
        wait.stage = Stage::Called;
        self.client.tally().called();
        lines::wanted(&self.client, &trip.user, wait.quantity, &hold);
        trip.hold = Some(hold.clone());
        self.decide(product, trip).await;
        sleep(self.dice.time(Duration::ZERO, BETWEEN_LOOKS.1 * 2)).await;
        let mut looks = Looks::since(wait.asked);
        if let Seen::Called(again) = look(&self.client, product, &trip.user, &mut self.dice, &mut looks).await {
            lines::same_hold(&self.client, &trip.user, wait, &hold, &again);
        }
    }
}
