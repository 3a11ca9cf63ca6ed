//! The books: whether what the server says at the end is what it said to the buyers.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flashdeal_client::{Client, Code, Error};
use flashdeal_domain::{CheckoutRequest, OrderFilter, PageRequest, PageSize, Product, ProductId, Reservation};
use tokio::time::Instant;

use crate::buyer::name;
use crate::numbers::count;
use crate::tally::{Counts, Unsettled};

/// How long the counters may take to come to rest: a server that lost an answer finishes the sale behind the scenes.
const REST: Duration = Duration::from_secs(12);

/// How far a hold's deadline must be away for this machine's clock to say whether it is over.
const CLOCKS_MS: i64 = 2000;

/// The most pages of orders that are read back, of a hundred orders each.
const MAX_PAGES: u32 = 20_000;

/// What was found when the crowd was gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// What was put on sale.
    pub stock: u64,
    /// The units of all orders that the server acknowledged.
    pub units_sold: u64,
    /// How many orders that are.
    pub orders: u64,
    /// What the server says is left to sell.
    pub total: u64,
    /// What it says is held.
    pub reserved: u64,
    /// The units of holds neither bought nor cancelled that surely live still.
    pub held_at_least: u64,
    /// The same with those whose deadline is now, by the clock of this machine.
    pub held_at_most: u64,
    /// Acknowledged orders that the listing does not have, or has otherwise.
    pub missing: u64,
    /// Orders of the product in the listing that no buyer knows of.
    pub unexpected: u64,
    /// Calls whose outcome could not be found out.
    pub unsettled: u64,
    /// Why the server could not be asked, if so.
    pub unread: Option<String>,
}

impl Books {
    /// Whether everything agrees.
    #[must_use]
    pub fn balance(&self) -> bool {
        self.unread.is_none() && self.faults().is_empty()
    }

    /// All of it in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { stock, units_sold, orders, total, reserved, .. } = self;
        if let Some(reason) = &self.unread {
            return format!("The books could not be checked: {reason}");
        }
        let faults = self.faults();
        if faults.is_empty() {
            return format!(
                "The books balance: {stock} for sale - {units_sold} sold = {total} left, {reserved} of them held by those who \
                 walked away; all {orders} orders are listed."
            );
        }
        format!("The books DO NOT balance: {}.", faults.join("; "))
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.total + self.units_sold != self.stock {
            faults.push(format!(
                "{} were for sale and {} were sold, but {} are left",
                self.stock, self.units_sold, self.total
            ));
        }
        if !(self.held_at_least..=self.held_at_most).contains(&self.reserved) {
            let mut fault = format!("{} are held, but there should be {}", self.reserved, self.held_at_least);
            if self.held_at_most != self.held_at_least {
                // Writing to a String has no way to fail.
                let _ = write!(fault, " to {}", self.held_at_most);
            }
            faults.push(fault);
        }
        for (number, what) in [
            (self.missing, "acknowledged orders are not listed as they were acknowledged"),
            (self.unexpected, "orders are listed that no buyer knows of"),
            (self.unsettled, "calls got no answer in the end, so nobody knows what they did"),
        ] {
            if number > 0 {
                faults.push(format!("{number} {what}"));
            }
        }
        faults
    }
}

/// Finds out what is open, then compares.
pub(crate) async fn audit(client: &Client, product: &Product, counts: &mut Counts) -> Books {
    let mut books = Books { stock: u64::from(product.total_stock.get()), ..Books::default() };
    books.unsettled = settle(client, product.id, counts).await;
    books.orders = count(counts.orders.len());
    books.units_sold = counts.orders.iter().map(|order| u64::from(order.quantity.get())).sum();
    let compared = async {
        come_to_rest(client, product.id, counts, &mut books).await?;
        read_orders(client, product, counts, &mut books).await
    };
    if let Err(error) = compared.await {
        books.unread = Some(error.to_string());
    }
    books
}

/// How many calls in a row may get no answer before no more are tried.
const GIVE_UP_AFTER: u32 = 3;

