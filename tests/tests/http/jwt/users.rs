//! What one may do, see and repeat: what is one's own.

use serde_json::{Value, json};

use crate::shop::{Mode, checkout_path, reserve_path, settled};

use super::{Locked, tokens};

cases!(@mode embedded, Embedded, one_acts_for_oneself_alone, what_is_anothers_is_not_there, a_key_is_its_users_own);
cases!(@mode distributed, Distributed, one_acts_for_oneself_alone, what_is_anothers_is_not_there, a_key_is_its_users_own);

async fn one_acts_for_oneself_alone(mode: Mode) {
    let shop = Locked::open(mode).await;
    let product = shop.product(5).await;
    let (ada, admin) = (tokens::of("ada"), tokens::of_admin("boss"));
    shop.reserve("bob", &product, 2).await.is(201);
    let bob = json!({ "userId": "bob", "quantity": 1 });
    let of_bob = format!("{}?userId=bob", reserve_path(&product));
    // Who may write products is nobody else's customer either.
    for token in [&ada, &admin] {
        shop.post(token, &reserve_path(&product), &bob).await.refused(403, "forbidden");
        shop.post(token, &checkout_path(&product), &bob).await.refused(403, "forbidden");
        shop.ask(token, "DELETE", &reserve_path(&product), Some(&bob)).await.refused(403, "forbidden");
        shop.ask(token, "DELETE", &of_bob, None).await.refused(403, "forbidden");
        shop.get(token, &of_bob).await.refused(403, "forbidden");
    }
    for other in ["bob", "Ada", "ada ", "adа"] {
        let body = json!({ "userId": other, "quantity": 1 });
        shop.post(&ada, &reserve_path(&product), &body).await.refused(403, "forbidden");
    }
    // Broken fields are told first, as ever.
    shop.post(&ada, &reserve_path(&product), &json!({ "userId": "bob", "quantity": 0 })).await.invalid(&["quantity"]);

    let hold = shop.post(&ada, &reserve_path(&product), &json!({ "userId": "ada", "quantity": 1 })).await.is(201);
    assert_eq!(hold.text("userId"), "ada");
    // Without a user it is the token's; and with null, which is none.
    let same = shop.post(&ada, &reserve_path(&product), &json!({ "userId": null, "quantity": 2 })).await.is(200);
    assert_eq!((same.text("userId"), same.count("quantity")), ("ada".to_owned(), 2));
    let read = shop.get(&ada, &reserve_path(&product)).await.is(200);
    assert_eq!(read.text("reservationId"), hold.text("reservationId"));
    shop.ask(&ada, "DELETE", &reserve_path(&product), None).await.is(200);
    let status = shop.get(&ada, &format!("/api/products/{product}/status")).await.is(200);
    assert_eq!(
        (status.count("totalStock"), status.count("reservedStock")),
        (5, 2),
        "bob's hold is as it was: {status}"
    );

    // A place in line is one's own as well; who is in it is for admins.
    let line = format!("/api/products/{product}/waitlist");
    for token in [&ada, &admin] {
        shop.post(token, &line, &bob).await.refused(403, "forbidden");
        shop.get(token, &format!("{line}?userId=bob")).await.refused(403, "forbidden");
        shop.ask(token, "DELETE", &format!("{line}?userId=bob"), None).await.refused(403, "forbidden");
    }
    // All there are, of which bob holds two: she waits for him.
    let wait = shop.post(&ada, &line, &json!({ "quantity": 5 })).await.is(201);
    assert_eq!(wait.text("userId"), "ada", "{wait}");
    assert_eq!(shop.get(&ada, &line).await.is(200).text("userId"), "ada");
    assert_eq!(shop.get(&admin, &line).await.is(200).json()["items"][0]["userId"], "ada");
    assert_eq!(shop.ask(&ada, "DELETE", &line, None).await.is(200).text("userId"), "ada");
    shop.get(&ada, &line).await.refused(404, "not_waiting");
}

