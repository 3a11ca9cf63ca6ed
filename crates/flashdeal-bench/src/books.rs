//! Whether the server's books agree with what it acknowledged.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use flashdeal_tests::http::Http;

use crate::clock;
use crate::load::{Plan, drive};
use crate::numbers::whole;
use crate::scripts::Audit;
use crate::servers::{Kind, Target};
use crate::shop::{Shop, Status, user_name};

/// How long after its answer a sale may still be shown as held: the ledger is told after the record, and an attempt that lost its
/// way is settled after 5 seconds.
const SETTLE: Duration = Duration::from_secs(8);
/// How many faults are told one by one.
const TOLD: usize = 3;
/// Of how many buyers the orders are read one by one.
const SAMPLES: u64 = 20;

/// What is wrong with the books, a sentence each; empty: they balance. `connections` at most ask for it.
///
/// # Errors
/// When the server does not answer.
pub(crate) async fn check(target: &Target, shop: &Shop, connections: usize) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    if let Some(example) = &shop.example {
        faults.push(format!("{} answers that nothing allows, such as {example}", shop.unexpected));
    }
    if target.kind == Kind::Echo {
        return Ok(faults);
    }
    let (_, sold) = shop.units();
    let until = clock::now() + if sold > 0 { SETTLE } else { Duration::ZERO };
    let mut wrong = audit(target, shop, connections)?;
    while !wrong.is_empty() && clock::now() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
        wrong = audit(target, shop, connections)?;
    }
    faults.extend(wrong);
    Ok(faults)
}

/// Compares the counters of every product with its account.
fn audit(target: &Target, shop: &Shop, connections: usize) -> Result<Vec<String>> {
    let mut audit = Audit { shop, next: 0, answers: Vec::new() };
    drive(target.addr(), Plan::until_done(connections.min(shop.accounts.len())), &mut audit)?;
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (product, answered, body) in &audit.answers {
        seen.insert(*product);
        let fault = match serde_json::from_slice(body) {
            Ok(status) if *answered == 200 => compare(shop, *product, status),
            _ => Some(format!("its counters were answered with {answered}")),
        };
        if let Some(fault) = fault {
            faults.push(format!("product {product}: {fault}"));
        }
    }
    if seen.len() != shop.accounts.len() {
        faults.push("not every product's counters could be read".to_owned());
    }
    if faults.len() > TOLD {
        let more = faults.len() - TOLD;
        faults.truncate(TOLD);
        faults.push(format!("and {more} more"));
    }
    Ok(faults)
}

fn compare(shop: &Shop, product: usize, status: Status) -> Option<String> {
    let Status { total_stock: total, reserved_stock: reserved, available_stock: available } = status;
    let account = shop.accounts.get(product)?;
    let expected = account.stock.checked_sub(account.sold);
    let early = account.refused > 0 && account.cancelled == 0 && available > 0;
    if total != reserved + available {
        Some(format!("total {total} is not reserved {reserved} + available {available}"))
    } else if Some(total) != expected {
        Some(format!("total is {total}; of {} units {} were sold", account.stock, account.sold))
    } else if reserved != account.reserved {
        Some(format!("reserved is {reserved}; {} units were acknowledged", account.reserved))
    } else if early {
        Some(format!("{} were refused while {available} are available", account.refused))
    } else {
        None
    }
}

/// Compares the orders of a server with the units it acknowledged as sold in all its runs, by SQL where there is a database.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn check_orders(target: &Target, sold: u64) -> Result<Vec<String>> {
    let Some(database) = &target.database else { return Ok(Vec::new()) };
    let sql = "SELECT count(*), coalesce(sum(quantity), 0), count(DISTINCT reservation_id) FROM stock_ledger WHERE kind = 'sold'";
    let rows = database.sql(sql).await?;
    let counts: Vec<&str> = rows.iter().flatten().map(|count| count.as_deref().unwrap_or("none")).collect();
    let expected = sold.to_string();
    if counts.iter().all(|count| *count == expected) && counts.len() == 3 {
        return Ok(Vec::new());
    }
    Ok(vec![format!("orders, units and reservations are {counts:?}; {sold} checkouts were acknowledged")])
}

/// Reads the orders of some of the buyers `1..=buyers`, each of whom must have exactly one.
///
/// # Errors
/// When the server does not answer.
pub(crate) async fn check_buyers(target: &Target, product: &str, buyers: u64) -> Result<Vec<String>> {
    let http = Http::new(target.addr())?;
    let mut faults = Vec::new();
    let step = usize::try_from(buyers.div_ceil(SAMPLES).max(1)).context("too many buyers")?;
    for user in (1..=buyers).step_by(step) {
        let name = user_name(user);
        let answer = http.get(&format!("/api/orders?userId={name}")).send().await?;
        let items = answer.json.get("items").and_then(|items| items.as_array());
        let of_product = |item: &&serde_json::Value| item.get("productId").and_then(|id| id.as_str()) == Some(product);
        let orders = items.map_or(0, |items| items.iter().filter(of_product).count());
        if orders != 1 {
            faults.push(format!("{name} paid once and has {orders} orders (status {})", answer.status));
        }
    }
    faults.truncate(TOLD);
    Ok(faults)
}

/// One percent of the requests that a quick machine answers in this time: what a sale has that refuses the rest.
pub(crate) fn one_percent(time: Duration) -> u64 {
    whole(time.as_secs_f64() * 300.0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Account;

    fn fault(account: &Account, counters: [u64; 3]) -> Option<String> {
        let mut shop = Shop::default();
        shop.accounts.push(account.clone());
        let [total_stock, reserved_stock, available_stock] = counters;
        compare(&shop, 0, Status { total_stock, reserved_stock, available_stock })
    }

    #[test]
    fn books_that_balance_have_no_fault_and_others_do() {
        let account = Account { stock: 10, reserved: 3, sold: 2, ..Account::default() };
        assert_eq!(fault(&account, [8, 3, 5]), None);
        for wrong in [[8, 3, 4], [9, 3, 6], [8, 2, 6], [8, 4, 4], [7, 3, 4]] {
            assert!(fault(&account, wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn nobody_is_refused_while_units_are_left() {
        let refused = Account { stock: 10, reserved: 9, refused: 1, ..Account::default() };
        assert!(fault(&refused, [10, 9, 1]).is_some_and(|fault| fault.contains("refused")));
        let sold_out = Account { reserved: 10, ..refused.clone() };
        assert_eq!(fault(&sold_out, [10, 10, 0]), None);
        let cancelled = Account { cancelled: 1, ..refused };
        assert_eq!(fault(&cancelled, [10, 9, 1]), None);
    }
}
