//! `FLASHDEAL_AUTH=jwt`: the token says who one is, on the real binary.

mod admins;
mod doors;
mod setup;
mod tokens;
mod users;

use flashdeal_tests::folder::Folder;
use serde_json::{Value, json};

use crate::processes::Processes;
use crate::reply::Reply;
use crate::shop::{Mode, checkout_path, reserve_path, settled};

/// A shop that takes tokens of ours.
struct Locked {
    shop: Processes,
    _keys: Folder,
}

impl Locked {
    async fn open(mode: Mode) -> Self {
        let keys = Folder::new("keys").unwrap();
        let key = keys.path().join("key.pem");
        std::fs::write(&key, tokens::RSA_PUBLIC).unwrap();
        let shop = Processes::start(
            mode,
            &[
                ("FLASHDEAL_AUTH", "jwt"),
                ("FLASHDEAL_JWT_ALGORITHM", "RS256"),
                ("FLASHDEAL_JWT_AUDIENCE", "shop"),
                ("FLASHDEAL_JWT_KEY_FILE", key.to_str().unwrap()),
            ],
        )
        .await;
        Self { shop, _keys: keys }
    }

    async fn ask(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        settled(async || {
            let call = self.shop.call(method, path).header("Authorization", token);
            match body {
                Some(body) => call.json(body).try_send().await,
                None => call.try_send().await,
            }
        })
        .await
    }

    async fn get(&self, token: &str, path: &str) -> Reply {
        self.ask(token, "GET", path, None).await
    }

    async fn post(&self, token: &str, path: &str, body: &Value) -> Reply {
        self.ask(token, "POST", path, Some(body)).await
    }

    async fn product(&self, units: u64) -> String {
        self.post(&tokens::of_admin("boss"), "/api/products", &product(units)).await.is(201).id("id")
    }

    async fn reserve(&self, user: &str, product: &str, quantity: u64) -> Reply {
        self.post(&tokens::of(user), &reserve_path(product), &json!({ "quantity": quantity })).await
    }

    async fn buy(&self, user: &str, product: &str) -> String {
        self.reserve(user, product, 1).await.is(201);
        self.post(&tokens::of(user), &checkout_path(product), &json!({})).await.is(201).id("orderId")
    }
}

fn product(units: u64) -> Value {
    json!({ "name": "Phone", "price": 9.99, "totalStock": units })
}
