//! What was asked of a server and what it acknowledged: the books that its own must agree with.

use std::io::Write as _;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::load::{Answer, Ask, Verb};

/// What the answers say of a product.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    pub(crate) id: String,
    /// Units it began with.
    pub(crate) stock: u64,
    /// Units of acknowledged holds that were neither cancelled nor sold.
    pub(crate) reserved: u64,
    pub(crate) sold: u64,
    /// Requests refused for want of stock.
    pub(crate) refused: u64,
    pub(crate) cancelled: u64,
}

/// The products of a run and what became of them. Every hold is of one unit.
#[derive(Debug, Default)]
pub(crate) struct Shop {
    pub(crate) accounts: Vec<Account>,
    /// Answers that nothing here allows, and an example.
    pub(crate) unexpected: u64,
    pub(crate) example: Option<String>,
    next_user: u64,
}

/// The three counters, as the server answers them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of the contract")]
pub(crate) struct Status {
    pub(crate) total_stock: u64,
    pub(crate) reserved_stock: u64,
    pub(crate) available_stock: u64,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

impl Shop {
    /// A shop with the products of these ids, each with so much stock.
    pub(crate) fn with(ids: impl IntoIterator<Item = String>, stock: u64) -> Self {
        let accounts = ids.into_iter().map(|id| Account { id, stock, ..Account::default() }).collect();
        Self { accounts, ..Self::default() }
    }

    /// A user that no request named yet.
    pub(crate) fn new_user(&mut self) -> u64 {
        self.next_user += 1;
        self.next_user
    }

