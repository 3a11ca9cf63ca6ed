//! Who asks what: the crowds of the workloads.

use std::collections::VecDeque;

use anyhow::Result;

use crate::load::{Answer, Ask, Script, Verb};
use crate::random::{Random, Zipf};
use crate::shop::Shop;

/// Which product a buyer wants.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    /// Each in turn.
    InTurn(usize),
    /// Any, all with the same chance.
    Even(Random),
    /// Some much rather than others.
    Zipf(Random, Zipf),
}

impl Wish {
    fn product(&mut self, shop: &Shop) -> usize {
        let count = shop.accounts.len();
        match self {
            Self::InTurn(next) => {
                let product = *next % count.max(1);
                *next = product + 1;
                product
            }
            Self::Even(random) => random.below(count),
            Self::Zipf(random, zipf) => zipf.draw(random),
        }
    }
}

/// New users, each of whom reserves one unit.
#[derive(Debug)]
pub(crate) struct Buyers<'a> {
    pub(crate) shop: &'a mut Shop,
    pub(crate) wish: Wish,
    /// How many come; `None`: no end of them.
    pub(crate) left: Option<u64>,
}

impl<'a> Buyers<'a> {
    /// No end of buyers, for each product in turn.
    pub(crate) fn endless(shop: &'a mut Shop) -> Self {
        Self { shop, wish: Wish::InTurn(0), left: None }
    }

    /// So many buyers, for each product in turn.
    pub(crate) fn some(shop: &'a mut Shop, count: u64) -> Self {
        Self { left: Some(count), ..Self::endless(shop) }
    }
}

impl Script for Buyers<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let product = self.wish.product(self.shop);
        let ask = Ask { verb: Verb::Reserve, product, user: self.shop.new_user() };
        self.shop.write(ask, out);
        Some(ask)
    }

    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        self.shop.note(ask, answer)
    }
}

/// Creates products.
#[derive(Debug)]
pub(crate) struct Creates<'a> {
    pub(crate) shop: &'a mut Shop,
    pub(crate) left: usize,
    pub(crate) stock: u64,
}

impl Script for Creates<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask> {
        self.left = self.left.checked_sub(1)?;
        let ask = Ask { verb: Verb::Create, product: 0, user: self.stock };
        self.shop.write(ask, out);
        Some(ask)
    }

    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        self.shop.note(ask, answer)
    }
}

/// Reads counters without end.
#[derive(Debug)]
pub(crate) struct Readers<'a> {
    pub(crate) shop: &'a mut Shop,
}

impl Script for Readers<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask> {
        let ask = Ask { verb: Verb::Status, product: 0, user: 0 };
        self.shop.write(ask, out);
        Some(ask)
    }

    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        self.shop.note(ask, answer)
    }
}

/// Pays for the holds of these users, once each.
#[derive(Debug)]
pub(crate) struct Payers<'a> {
    pub(crate) shop: &'a mut Shop,
    pub(crate) users: std::ops::RangeInclusive<u64>,
}

impl Script for Payers<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask> {
        let ask = Ask { verb: Verb::Checkout, product: 0, user: self.users.next()? };
        self.shop.write(ask, out);
        Some(ask)
    }

    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        self.shop.note(ask, answer)
    }
}

/// A sale under way: of 100 requests 60 reserve, 25 read the counters, 5 cancel and 10 check out.
#[derive(Debug)]
pub(crate) struct Sale<'a> {
    pub(crate) shop: &'a mut Shop,
    pub(crate) random: Random,
    /// Who holds a unit and is not asking for anything.
    pub(crate) holders: VecDeque<u64>,
}

impl Script for Sale<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask> {
        let verb = match self.random.below(100) {
            0..60 => Verb::Reserve,
            60..85 => Verb::Status,
            85..90 => Verb::Cancel,
            _ => Verb::Checkout,
        };
        let (verb, user) = match verb {
            Verb::Cancel | Verb::Checkout => match self.holders.pop_front() {
                Some(user) => (verb, user),
                // Nobody holds anything yet.
                None => (Verb::Reserve, self.shop.new_user()),
            },
            verb => (verb, self.shop.new_user()),
        };
        let ask = Ask { verb, product: 0, user };
        self.shop.write(ask, out);
        Some(ask)
    }

    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        if ask.verb == Verb::Reserve && answer.status == 201 {
            self.holders.push_back(ask.user);
        }
        self.shop.note(ask, answer)
    }
}

/// Reads the counters of every product once.
#[derive(Debug)]
pub(crate) struct Audit<'a> {
    pub(crate) shop: &'a Shop,
    pub(crate) next: usize,
    /// What each product's answer was, in no order.
    pub(crate) answers: Vec<(usize, u16, Vec<u8>)>,
}

impl Script for Audit<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Ask> {
        let product = self.next;
        self.shop.accounts.get(product)?;
        self.next += 1;
        let ask = Ask { verb: Verb::Status, product, user: 0 };
        self.shop.write(ask, out);
        Some(ask)
    }

    fn answered(&mut self, ask: Ask, answer: Answer<'_>) -> Result<()> {
        self.answers.push((ask.product, answer.status, answer.body.to_vec()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_buyers_and_no_more_each_for_the_next_product() {
        let mut shop = Shop::with(["one".to_owned(), "two".to_owned()], 10);
        let mut buyers = Buyers::some(&mut shop, 3);
        let asks: Vec<Ask> = std::iter::from_fn(|| buyers.next(&mut Vec::new())).collect();
        assert_eq!(asks.iter().map(|ask| ask.product).collect::<Vec<_>>(), [0, 1, 0]);
        let mut users: Vec<u64> = asks.iter().map(|ask| ask.user).collect();
        users.dedup();
        assert_eq!(users.len(), 3, "no user comes twice");
    }

    #[test]
    fn a_sale_is_mixed_as_it_says_and_nobody_pays_twice() {
        let mut shop = Shop::with(["one".to_owned()], 1_000_000);
        let mut sale = Sale { shop: &mut shop, random: Random::new(1), holders: VecDeque::new() };
        let mut counts = std::collections::BTreeMap::new();
        let mut ended = std::collections::BTreeSet::new();
        for _ in 0..100_000 {
            let ask = sale.next(&mut Vec::new()).unwrap();
            *counts.entry(format!("{:?}", ask.verb)).or_insert(0_i32) += 1;
            if matches!(ask.verb, Verb::Cancel | Verb::Checkout) {
                assert!(ended.insert(ask.user), "user {} ended a hold twice", ask.user);
            }
            let (status, body) = match ask.verb {
                Verb::Cancel => (200, &b""[..]),
                Verb::Status => (200, &br#"{"totalStock":1,"reservedStock":0,"availableStock":1}"#[..]),
                _ => (201, &b""[..]),
            };
            sale.answered(ask, Answer { status, body }).unwrap();
        }
        for (verb, expected) in [("Reserve", 60_000), ("Status", 25_000), ("Cancel", 5_000), ("Checkout", 10_000)] {
            assert!((counts[verb] - expected).abs() < 1_000, "{verb}: {counts:?}");
        }
        assert_eq!(shop.unexpected, 0);
    }
}