async fn what_is_anothers_is_not_there(mode: Mode) {
    let shop = Locked::open(mode).await;
    let product = shop.product(9).await;
    let (ada, bob, admin) = (tokens::of("ada"), tokens::of("bob"), tokens::of_admin("boss"));
    let adas = shop.buy("ada", &product).await;
    let bobs = shop.buy("bob", &product).await;
    let held = shop.reserve("bob", &product, 2).await.is(201).text("reservationId");

    shop.get(&ada, &format!("/api/orders/{bobs}")).await.refused(404, "order_not_found");
    shop.get(&ada, &reserve_path(&product)).await.refused(404, "no_reservation");
    shop.post(&ada, &checkout_path(&product), &json!({ "reservationId": held })).await.refused(404, "no_reservation");
    shop.ask(&ada, "DELETE", &reserve_path(&product), None).await.refused(404, "no_reservation");
    // Neither does it help to hold something oneself.
    shop.reserve("ada", &product, 1).await.is(201);
    shop.post(&ada, &checkout_path(&product), &json!({ "reservationId": held })).await.refused(404, "no_reservation");
    let sold = shop.get(&admin, &format!("/api/orders/{bobs}")).await.is(200).text("reservationId");
    shop.post(&ada, &checkout_path(&product), &json!({ "reservationId": sold })).await.refused(404, "no_reservation");
    shop.get(&bob, &format!("/api/orders/{bobs}")).await.is(200);

    let listed = async |token: &str, query: &str| {
        let page = shop.get(token, &format!("/api/orders{query}")).await.is(200);
        let items = page.json()["items"].as_array().unwrap().clone();
        let mut ids: Vec<String> = items.iter().map(|order| order["orderId"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut both = vec![adas.clone(), bobs.clone()];
    both.sort();
    assert_eq!(listed(&ada, "").await, [adas.as_str()]);
    assert_eq!(listed(&ada, "?userId=ada&limit=100").await, [adas.as_str()]);
    assert_eq!(listed(&bob, &format!("?cursor={}", "ffffffff-ffff-7fff-bfff-ffffffffffff")).await, [bobs.as_str()]);
    shop.get(&ada, "/api/orders?userId=bob").await.refused(403, "forbidden");
    // A product's orders are one's own too, unless one is an admin.
    assert_eq!(listed(&ada, &format!("?productId={product}")).await, [adas.as_str()]);
    assert_eq!(listed(&ada, &format!("?productId={product}&userId=ada")).await, [adas.as_str()]);
    shop.get(&ada, &format!("/api/orders?productId={product}&userId=bob")).await.refused(403, "forbidden");
    shop.get(&ada, "/api/orders?userId=bob&productId=x").await.invalid(&["productId"]);
    assert_eq!(listed(&admin, &format!("?productId={product}")).await, both);
    assert_eq!(listed(&admin, &format!("?productId={product}&userId=bob")).await, [bobs.as_str()]);
    assert!(listed(&admin, &format!("?productId={bobs}")).await.is_empty());
    assert_eq!(listed(&admin, "").await, both);
    assert_eq!(listed(&admin, "?userId=bob").await, [bobs.as_str()]);
    let left = shop.get(&ada, &format!("/api/products/{product}/status")).await.is(200);
    assert_eq!((left.count("totalStock"), left.count("reservedStock")), (7, 3), "{left}");
}

async fn a_key_is_its_users_own(mode: Mode) {
    let shop = Locked::open(mode).await;
    let product = shop.product(9).await;
    let keyed = async |user: &str, path: &str, body: &Value| {
        let token = tokens::of(user);
        settled(async || {
            let call = shop.shop.call("POST", path).header("Authorization", &token);
            call.header("Idempotency-Key", "one-key").json(body).try_send().await
        })
        .await
    };
    let (reserve, checkout, one) = (reserve_path(&product), checkout_path(&product), json!({ "quantity": 1 }));
    let first = keyed("ada", &reserve, &one).await.is(201);
    // The same user with another token, and with the user spelt out, repeats; another user begins anew.
    for body in [&one, &json!({ "userId": "ada", "quantity": 1 })] {
        let again = keyed("ada", &reserve, body).await.is(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again}");
        assert_eq!(again.json(), first.json());
    }
    keyed("ada", &reserve, &json!({ "quantity": 2 })).await.refused(422, "idempotency_key_reused");
    let other = keyed("bob", &reserve, &one).await.is(201);
    assert_ne!(other.text("reservationId"), first.text("reservationId"));
    let order = keyed("ada", &checkout, &json!({})).await.is(201);
    let again = keyed("ada", &checkout, &json!({ "userId": "ada" })).await.is(200);
    assert_eq!(again.json(), order.json());
    let others = keyed("bob", &checkout, &json!({})).await.is(201);
    assert_ne!(others.id("orderId"), order.id("orderId"));
}
