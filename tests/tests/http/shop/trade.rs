//! What customers and merchants do in a shop.

use serde_json::json;

use crate::reply::Reply;

use super::Shop;

/// The three counters of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) total: u64,
    pub(crate) reserved: u64,
    pub(crate) available: u64,
}

impl Level {
    /// So many in all, so many of them held.
    pub(crate) fn of(total: u64, reserved: u64) -> Self {
        Self { total, reserved, available: total - reserved }
    }
}

impl Shop {
    /// A new product with so many units at 19.99; its id.
    pub(crate) async fn product(&self, units: u64) -> String {
        self.product_at("19.99", units).await
    }

    /// A new product at this price; its id.
    pub(crate) async fn product_at(&self, price: &str, units: u64) -> String {
        let body = json!({ "name": "Phone", "price": price, "totalStock": units });
        self.post("/api/products", &body).await.is(201).id("id")
    }

    pub(crate) async fn reserve(&self, product: &str, user: &str, quantity: u64) -> Reply {
        self.post(&reserve_path(product), &json!({ "userId": user, "quantity": quantity })).await
    }

    /// A reserve under an idempotency key.
    pub(crate) async fn reserve_keyed(&self, product: &str, user: &str, quantity: u64, key: &str) -> Reply {
        let body = json!({ "userId": user, "quantity": quantity });
        self.call("POST", &reserve_path(product)).header("Idempotency-Key", key).json(&body).send().await
    }

    pub(crate) async fn release(&self, product: &str, user: &str) -> Reply {
        self.delete(&reserve_path(product), &json!({ "userId": user })).await
    }

    /// The user's hold.
    pub(crate) async fn hold(&self, product: &str, user: &str) -> Reply {
        self.get(&format!("{}?userId={user}", reserve_path(product))).await
    }

    pub(crate) async fn checkout(&self, product: &str, user: &str) -> Reply {
        self.post(&checkout_path(product), &json!({ "userId": user })).await
    }

    /// A checkout that names the hold it wants to buy.
    pub(crate) async fn checkout_named(&self, product: &str, user: &str, reservation: &str) -> Reply {
        self.post(&checkout_path(product), &json!({ "userId": user, "reservationId": reservation })).await
    }

    /// A checkout under an idempotency key.
    pub(crate) async fn checkout_keyed(&self, product: &str, user: &str, key: &str) -> Reply {
        let body = json!({ "userId": user });
        self.call("POST", &checkout_path(product)).header("Idempotency-Key", key).json(&body).send().await
    }

    /// The three counters, after a look at whether they agree.
    pub(crate) async fn level(&self, product: &str) -> Level {
        let status = self.get(&format!("/api/products/{product}/status")).await.is(200);
        let status = status.has_exactly(&["totalStock", "reservedStock", "availableStock"]);
        let level = Level {
            total: status.count("totalStock"),
            reserved: status.count("reservedStock"),
            available: status.count("availableStock"),
        };
        status.check(level.total == level.reserved + level.available, "total = reserved + available");
        level
    }

    /// Every order of a product: who, and how many.
    pub(crate) async fn orders(&self, product: &str) -> Vec<(String, u64)> {
        let mut orders = Vec::new();
        let mut path = "/api/orders?limit=100".to_owned();
        loop {
            let page = self.get(&path).await.is(200);
            for order in page.json()["items"].as_array().unwrap() {
                if order["productId"] == product {
                    orders.push((order["userId"].as_str().unwrap().to_owned(), order["quantity"].as_u64().unwrap()));
                }
            }
            match page.json()["nextCursor"].as_str() {
                Some(cursor) => path = format!("/api/orders?limit=100&cursor={cursor}"),
                None => return orders,
            }
        }
    }

    /// Fails, unless what is left and what was sold make up what there was. Returns how many were sold.
    pub(crate) async fn balance(&self, product: &str, initial: u64) -> u64 {
        let sold: u64 = self.orders(product).await.iter().map(|(_, quantity)| quantity).sum();
        let level = self.level(product).await;
        assert_eq!(level.total + sold, initial, "sold {sold}, and the counters say {level:?}");
        sold
    }
}

/// Where a product is reserved.
pub(crate) fn reserve_path(product: &str) -> String {
    format!("/api/products/{product}/reserve")
}

/// Where a product is paid for.
pub(crate) fn checkout_path(product: &str) -> String {
    format!("/api/products/{product}/checkout")
}
