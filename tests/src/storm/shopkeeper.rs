//! The shop: a scarce product, a plentiful one and one that is waited for, whose stock goes up and down meanwhile.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::http::Answer;

use super::client::{Call, Client};
use super::dice::Dice;

/// The promise that the counters agree with each other.
pub const COUNTERS: &str = "total = reserved + available in every answer";

/// How often a restock that must succeed is tried, and the pause in between.
const RESTOCKS: u64 = 20;
const POLL: Duration = Duration::from_millis(100);

/// What is on sale.
#[derive(Debug, Clone)]
pub struct Ware {
    /// Its id.
    pub id: String,
    /// Its stock at the start.
    pub allotted: i64,
    /// The most units that are added or withdrawn at once.
    pub delivery: u64,
}

/// The products.
#[derive(Debug, Clone)]
pub struct Shelf(pub Vec<Ware>);

/// The place on the shelf of what there is little of.
pub const SCARCE: usize = 0;
/// Of what there is enough of.
pub const PLENTIFUL: usize = 1;
/// Of what there is little of, and a line for.
pub const AWAITED: usize = 2;

/// What the shopkeeper did to one product's stock. Of an unsettled change nobody knows whether it was made: a change of stock
/// has no key, so it is not repeated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adjusted {
    /// Units added for certain.
    pub added: i64,
    /// Units perhaps added.
    pub perhaps_added: i64,
    /// Units withdrawn for certain.
    pub withdrawn: i64,
    /// Units perhaps withdrawn.
    pub perhaps_withdrawn: i64,
}

/// The same for each product of the shelf.
pub type Adjustments = Vec<Adjusted>;

/// Makes the products.
///
/// # Errors
///
/// When the shop does not take them.
pub async fn stock_up(client: &Client) -> Result<Shelf> {
    let mut wares = Vec::new();
    // Of what is awaited there comes less than is wanted, so that a line stands most of the time.
    for (name, allotted, delivery) in [("scarce", 40, 20), ("plentiful", 1_000_000, 20), ("awaited", 10, 5)] {
        let call = Call {
            name: "create",
            method: Method::POST,
            path: "/api/products".to_owned(),
            key: None,
            body: Some(json!({ "name": name, "price": "9.99", "totalStock": allotted })),
            allowed: &[201],
        };
        let made = client.attempt(&call, 0).await.context("the shop is closed")?;
        ensure!(made.status == 201, "{}", made.text);
        let id = made.json.get("id").and_then(|id| id.as_str()).context("a product without id")?;
        wares.push(Ware { id: id.to_owned(), allotted, delivery });
    }
    Ok(Shelf(wares))
}

/// Looks at the counters all the time, and changes the stock now and then, until it is over.
pub async fn keep_shop(client: Client, shelf: std::sync::Arc<Shelf>, mut dice: Dice, over: Instant) -> Adjustments {
    let mut adjustments = vec![Adjusted::default(); shelf.0.len()];
    while Instant::now() < over {
        for (ware, adjusted) in shelf.0.iter().zip(&mut adjustments) {
            look(&client, ware, dice.roll()).await;
            if dice.percent(20) {
                adjust(&client, ware, adjusted, &mut dice).await;
            }
        }
        sleep(dice.time(Duration::from_millis(20), Duration::from_millis(200))).await;
    }
    adjustments
}

/// One look at the three counters, which are checked.
pub async fn look(client: &Client, ware: &Ware, choice: u64) -> Option<Answer> {
    let call = Call {
        name: "status",
        method: Method::GET,
        path: format!("/api/products/{}/status", ware.id),
        key: None,
        body: None,
        allowed: &[200],
    };
    let answer = client.attempt(&call, choice).await?;
    let count = |name: &str| answer.json.get(name).and_then(serde_json::Value::as_u64);
    let sums = match (count("totalStock"), count("reservedStock"), count("availableStock")) {
        (Some(total), Some(reserved), Some(available)) => total == reserved + available,
        _ => false,
    };
    if !sums {
        client.tally().find(COUNTERS, answer.text.clone());
    }
    Some(answer)
}

/// Adds units for certain.
///
/// # Errors
///
/// When the shop does not take them.
pub async fn restock(client: &Client, ware: &Ware, adjusted: &mut Adjusted, units: i64) -> Result<()> {
    for choice in 0..RESTOCKS {
        let answer = client.attempt(&addition(ware, units), choice).await;
        match answer.map(|answer| answer.status) {
            Some(200) => {
                adjusted.added += units;
                return Ok(());
            }
            None => adjusted.perhaps_added += units,
            Some(status) => bail!("{units} more units were refused: {status}"),
        }
        sleep(POLL).await;
    }
    bail!("the shop takes no more units")
}

fn addition(ware: &Ware, units: i64) -> Call {
    Call {
        name: "adjust",
        method: Method::PATCH,
        path: format!("/api/products/{}", ware.id),
        key: None,
        body: Some(json!({ "addStock": units })),
        allowed: &[200, 409],
    }
}

async fn adjust(client: &Client, ware: &Ware, adjusted: &mut Adjusted, dice: &mut Dice) {
    let units = i64::try_from(dice.between(1, ware.delivery)).unwrap_or(1);
    let withdraw = dice.percent(30);
    let call = addition(ware, if withdraw { -units } else { units });
    let answer = client.attempt(&call, dice.roll()).await;
    match (answer.map(|answer| answer.status), withdraw) {
        (Some(200), false) => adjusted.added += units,
        (Some(200), true) => adjusted.withdrawn += units,
        (None, false) => adjusted.perhaps_added += units,
        (None, true) => adjusted.perhaps_withdrawn += units,
        (Some(_), _) => {}
    }
}
