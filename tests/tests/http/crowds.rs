//! Crowds and storms: whatever comes at once, the books balance.

use std::collections::HashMap;

use futures_util::future::join_all;

use crate::reply::Reply;
use crate::shop::{Level, Mode, Shop};

cases!(
    four_hundred_buyers_of_fifty_units_buy_fifty,
    one_buyer_clicking_a_hundred_times_buys_once,
    two_buyers_of_the_last_unit,
    a_storm_of_sets_releases_and_checkouts_balances,
    a_release_and_a_checkout_at_once_are_one_of_the_two,
);

fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status() == status).count()
}

async fn four_hundred_buyers_of_fifty_units_buy_fifty(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(50).await;
    let buyers = (0..400).map(|buyer| {
        let (shop, product, user) = (&shop, &product, format!("buyer {buyer}"));
        async move {
            let hold = shop.reserve(product, &user, 1).await;
            if hold.status() == 201 {
                shop.checkout(product, &user).await.is(201);
            }
            hold
        }
    });
    let holds = join_all(buyers).await;
    assert_eq!((count(&holds, 201), count(&holds, 409)), (50, 350));
    assert_eq!(shop.level(&product).await, Level::of(0, 0));
    assert_eq!(shop.balance(&product, 50).await, 50);
    let mut buyers: Vec<String> = shop.orders(&product).await.into_iter().map(|(user, _)| user).collect();
    buyers.sort();
    buyers.dedup();
    assert_eq!(buyers.len(), 50, "each bought once");
}

async fn one_buyer_clicking_a_hundred_times_buys_once(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(100).await;
    let holds = join_all((0..100).map(|_| shop.reserve(&product, "ada", 2))).await;
    assert_eq!((count(&holds, 201), count(&holds, 200)), (1, 99));
    assert!(holds.iter().all(|hold| hold.body() == holds[0].body()), "one hold for all\n{}", holds[0]);
    assert_eq!(shop.level(&product).await, Level::of(100, 2));

    let orders = join_all((0..100).map(|_| shop.checkout(&product, "ada"))).await;
    assert_eq!(count(&orders, 201), 1, "{}", orders[0]);
    for order in &orders {
        order.check(matches!(order.status(), 200 | 201 | 404 | 409), "a click too many is told so");
    }
    assert_eq!(shop.level(&product).await, Level::of(98, 0));
    assert_eq!(shop.balance(&product, 100).await, 2);

    let hold = shop.reserve(&product, "ada", 3).await.is(201).id("reservationId");
    let orders = join_all((0..100).map(|_| shop.checkout_named(&product, "ada", &hold))).await;
    assert_eq!((count(&orders, 201), count(&orders, 200)), (1, 99), "{}", orders[0]);
    assert!(orders.iter().all(|order| order.body() == orders[0].body()), "one order for all\n{}", orders[0]);
    assert_eq!(shop.balance(&product, 100).await, 5);
}

async fn two_buyers_of_the_last_unit(mode: Mode) {
    let shop = Shop::open(mode).await;
    for _ in 0..20 {
        let product = shop.product(1).await;
        let holds = join_all(["ada", "bob"].map(|user| shop.reserve(&product, user, 1))).await;
        assert_eq!((count(&holds, 201), count(&holds, 409)), (1, 1), "{}\n{}", holds[0], holds[1]);
        let orders = join_all(["ada", "bob"].map(|user| shop.checkout(&product, user))).await;
        assert_eq!((count(&orders, 201), count(&orders, 404)), (1, 1), "{}\n{}", orders[0], orders[1]);
        assert_eq!(shop.level(&product).await, Level::of(0, 0));
    }
}

/// Dice that fall the same way each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// One customer who cannot decide. Returns what they were told they bought.
async fn waver(shop: &Shop, product: &str, user: &str, seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let mut bought = 0;
    for _ in 0..15 {
        let (reply, fine) = match dice.roll(8) {
            0..4 => (shop.reserve(product, user, 1 + dice.roll(5)).await, [201, 200, 409].as_slice()),
            4 => (shop.release(product, user).await, [200, 404].as_slice()),
            5 => (shop.hold(product, user).await, [200, 404].as_slice()),
            _ => {
                let order = shop.checkout(product, user).await;
                if order.status() == 201 {
                    bought += order.count("quantity");
                }
                (order, [201, 404].as_slice())
            }
        };
        reply.check(fine.contains(&reply.status()), &format!("one of {fine:?}"));
    }
    bought
}

async fn a_storm_of_sets_releases_and_checkouts_balances(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(120).await;
    let users: Vec<String> = (0..30).map(|user| format!("user{user}")).collect();
    let storm = async {
        let customers = (1..).zip(&users).map(|(seed, user)| waver(&shop, &product, user, seed));
        join_all(customers).await
    };
    let watch = async {
        loop {
            shop.level(&product).await;
            tokio::task::yield_now().await;
        }
    };
    let bought = tokio::select! {
        bought = storm => bought,
        () = watch => unreachable!("it watches for ever"),
    };

    let mut sold: HashMap<String, u64> = HashMap::new();
    for (user, quantity) in shop.orders(&product).await {
        *sold.entry(user).or_default() += quantity;
    }
    for (user, bought) in users.iter().zip(&bought) {
        assert_eq!(sold.get(user).copied().unwrap_or_default(), *bought, "{user} was told they bought {bought}");
    }
    let mut held = 0;
    for user in &users {
        let hold = shop.hold(&product, user).await;
        if hold.status() == 200 {
            held += hold.count("quantity");
        }
    }
    assert_eq!(shop.level(&product).await.reserved, held);
    shop.balance(&product, 120).await;
    join_all(users.iter().map(|user| shop.release(&product, user))).await;
    assert_eq!(shop.level(&product).await.reserved, 0);
    let sold = shop.balance(&product, 120).await;
    assert_eq!(sold, bought.iter().sum::<u64>());
}

async fn a_release_and_a_checkout_at_once_are_one_of_the_two(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(100).await;
    let mut sold = 0;
    for _ in 0..25 {
        shop.reserve(&product, "ada", 1).await.is(201);
        let (order, release) = tokio::join!(shop.checkout(&product, "ada"), shop.release(&product, "ada"));
        let outcome = (order.status(), release.status());
        assert!(
            matches!(outcome, (201, 404) | (404, 200)),
            "sold or released, not both nor neither\n{order}\n{release}"
        );
        sold += u64::from(outcome.0 == 201);
        assert_eq!(shop.level(&product).await, Level::of(100 - sold, 0));
    }
    assert_eq!(shop.balance(&product, 100).await, sold);
}
