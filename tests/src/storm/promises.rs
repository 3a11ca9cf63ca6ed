//! The promises of the protocol, each checked on the spot where an answer breaks it, or in the books afterwards.

pub mod lines;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::http::Answer;

use super::buyers::waiting::Stage;
use super::buyers::{Fate, Held, Trip, held};
use super::client::{ANSWERS, Call, Client, Settled};
use super::dice::Dice;
use super::shopkeeper::{Adjusted, Adjustments, COUNTERS, Shelf, Ware, look};
use super::weather::Span;

use self::lines::{ONE_HOLD, OUT, SERVED, TURN, WALK_INS};

const STOCK: &str = "stock = allotted + added − withdrawn − sold, to the unit; never below 0";
const LEDGER: &str = "the ledger's deltas sum to the stock";
const ORDERS: &str = "every acknowledged order reads back, with the same content";
const ONCE: &str = "one order per purchase, and none twice for a reservation";
const FINAL: &str = "a no is final: nothing was sold that was refused or released";
const LIVE: &str = "a live hold is refused only if Redis lost it";
const LAPSE: &str = "no hold is sold that was first paid for after its deadline";
const FREE: &str = "nothing stays reserved";
const RECOVERY: &str = "every instance recovers by itself, without a restart";

/// How long after the last fault an instance may take to sell again.
const RECOVERY_LIMIT: Duration = Duration::from_secs(20);
/// How much later by our clock than the deadline a checkout may seem to begin: the two programs read one clock, a millisecond
/// apart at most.
pub(super) const SKEW_MS: i64 = 20;

/// What a promise came to.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The promise.
    pub promise: &'static str,
    /// How often it was broken.
    pub broken: u64,
    /// The first few times.
    pub told: Vec<String>,
    /// What was checked.
    pub checked: String,
}

/// A hold that its owner still had was gone, or its checkout refused.
pub fn vanished(client: &Client, hold: &Held, span: Span, how: &str) {
    let lost = client.weather().forgot_within(Span { from: hold.asked, to: span.to });
    if span.to < hold.expires_at && !lost {
        let left = hold.expires_at - span.to;
        client.tally().find(LIVE, format!("{}, {left} ms before its deadline: {how}", hold.reservation));
    }
}

/// A checkout that `began` then was answered with an order.
pub fn paid_in_time(client: &Client, hold: &Held, began: i64) {
    if began > hold.expires_at + SKEW_MS {
        let late = began - hold.expires_at;
        client.tally().find(LAPSE, format!("{} was bought {late} ms after its deadline", hold.reservation));
    }
}

/// A checkout was made again, and must answer the same order.
pub fn same_order(client: &Client, first: &Value, again: Option<&Answer>) {
    if let Some(again) = again
        && (again.status != 200 || again.json != *first)
    {
        client.tally().find(ONCE, format!("{first} again was {} {}", again.status, again.text));
    }
}

/// A call was made twice at the same time.
pub fn doubles_agree(client: &Client, call: &Call, one: &Settled, other: &Settled) {
    let (Some(left), Some(right)) = (&one.answer, &other.answer) else { return };
    let span = Span { from: one.span.from.min(other.span.from), to: one.span.to.max(other.span.to) };
    let good = |answer: &Answer| answer.status < 300;
    let agree = match call.name {
        "checkout" => good(left) == good(right) && (!good(left) || left.json == right.json),
        "reserve" => !(good(left) && good(right)) || left.json == right.json,
        _ => true,
    };
    // A gate that forgot the first of two reserves makes another hold, and so does one where it has lapsed meanwhile.
    let lapsed = |answer: &Answer| held(&answer.json, 0).is_some_and(|hold| hold.expires_at <= span.to);
    let another = call.name == "reserve" && (client.weather().forgot_within(span) || lapsed(left) || lapsed(right));
    if !agree && !another {
        client.tally().find(ONCE, format!("{} twice at once: {} and {}", call.name, left.text, right.text));
    }
}

/// An answer that is not what it should be.
pub fn malformed(client: &Client, json: &Value) {
    client.tally().find(ANSWERS, format!("not a hold: {json}"));
}