/// How many calls stay open.
async fn settle(client: &Client, product: ProductId, counts: &mut Counts) -> u64 {
    let (mut open, mut in_a_row) = (0, 0);
    for (number, left) in std::mem::take(&mut counts.unsettled) {
        let Some(user) = name(number).filter(|_| in_a_row < GIVE_UP_AFTER) else {
            open += 1;
            continue;
        };
        let settled = match left {
            Unsettled::Hold => match client.hold(product, &user).await {
                Ok(hold) => {
                    counts.left.extend(hold);
                    true
                }
                Err(_) => false,
            },
            Unsettled::Release => client.release(product, &user).await.is_ok(),
            Unsettled::Sale(hold) => {
                match client.checkout(CheckoutRequest { product, user, named: Some(hold.id), key: None }).await {
                    Ok(sold) => {
                        counts.orders.push(sold.order);
                        true
                    }
                    Err(error) => matches!(error.code(), Some(Code::NoReservation | Code::InsufficientStock)),
                }
            }
        };
        open += u64::from(!settled);
        in_a_row = if settled { 0 } else { in_a_row + 1 };
    }
    open
}

/// Reads the counters until they are as they should be, or have had time enough.
async fn come_to_rest(client: &Client, product: ProductId, counts: &Counts, books: &mut Books) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let level = client.status(product).await?;
        (books.total, books.reserved) = (u64::from(level.total().get()), u64::from(level.reserved().get()));
        let now = now_ms();
        books.held_at_least = living(&counts.left, now.saturating_add(CLOCKS_MS));
        books.held_at_most = living(&counts.left, now.saturating_sub(CLOCKS_MS));
        if books.faults().is_empty() || begun.elapsed() > REST {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The units of holds that end after an instant.
fn living(left: &[Reservation], after_ms: i64) -> u64 {
    let living = left.iter().filter(|hold| hold.expires_at.as_millis() > after_ms);
    living.map(|hold| u64::from(hold.quantity.get())).sum()
}

#[expect(clippy::disallowed_methods, reason = "the report compares deadlines with the time of day")]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Everyone's orders of the product.
async fn read_orders(client: &Client, product: &Product, counts: &Counts, books: &mut Books) -> Result<(), Error> {
    let mut known: HashMap<_, _> = counts.orders.iter().map(|order| (order.id, order)).collect();
    let of = OrderFilter::of_product(product.id);
    let mut page = PageRequest { size: PageSize::new(PageSize::MAX).unwrap_or_default(), after: None };
    for _ in 0..MAX_PAGES {
        let listed = client.orders(&of, page).await?;
        for order in &listed.items {
            match known.remove(&order.id) {
                Some(acknowledged) => books.missing += u64::from(acknowledged != order),
                None => books.unexpected += 1,
            }
        }
        page.after = listed.next;
        if page.after.is_none() {
            break;
        }
    }
    books.missing += count(known.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use flashdeal_domain::{ReservationId, Timestamp, Units, UserId};

    use super::*;

    fn good() -> Books {
        Books {
            stock: 500,
            units_sold: 300,
            orders: 150,
            total: 200,
            reserved: 40,
            held_at_least: 40,
            held_at_most: 42,
            ..Books::default()
        }
    }

    #[test]
    fn books_that_agree_say_so_with_their_numbers() {
        assert!(good().balance());
        assert!(Books { reserved: 42, ..good() }.balance());
        let line = good().line();
        for number in ["500", "300", "200", "40", "150"] {
            assert!(line.contains(number), "{line}");
        }
        assert!(line.starts_with("The books balance"));
    }

    #[test]
    fn every_disagreement_is_seen() {
        for (bad, says) in [
            (Books { total: 201, ..good() }, "201 are left"),
            (Books { units_sold: 501, total: 0, ..good() }, "501 were sold"),
            (Books { reserved: 39, ..good() }, "should be 40 to 42"),
            (Books { reserved: 43, ..good() }, "43 are held"),
            (Books { missing: 1, ..good() }, "1 acknowledged orders"),
            (Books { unexpected: 2, ..good() }, "2 orders are listed"),
            (Books { unsettled: 3, ..good() }, "3 calls"),
            (Books { unread: Some("no".to_owned()), ..good() }, "could not be checked: no"),
        ] {
            assert!(!bad.balance() && bad.line().contains(says), "{}", bad.line());
        }
    }

    #[test]
    fn only_holds_that_live_count() {
        let hold = |quantity: u32, at| Reservation {
            id: ReservationId::parse("01890a5d-ac96-774b-bcce-b302099a8058").unwrap(),
            product: ProductId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap(),
            user: UserId::parse("ada").unwrap(),
            quantity: Units::new(quantity).unwrap(),
            expires_at: Timestamp::from_millis(at),
        };
        let left = [hold(1, 1000), hold(2, 2000), hold(4, 3000)];
        assert_eq!((living(&left, 0), living(&left, 1000), living(&left, 2500), living(&left, 3000)), (7, 6, 4, 0));
    }
}