    /// Writes a request to the end of `out`.
    pub(crate) fn write(&self, ask: Ask, out: &mut Vec<u8>) {
        let id = self.accounts.get(ask.product).map_or("", |account| account.id.as_str());
        match ask.verb {
            Verb::Create => {
                let body = format!(r#"{{"name":"Bench","price":9.99,"totalStock":{}}}"#, ask.user);
                // Writing to memory cannot fail.
                let _ = write!(
                    out,
                    "POST /api/products HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
            Verb::Status => {
                put(out, &[b"GET /api/products/", id.as_bytes(), b"/status HTTP/1.1\r\nhost: bench\r\n\r\n"]);
            }
            Verb::Reserve => {
                let body = [&b"{\"userId\":\"user-"[..], &digits(ask.user), b"\",\"quantity\":1}"];
                with_body(out, b"POST /api/products/", id, b"/reserve", &body);
            }
            Verb::Cancel => {
                with_body(out, b"DELETE /api/products/", id, b"/reserve", &user_body(&digits(ask.user)));
            }
            Verb::Checkout => {
                with_body(out, b"POST /api/products/", id, b"/checkout", &user_body(&digits(ask.user)));
            }
        }
    }

    /// Takes down what an answer says.
    ///
    /// # Errors
    /// When a product was not created: without it nothing can be measured.
    pub(crate) fn note(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        if ask.verb == Verb::Create {
            let created: Created = serde_json::from_slice(answer.body)
                .with_context(|| format!("a product was not created: {}", shown(answer)))?;
            self.accounts.push(Account { id: created.id, stock: ask.user, ..Account::default() });
            return Ok(());
        }
        let account = self.accounts.get_mut(ask.product).context("a product that nobody has")?;
        match (ask.verb, answer.status) {
            (Verb::Reserve, 201) => account.reserved += 1,
            (Verb::Reserve, 409) => account.refused += 1,
            (Verb::Cancel, 200) => {
                account.reserved = account.reserved.saturating_sub(1);
                account.cancelled += 1;
            }
            (Verb::Checkout, 201) => {
                account.reserved = account.reserved.saturating_sub(1);
                account.sold += 1;
            }
            (Verb::Status, 200) if balanced(answer.body) => {}
            _ => {
                self.unexpected += 1;
                self.example.get_or_insert_with(|| format!("{:?}: {}", ask.verb, shown(answer)));
            }
        }
        Ok(())
    }

    /// Units of all products that are held, and that were sold.
    pub(crate) fn units(&self) -> (u64, u64) {
        self.accounts
            .iter()
            .fold((0, 0), |(reserved, sold), account| (reserved + account.reserved, sold + account.sold))
    }
}

/// The name of a user, as requests have it.
pub(crate) fn user_name(user: u64) -> String {
    format!("user-{user:012}")
}

fn balanced(body: &[u8]) -> bool {
    serde_json::from_slice(body)
        .is_ok_and(|status: Status| status.total_stock == status.reserved_stock + status.available_stock)
}

fn shown(answer: Answer<'_>) -> String {
    let body = answer.body.get(..answer.body.len().min(300)).unwrap_or_default();
    format!("{} {}", answer.status, String::from_utf8_lossy(body))
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn user_body(digits: &[u8; 12]) -> [&[u8]; 3] {
    [b"{\"userId\":\"user-", digits, b"\"}"]
}

fn with_body(out: &mut Vec<u8>, method: &[u8], id: &str, route: &[u8], body: &[&[u8]]) {
    let length: usize = body.iter().map(|part| part.len()).sum();
    put(
        out,
        &[
            method,
            id.as_bytes(),
            route,
            b" HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: ",
        ],
    );
    // No body here has a hundred bytes.
    let digit = |digit: usize| b'0' + u8::try_from(digit % 10).unwrap_or(0);
    out.extend_from_slice(&[digit(length / 10), digit(length)]);
    out.extend_from_slice(b"\r\n\r\n");
    put(out, body);
}

/// A number in twelve digits, so that all requests of a kind are of one length.
fn digits(mut number: u64) -> [u8; 12] {
    let mut digits = [b'0'; 12];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Shop {
        Shop::with(["one".to_owned()], 10)
    }

    fn written(verb: Verb) -> String {
        let mut out = Vec::new();
        shop().write(Ask { verb, product: 0, user: 42 }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests_say_how_long_their_body_is() {
        for verb in [Verb::Create, Verb::Reserve, Verb::Cancel, Verb::Checkout] {
            let request = written(verb);
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            assert_eq!(length.parse::<usize>().unwrap(), body.len(), "{request}");
            serde_json::from_str::<serde_json::Value>(body).unwrap();
        }
    }

    #[test]
    fn requests_name_the_product_and_the_user() {
        let request = written(Verb::Reserve);
        assert!(request.starts_with("POST /api/products/one/reserve HTTP/1.1\r\n"));
        assert!(request.contains(&user_name(42)));
        assert_eq!(written(Verb::Status), "GET /api/products/one/status HTTP/1.1\r\nhost: bench\r\n\r\n");
        assert!(written(Verb::Cancel).starts_with("DELETE /api/products/one/reserve "));
    }

    fn noted(answers: &[(Verb, u16, &str)]) -> Shop {
        let mut shop = shop();
        for (verb, status, body) in answers {
            let answer = Answer { status: *status, body: body.as_bytes() };
            shop.note(Ask { verb: *verb, product: 0, user: 1 }, answer).unwrap();
        }
        shop
    }

    #[test]
    fn the_books_follow_the_answers() {
        let shop = noted(&[
            (Verb::Reserve, 201, ""),
            (Verb::Reserve, 201, ""),
            (Verb::Reserve, 201, ""),
            (Verb::Reserve, 409, ""),
            (Verb::Cancel, 200, ""),
            (Verb::Checkout, 201, ""),
            (Verb::Status, 200, r#"{"totalStock":9,"reservedStock":1,"availableStock":8}"#),
        ]);
        let account = &shop.accounts[0];
        assert_eq!((account.reserved, account.sold, account.refused, account.cancelled), (1, 1, 1, 1));
        assert_eq!((shop.unexpected, shop.units()), (0, (1, 1)));
    }

    #[test]
    fn what_nothing_allows_is_noticed() {
        let unbalanced = r#"{"totalStock":9,"reservedStock":1,"availableStock":9}"#;
        let shop = noted(&[
            (Verb::Reserve, 503, "busy"),
            (Verb::Reserve, 200, "again"),
            (Verb::Checkout, 404, ""),
            (Verb::Status, 200, unbalanced),
        ]);
        assert_eq!(shop.unexpected, 4);
        assert_eq!(shop.example.as_deref(), Some("Reserve: 503 busy"));
    }

    #[test]
    fn a_created_product_joins_the_shop() {
        let mut shop = noted(&[(Verb::Create, 201, r#"{"id":"two"}"#)]);
        assert_eq!(shop.accounts[1].id, "two");
        let refused = Answer { status: 503, body: b"{}" };
        assert!(shop.note(Ask { verb: Verb::Create, product: 0, user: 1 }, refused).is_err());
    }
}