/// Whether every instance sells again, after everything was healed.
pub async fn recovers(client: &Client, shelf: &Shelf) -> Verdict {
    let began = Instant::now();
    let mut slow = Vec::new();
    for (index, instance) in client.world().instances.iter().enumerate() {
        if !matches!(instance.app.supervised().ended(), Ok(None)) {
            slow.push(format!("instance {index} ended by itself: {}", instance.app.supervised().log_end()));
        }
        while let Err(error) = sells(client, shelf, index).await {
            if began.elapsed() > RECOVERY_LIMIT {
                slow.push(format!("instance {index}: {error:#}"));
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
    let broken = u64::try_from(slow.len()).unwrap_or(u64::MAX);
    Verdict { promise: RECOVERY, broken, told: slow, checked: format!("all sell again {:.1?} after", began.elapsed()) }
}

async fn sells(client: &Client, shelf: &Shelf, index: usize) -> Result<()> {
    let ware = shelf.0.first().context("an empty shelf")?;
    let answer = look(client, ware, u64::try_from(index)?).await.context("its stores are unreachable for it")?;
    if answer.status != 200 {
        bail!("{}", answer.text);
    }
    let ready =
        client.world().instances.get(index).context("no such instance")?.http.get("/health/ready").send().await?;
    if ready.status != 200 {
        bail!("{}", ready.text);
    }
    Ok(())
}

/// What the lines came to when the faults were over.
#[derive(Debug, Clone, Copy)]
pub struct Lines {
    /// How many stood in one.
    pub left_over: usize,
    /// How long it took until none did.
    pub served_in: Duration,
    /// How many walk-ins the last line stood against.
    pub walk_ins: usize,
}

/// Goes through the books.
///
/// # Errors
///
/// When the servers do not answer any more.
pub async fn check(
    client: &Client,
    shelf: &Shelf,
    trips: &[Trip],
    adjustments: &Adjustments,
    lines: Lines,
) -> Result<Vec<Verdict>> {
    let orders = all_orders(client).await?;
    check_trips(client, trips, &orders);
    for (index, ware) in shelf.0.iter().enumerate() {
        let adjusted = adjustments.get(index).copied().unwrap_or_default();
        check_stock(client, ware, adjusted, &orders).await?;
    }
    let bought = trips.iter().filter(|trip| matches!(trip.fate, Fate::Bought(_))).count();
    let refused = trips.iter().filter(|trip| matches!(trip.fate, Fate::Refused | Fate::Released)).count();
    let holds = trips.iter().filter(|trip| trip.hold.is_some()).count();
    let Lines { left_over, served_in, walk_ins } = lines;
    let waits: Vec<_> = trips.iter().filter_map(|trip| trip.wait.as_ref()).collect();
    let ended = |stage| waits.iter().filter(|wait| wait.stage == stage).count();
    let (called, left, gone) = (ended(Stage::Called), ended(Stage::Left), ended(Stage::Gone));
    let sold: i64 = orders.iter().map(quantity).sum();
    let checked = [
        (STOCK, format!("{} products, {sold} units sold", shelf.0.len())),
        (LEDGER, "by SQL".to_owned()),
        (ORDERS, format!("{bought} acknowledged of {}", orders.len())),
        (ONCE, format!("{} trips, {} orders", trips.len(), orders.len())),
        (FINAL, format!("{refused} refused or released")),
        (LIVE, format!("{holds} holds")),
        (LAPSE, format!("{bought} purchases")),
        (FREE, "after the holds' time and 7 s".to_owned()),
        (OUT, format!("{} joined, {left} left", waits.len())),
        (TURN, format!("{called} called, {gone} saw no hold")),
        (ONE_HOLD, format!("{called} called")),
        (SERVED, format!("{left_over} were left in line, {} ms until the last was served", served_in.as_millis())),
        (WALK_INS, format!("{walk_ins} tried to pass the last line")),
        (COUNTERS, "every status".to_owned()),
        (ANSWERS, "every answer".to_owned()),
    ];
    let mut findings = client.tally().so_far().findings;
    let verdict = |(promise, checked)| {
        let (broken, told) = findings.remove(promise).unwrap_or_default();
        Verdict { promise, broken, told, checked }
    };
    Ok(checked.into_iter().map(verdict).collect())
}

fn check_trips(client: &Client, trips: &[Trip], orders: &[Value]) {
    let tally = client.tally();
    let mut by_user: HashMap<&str, Vec<&Value>> = HashMap::new();
    let mut by_reservation: HashMap<&str, u32> = HashMap::new();
    for order in orders {
        by_user.entry(text(order, "userId")).or_default().push(order);
        *by_reservation.entry(text(order, "reservationId")).or_default() += 1;
    }
    for (reservation, count) in by_reservation {
        if count > 1 {
            tally.find(ONCE, format!("{reservation} has {count} orders"));
        }
    }
    for trip in trips {
        let theirs = by_user.remove(trip.user.as_str()).unwrap_or_default();
        let count = theirs.len();
        match &trip.fate {
            Fate::Bought(order) if !theirs.contains(&order) => tally.find(ORDERS, format!("{order} is not there")),
            Fate::Bought(order) if count != 1 => tally.find(ONCE, format!("{count} orders for {order}")),
            Fate::Refused | Fate::Released | Fate::Nothing if count > 0 => {
                tally.find(FINAL, format!("{:?} of {} and yet {theirs:?}", trip.fate, trip.user));
            }
            Fate::Unsettled if count > 1 => tally.find(ONCE, format!("{count} orders of {}", trip.user)),
            _ => {}
        }
        for order in theirs {
            let fits = trip.hold.as_ref().is_some_and(|hold| {
                text(order, "reservationId") == hold.reservation
                    && hold.quantities.iter().any(|held| i64::try_from(*held).ok() == Some(quantity(order)))
            });
            if !fits {
                tally.find(ORDERS, format!("{order} is not what was held: {:?}", trip.hold));
            }
        }
    }
    for (user, orders) in by_user {
        tally.find(ONCE, format!("{user} never bought, and yet {orders:?}"));
    }
}

async fn check_stock(client: &Client, ware: &Ware, adjusted: Adjusted, orders: &[Value]) -> Result<()> {
    let tally = client.tally();
    let sold: i64 = orders.iter().filter(|order| text(order, "productId") == ware.id).map(quantity).sum();
    let books = format!(
        "SELECT p.total_stock, sum(l.delta), coalesce(sum(l.delta) FILTER (WHERE kind = 'adjustment'), 0),
            coalesce(-sum(l.delta) FILTER (WHERE kind = 'withdrawn'), 0)
         FROM products p JOIN stock_ledger l ON l.product_id = p.id WHERE p.id = '{}' GROUP BY p.id",
        ware.id
    );
    let rows = client.world().database.sql(&books).await?;
    let row: Vec<i64> =
        rows.first().context("no such product")?.iter().flatten().filter_map(|cell| cell.parse().ok()).collect();
    let [stock, deltas, added, withdrawn] = *row.as_slice() else { bail!("not the books: {row:?}") };
    if stock != deltas {
        tally.find(LEDGER, format!("{}: stock {stock}, deltas {deltas}", ware.id));
    }
    let likely_added = adjusted.added..=adjusted.added + adjusted.perhaps_added;
    let likely_withdrawn = adjusted.withdrawn..=adjusted.withdrawn + adjusted.perhaps_withdrawn;
    let balanced = stock == ware.allotted + added - withdrawn - sold && stock >= 0;
    if !balanced || !likely_added.contains(&added) || !likely_withdrawn.contains(&withdrawn) {
        tally.find(
            STOCK,
            format!(
                "{}: stock {stock}, allotted {}, added {added} ({likely_added:?}), withdrawn {withdrawn} \
                 ({likely_withdrawn:?}), sold {sold}",
                ware.id, ware.allotted
            ),
        );
    }
    for index in 0..client.world().instances.len() {
        let choice = u64::try_from(index)?;
        let status = look(client, ware, choice).await.context("no status after everything was healed")?;
        let count = |name: &str| status.json.get(name).and_then(Value::as_i64);
        if count("totalStock") != Some(stock) {
            tally.find(STOCK, format!("instance {index} says {}, the record {stock}", status.text));
        }
        if count("reservedStock") != Some(0) {
            tally.find(FREE, format!("instance {index}: {}", status.text));
        }
    }
    Ok(())
}

/// All orders, page by page, as callers read them.
async fn all_orders(client: &Client) -> Result<Vec<Value>> {
    let mut orders = Vec::new();
    let mut dice = Dice::new(client.options().seed, "auditor");
    let mut path = "/api/orders?limit=100".to_owned();
    loop {
        let call = Call { name: "orders", method: Method::GET, path, key: None, body: None, allowed: &[200] };
        let page = client.settle(&call, &mut dice, Duration::from_secs(10)).await;
        let page = page.answer.context("the orders cannot be read")?.json;
        orders.extend(page.get("items").and_then(Value::as_array).context("a page without items")?.iter().cloned());
        let Some(cursor) = page.get("nextCursor").and_then(Value::as_str) else { break };
        path = format!("/api/orders?limit=100&cursor={cursor}");
    }
    Ok(orders)
}

fn text<'a>(order: &'a Value, name: &str) -> &'a str {
    order.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn quantity(order: &Value) -> i64 {
    order.get("quantity").and_then(Value::as_i64).unwrap_or_default()
}
