//! The promises of the waiting list: on the spot, and of the lines that are left when all faults are over.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::super::buyers::waiting::{Looks, Seen, Stage, Wait, join, leave, look};
use super::super::buyers::{Held, Trip, held, release, reserve};
use super::super::client::{Call, Client};
use super::super::dice::Dice;
use super::super::shopkeeper::{self, AWAITED, Adjusted, Adjustments, Shelf, Ware};
use super::super::weather::{Span, now_ms};
use super::{quantity, text};

pub(super) const OUT: &str = "nobody stands in a line who left it, was served or never joined";
pub(super) const TURN: &str = "who waits is in line until they are called, with no more than they want";
pub(super) const ONE_HOLD: &str = "one joining, one hold within its time, unless Redis forgot it";
pub(super) const SERVED: &str = "a line is served once there is enough for all of it";
pub(super) const WALK_INS: &str = "no walk-in gets past a line, and all get in when it is gone";

/// How long a line may take to be served when all faults are over: an usher that met many of them pauses for up to 7.5 s.
const SERVED_LIMIT: Duration = Duration::from_secs(20);
/// How long the auditor repeats one request.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two looks.
const POLL: Duration = Duration::from_millis(100);
/// Units that nobody holds while a line stands that is tried in vain.
const FREE_UNITS: i64 = 10;

/// Somebody saw that they wait no more and hold nothing.
pub fn gone(client: &Client, user: &str, wait: &Wait, looks: Looks) {
    if !looks.miss(client.options().ttl) && !forgot_since(client, wait.asked) {
        client.tally().find(TURN, format!("{user} is in line no more, and was never called: {wait:?}, {looks:?}"));
    }
}

/// Somebody saw that they wait who have left, or were told that they do not wait.
pub fn out_of_line(client: &Client, user: &str, wait: &Wait) {
    if wait.once && matches!(wait.stage, Stage::Left | Stage::Gone) {
        client.tally().find(OUT, format!("{user} left and is in line: {wait:?}"));
    }
}

/// Somebody was called who wanted so many.
pub fn wanted(client: &Client, user: &str, quantity: u64, hold: &Held) {
    if hold.quantities.iter().any(|held| *held > quantity) {
        client.tally().find(TURN, format!("{user} wanted {quantity} and was called with {hold:?}"));
    }
}

/// Somebody who was called, and is done with that hold, holds units.
pub fn same_hold(client: &Client, user: &str, wait: &Wait, hold: &Held, again: &Held) {
    // Of one joining all holds have one id, but each has a deadline of its own.
    let same = again.reservation == hold.reservation && again.expires_at == hold.expires_at;
    // The gate remembers a call as long as its hold would last. Whoever was not taken out of the line until then, for want of the
    // record, is called once more.
    let lasted =
        client.options().ttl.as_millis().try_into().is_ok_and(|ttl: i64| again.expires_at - ttl < hold.expires_at);
    if !same && lasted && wait.once && !forgot_since(client, wait.asked) {
        client.tally().find(ONE_HOLD, format!("{user} joined once, and was called to {hold:?} and to {again:?}"));
    }
}

fn forgot_since(client: &Client, from: i64) -> bool {
    client.weather().forgot_within(Span { from, to: now_ms() })
}

/// The lines that the storm left: who stands in them, and that they are served once there is enough. Tells what was checked.
///
/// # Errors
///
/// When the servers do not answer any more.
pub async fn serve(
    client: &Client,
    shelf: &Shelf,
    trips: &[Trip],
    adjustments: &mut Adjustments,
) -> Result<(usize, Duration)> {
    let waits: HashMap<&str, (usize, &Wait)> =
        trips.iter().filter_map(|trip| Some((trip.user.as_str(), (trip.ware, trip.wait.as_ref()?)))).collect();
    let (mut left_over, mut longest) = (0, Duration::ZERO);
    let mut auditor = Auditor::new(client, "lines");
    for (index, ware) in shelf.0.iter().enumerate() {
        let standing = auditor.without_served(ware, &waits).await?;
        for wait in &standing {
            let user = text(wait, "userId");
            match waits.get(user) {
                Some((ware, wait)) if *ware == index => out_of_line(client, user, wait),
                _ => client.tally().find(OUT, format!("{user} never joined this line, and is in it: {wait}")),
            }
        }
        if standing.is_empty() {
            continue;
        }
        left_over += standing.len();
        let adjusted = adjustments.get_mut(index).context("no such product")?;
        shopkeeper::restock(client, ware, adjusted, standing.iter().map(quantity).sum()).await?;
        longest = longest.max(auditor.until_served(ware).await?);
    }
    Ok((left_over, longest))
}

/// A last line, when the servers have settled: it stands for certain while walk-ins try their luck at each instance, somebody leaves
/// it, there is enough for all of it, and all of it is called. Tells how many walk-ins it stood against.
///
/// # Errors
///
/// When the servers do not answer as they must for that.
pub async fn last_line(client: &Client, shelf: &Shelf, adjustments: &mut Adjustments) -> Result<usize> {
    let ware = shelf.0.get(AWAITED).context("nothing is waited for")?;
    let adjusted = adjustments.get_mut(AWAITED).context("nothing is waited for")?;
    Auditor::new(client, "last line").stand(ware, adjusted).await
}

/// Who goes through the lines.
struct Auditor<'a> {
    client: &'a Client,
    dice: Dice,
}

/// Somebody in the last line.
struct Last {
    user: String,
    quantity: u64,
    wait: Wait,
    looks: Looks,
}

impl<'a> Auditor<'a> {
    fn new(client: &'a Client, name: &str) -> Self {
        Self { client, dice: Dice::new(client.options().seed, name) }
    }

    /// The answer to what must be answered.
    async fn ask(&mut self, call: &Call) -> Result<(u16, Value, Span)> {
        let settled = self.client.settle(call, &mut self.dice, PATIENCE).await;
        let answer = settled.answer.with_context(|| format!("{} {} is not answered", call.method, call.path))?;
        Ok((answer.status, answer.json, settled.span))
    }

    /// All who stand in a line, page by page.
    async fn line(&mut self, ware: &Ware) -> Result<Vec<Value>> {
        let mut line = Vec::new();
        let first = format!("/api/products/{}/waitlist?limit=100", ware.id);
        let mut path = first.clone();
        loop {
            let call = Call { name: "line", method: Method::GET, path, key: None, body: None, allowed: &[200] };
            let (_, page, _) = self.ask(&call).await?;
            line.extend(page.get("items").and_then(Value::as_array).context("a page without items")?.iter().cloned());
            let Some(cursor) = page.get("nextCursor").and_then(Value::as_str) else { return Ok(line) };
            path = format!("{first}&cursor={cursor}");
        }
    }

    /// The line when those who were served before are out of it: whoever called them may have died before they took them out. Where
    /// Redis forgot that hold, they wait on.
    async fn without_served(&mut self, ware: &Ware, waits: &HashMap<&str, (usize, &Wait)>) -> Result<Vec<Value>> {
        let began = Instant::now();
        loop {
            let line = self.line(ware).await?;
            let served = |place: &&Value| {
                waits.get(text(place, "userId")).is_some_and(|(_, wait)| {
                    wait.once && wait.stage == Stage::Called && !forgot_since(self.client, wait.asked)
                })
            };
            let Some(served) = line.iter().find(served) else { return Ok(line) };
            if began.elapsed() > SERVED_LIMIT {
                self.client.tally().find(OUT, format!("served, and in line {SERVED_LIMIT:?} after: {served}"));
                return Ok(line);
            }
            sleep(POLL).await;
        }
    }

    /// Waits until nobody stands in a line for which there is enough, and tells how long that took.
    async fn until_served(&mut self, ware: &Ware) -> Result<Duration> {
        let began = Instant::now();
        loop {
            let line = self.line(ware).await?;
            let Some(first) = line.first() else { return Ok(began.elapsed()) };
            if began.elapsed() > SERVED_LIMIT {
                let told = format!("{} still wait {SERVED_LIMIT:?} after a restock for all: {first}", line.len());
                self.client.tally().find(SERVED, told);
                return Ok(began.elapsed());
            }
            sleep(POLL).await;
        }
    }

    async fn stand(&mut self, ware: &Ware, adjusted: &mut Adjusted) -> Result<usize> {
        shopkeeper::restock(self.client, ware, adjusted, FREE_UNITS).await?;
        let status = shopkeeper::look(self.client, ware, 0).await.context("no status after everything was healed")?;
        let total = status.json.get("totalStock").and_then(Value::as_u64).context("no total")?;
        // One unit is held, and the first in line wants all: so all others are free, and nobody is called.
        let (status, hold, _) = self.ask(&reserve(ware, "last-holder", 1, "reserve")).await?;
        let Some(holder) = held(&hold, 0) else {
            self.client.tally().find(WALK_INS, format!("no line should be left, and yet {status} {hold}"));
            return Ok(0);
        };
        let mut line = Vec::new();
        for (nth, quantity) in [total, 2, 1, 3].into_iter().enumerate() {
            line.push(self.join(ware, nth, quantity).await?);
        }
        let mut leaver = line.remove(1);
        let (left, _, _) = self.ask(&leave(ware, &leaver.user)).await?;
        // On a busy machine the line may move before they leave, or just then: from the holder's deadline on.
        let unmoved = left == 200 && now_ms() < holder.expires_at;
        leaver.wait.stage = if unmoved { Stage::Left } else { Stage::Gone };
        let tried = self.walk_in(ware, &holder).await;
        let behind: u64 = line.iter().skip(1).map(|last| last.quantity).sum();
        shopkeeper::restock(self.client, ware, adjusted, i64::try_from(behind + 1)?).await?;
        self.until_served(ware).await?;
        for last in &mut line {
            self.was_called(ware, last).await;
        }
        self.has_left(ware, &mut leaver).await;
        for user in line.iter().chain([&leaver]).map(|last| last.user.as_str()).chain(["last-holder"]) {
            self.ask(&release(ware, user)).await?;
        }
        self.let_in(ware).await?;
        Ok(tried)
    }

    async fn join(&mut self, ware: &Ware, nth: usize, quantity: u64) -> Result<Last> {
        let user = format!("last-{nth}");
        let asked = now_ms();
        let settled = self.client.settle(&join(ware, &user, quantity), &mut self.dice, PATIENCE).await;
        let once = settled.unknown == 0;
        let answer = settled.answer.context("nobody can join after everything was healed")?;
        ensure!(answer.status < 300, "{user} cannot join: {}", answer.text);
        let wait = Wait { asked, quantity, once, stage: Stage::Joined };
        Ok(Last { user, quantity, wait, looks: Looks::since(asked) })
    }

    /// Walk-ins at every instance, of whom none gets a unit as long as the holder has one.
    async fn walk_in(&mut self, ware: &Ware, holder: &Held) -> usize {
        let mut tried = 0;
        for index in 0..self.client.world().instances.len() {
            let user = format!("walk-in-{index}");
            let answer = self.client.attempt(&reserve(ware, &user, 1, "early"), choice(index)).await;
            // From the holder's deadline on the line moves.
            if now_ms() >= holder.expires_at {
                break;
            }
            let Some(answer) = answer else { continue };
            tried += 1;
            if answer.status != 409 {
                self.client.tally().find(WALK_INS, format!("{user} got past those who wait: {}", answer.text));
            }
        }
        tried
    }

    async fn was_called(&mut self, ware: &Ware, last: &mut Last) {
        match look(self.client, ware, &last.user, &mut self.dice, &mut last.looks).await {
            Seen::Called(hold) if hold.quantities != [last.quantity] => {
                let told = format!("{} wanted {}, which were there, and got {hold:?}", last.user, last.quantity);
                self.client.tally().find(SERVED, told);
            }
            Seen::Neither => gone(self.client, &last.user, &last.wait, last.looks),
            Seen::Called(_) | Seen::InLine | Seen::Unsettled => {}
        }
    }

    async fn has_left(&mut self, ware: &Ware, leaver: &mut Last) {
        let seen = look(self.client, ware, &leaver.user, &mut self.dice, &mut leaver.looks).await;
        if leaver.wait.stage == Stage::Left && matches!(seen, Seen::Called(_) | Seen::InLine) {
            self.client.tally().find(OUT, format!("{} left, and yet {seen:?}", leaver.user));
        }
    }

    /// Walk-ins at every instance, who all get a unit: nobody waits any more.
    async fn let_in(&mut self, ware: &Ware) -> Result<()> {
        let began = Instant::now();
        for index in 0..self.client.world().instances.len() {
            let user = format!("walk-in-{index}");
            for turn in 0.. {
                let call = reserve(ware, &user, 1, &format!("late-{turn}"));
                let answer = self.client.attempt(&call, choice(index)).await;
                if answer.as_ref().is_some_and(|answer| answer.status < 300) {
                    break;
                }
                if began.elapsed() > SERVED_LIMIT {
                    let told = format!("{user} got nothing {SERVED_LIMIT:?} after the line was gone: {answer:?}");
                    self.client.tally().find(WALK_INS, told);
                    break;
                }
                sleep(POLL).await;
            }
            self.ask(&release(ware, &user)).await?;
        }
        Ok(())
    }
}

fn choice(index: usize) -> u64 {
    u64::try_from(index).unwrap_or_default()
}
