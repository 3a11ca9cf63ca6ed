//! `FLASHDEAL_AUTH=jwt`: the token says who one is, on the real binary.

mod tokens;

use std::time::Duration;

use flashdeal_tests::folder::Folder;
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::processes::Processes;
use crate::reply::Reply;
use crate::shop::{Mode, checkout_path, reserve_path};

cases!(@mode embedded, Embedded,
    without_a_good_token_nobody_gets_in,
    one_acts_for_oneself_alone,
    what_is_anothers_is_not_there,
    products_are_written_by_admins,
    a_key_is_its_users_own
);
cases!(@mode distributed, Distributed,
    without_a_good_token_nobody_gets_in,
    one_acts_for_oneself_alone,
    what_is_anothers_is_not_there,
    products_are_written_by_admins,
    a_key_is_its_users_own
);
cases!(embedded only: the_kid_chooses_among_the_keys_of_a_set, an_open_door_needs_a_lock_or_an_explicit_word);

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
        let call = self.shop.call(method, path).header("Authorization", token);
        match body {
            Some(body) => call.json(body).send().await,
            None => call.send().await,
        }
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

/// Every route that asks who one is.
fn doors(product: &str, order: &str) -> [(&'static str, String, Option<Value>); 8] {
    [
        ("POST", "/api/products".to_owned(), Some(self::product(1))),
        ("PATCH", format!("/api/products/{product}"), Some(json!({ "addStock": 1 }))),
        ("POST", reserve_path(product), Some(json!({ "userId": "ada", "quantity": 1 }))),
        ("GET", format!("{}?userId=ada", reserve_path(product)), None),
        ("DELETE", reserve_path(product), Some(json!({ "userId": "ada" }))),
        ("POST", checkout_path(product), Some(json!({ "userId": "ada" }))),
        ("GET", "/api/orders?userId=ada".to_owned(), None),
        ("GET", format!("/api/orders/{order}"), None),
    ]
}

async fn without_a_good_token_nobody_gets_in(mode: Mode) {
    let shop = Locked::open(mode).await;
    let product = shop.product(5).await;
    let order = shop.buy("ada", &product).await;
    shop.reserve("ada", &product, 2).await.is(201);
    let refused = |reply: Reply, why: &str| {
        let reply = reply.refused(401, "unauthorized");
        reply.check(reply.header("www-authenticate") == Some("Bearer"), "a 401 says how to get in");
        reply.check(!reply.body().contains(why), "nobody is told which part of a token is wrong");
    };
    for (method, path, body) in doors(&product, &order) {
        let call = shop.shop.call(method, &path);
        let call = if let Some(body) = &body { call.json(body) } else { call };
        refused(call.send().await, "signature");
    }
    for (nth, (why, token)) in tokens::bad().into_iter().enumerate() {
        // Each door with some, and each token at some.
        for (method, path, body) in doors(&product, &order).iter().skip(nth % 3).step_by(3) {
            println!("{why}");
            refused(shop.ask(&token, method, path, body.as_ref()).await, "signature");
        }
    }
    // Nothing of it had an effect, and what is for everybody needs no token.
    let status = shop.shop.call("GET", &format!("/api/products/{product}/status")).send().await.is(200);
    assert_eq!((status.count("totalStock"), status.count("reservedStock")), (4, 2), "{status}");
    for path in
        ["/api/products", &format!("/api/products/{product}"), "/health/live", "/health/ready", "/metrics", "/docs/"]
    {
        shop.shop.call("GET", path).send().await.is(200);
    }
    let head = first_bytes(&shop, &format!("/api/products/{product}/events")).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    // A token that is good opens each of them, whatever the letter case of its scheme.
    let token = tokens::of("ada").replace("Bearer", "bEARER");
    shop.get(&token, &format!("/api/orders/{order}")).await.is(200);
}

/// How an answer begins that does not end.
async fn first_bytes(shop: &Locked, path: &str) -> String {
    let mut stream = TcpStream::connect(shop.shop.next().addr()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = vec![0; 400];
    let mut read = 0;
    while read < head.len() && !String::from_utf8_lossy(&head[..read]).contains("\r\n\r\n") {
        let more = stream.read(&mut head[read..]).await.unwrap();
        assert!(more > 0, "{}", String::from_utf8_lossy(&head[..read]));
        read += more;
    }
    String::from_utf8_lossy(&head[..read]).into_owned()
}

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
    assert_eq!(listed(&admin, "").await, both);
    assert_eq!(listed(&admin, "?userId=bob").await, [bobs.as_str()]);
    let left = shop.get(&ada, &format!("/api/products/{product}/status")).await.is(200);
    assert_eq!((left.count("totalStock"), left.count("reservedStock")), (7, 3), "{left}");
}

async fn products_are_written_by_admins(mode: Mode) {
    let shop = Locked::open(mode).await;
    let id = shop.product(5).await;
    let path = format!("/api/products/{id}");
    let change = json!({ "addStock": 1 });
    let scopes = [
        json!(null),
        json!(""),
        json!("administrator"),
        json!("Admin"),
        json!("read\tadmin"),
        json!(["adm", "in"]),
        json!([]),
    ];
    for scope in scopes {
        let token = tokens::signed(&tokens::claims_but("ada", &json!({ "scope": scope })));
        shop.post(&token, "/api/products", &product(1)).await.refused(403, "forbidden");
        shop.ask(&token, "PATCH", &path, Some(&change)).await.refused(403, "forbidden");
        // Neither learns one what is wrong with a body, or whether a product is there.
        shop.post(&token, "/api/products", &json!({})).await.refused(403, "forbidden");
        shop.ask(&token, "PATCH", "/api/products/x", Some(&change)).await.refused(403, "forbidden");
    }
    for (scope, total) in [(json!("admin"), 6), (json!("read admin write"), 7), (json!(["read", "admin"]), 8)] {
        let token = tokens::signed(&tokens::claims_but("ada", &json!({ "scope": scope })));
        let changed = shop.ask(&token, "PATCH", &path, Some(&change)).await.is(200);
        assert_eq!(changed.count("totalStock"), total, "{changed}");
    }
}

async fn a_key_is_its_users_own(mode: Mode) {
    let shop = Locked::open(mode).await;
    let product = shop.product(9).await;
    let keyed = async |user: &str, path: &str, body: &Value| {
        let call = shop.shop.call("POST", path).header("Authorization", &tokens::of(user));
        call.header("Idempotency-Key", "one-key").json(body).send().await
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

async fn the_kid_chooses_among_the_keys_of_a_set(mode: Mode) {
    let keys = Folder::new("keys").unwrap();
    let set = keys.path().join("jwks.json");
    let key = |kid: &str, x: &str| json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x });
    let symmetric = json!({ "kty": "oct", "alg": "HS256", "kid": "secret", "k": "c2VjcmV0LW9mLXNldmVyYWwtYnl0ZXMtbW9yZS10aGFuLTMy" });
    let jwks = json!({ "keys": [key("old", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), symmetric, key("new", tokens::ED25519_X)] });
    std::fs::write(&set, jwks.to_string()).unwrap();
    let shop = Processes::start(
        mode,
        &[
            ("FLASHDEAL_AUTH", "jwt"),
            ("FLASHDEAL_JWT_ALGORITHM", "EdDSA"),
            ("FLASHDEAL_JWT_AUDIENCE", "shop"),
            ("FLASHDEAL_JWT_JWKS_FILE", set.to_str().unwrap()),
        ],
    )
    .await;
    let ask = async |algorithm: Algorithm, kid: Option<&str>, key: EncodingKey| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        let token = tokens::bearer(&header, &tokens::claims("ada"), &key);
        shop.call("GET", "/api/orders").header("Authorization", &token).send().await
    };
    let ours = || EncodingKey::from_ed_pem(tokens::ED25519.as_bytes()).unwrap();
    ask(Algorithm::EdDSA, Some("new"), ours()).await.is(200);
    for kid in [None, Some("old"), Some("secret"), Some(""), Some("unknown")] {
        ask(Algorithm::EdDSA, kid, ours()).await.refused(401, "unauthorized");
    }
    let secret = EncodingKey::from_secret(b"secret-of-several-bytes-more-than-32");
    ask(Algorithm::HS256, Some("secret"), secret).await.refused(401, "unauthorized");
}

async fn an_open_door_needs_a_lock_or_an_explicit_word(_mode: Mode) {
    let keys = Folder::new("keys").unwrap();
    let file = |name: &str, text: &str| {
        let path = keys.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let run = async |settings: &[(&str, &str)], arguments: &[&str]| {
        let mut options = AppOptions::new(flashdeal_binary().unwrap());
        for (name, value) in settings {
            options = options.env(name, value);
        }
        for argument in arguments {
            options = options.arg(argument);
        }
        let (status, said) = AppProcess::run_to_end(options, Duration::from_secs(30)).await.unwrap();
        assert!(!status.success() && !said.contains("panicked"), "{status}: {said}");
        (status.code(), said)
    };
    // An address of documentation's: nobody has it, so that nothing is ever served there.
    let elsewhere = ["--bind", "192.0.2.1:8080"];
    for bind in ["192.0.2.1:8080", "0.0.0.0:0", "[::]:0"] {
        let (code, said) = run(&[], &["--bind", bind]).await;
        assert!(code == Some(2) && said.contains("--insecure-no-auth"), "{bind}: {code:?}: {said}");
    }
    let (_, said) = run(&[("FLASHDEAL_INSECURE_NO_AUTH", "false")], &elsewhere).await;
    assert!(said.contains("--insecure-no-auth"), "{said}");
    let key = file("key.pem", tokens::RSA_PUBLIC);
    let jwt = [("FLASHDEAL_AUTH", "jwt"), ("FLASHDEAL_JWT_ALGORITHM", "RS256"), ("FLASHDEAL_JWT_AUDIENCE", "shop")];
    let locked = [&jwt[..], &[("FLASHDEAL_JWT_KEY_FILE", &key)]].concat();
    for settings in [&[("FLASHDEAL_INSECURE_NO_AUTH", "true")][..], &locked] {
        let (code, said) = run(settings, &elsewhere).await;
        assert!(code == Some(1) && said.contains("cannot listen on 192.0.2.1:8080"), "{code:?}: {said}");
    }
    // A lock that would not lock is none.
    let private = file("private.pem", "-----BEGIN PRIVATE KEY-----\nnot-a-key\n-----END PRIVATE KEY-----\n");
    let (short, missing) = (file("short", "too short to be a secret"), keys.path().join("missing"));
    let hs256 = [("FLASHDEAL_AUTH", "jwt"), ("FLASHDEAL_JWT_ALGORITHM", "HS256"), ("FLASHDEAL_JWT_AUDIENCE", "shop")];
    let secret = "a shared secret that nobody may read in a log";
    let wrong: [&[(&str, &str)]; 9] = [
        &jwt,
        &[&jwt[..], &[("FLASHDEAL_JWT_SECRET", secret)]].concat(),
        &[&jwt[..], &[("FLASHDEAL_JWT_KEY_FILE", &private)]].concat(),
        &[&jwt[..], &[("FLASHDEAL_JWT_KEY_FILE", missing.to_str().unwrap())]].concat(),
        &[&jwt[..], &[("FLASHDEAL_JWT_JWKS_FILE", &key)]].concat(),
        &[&locked[..], &[("FLASHDEAL_JWT_AUDIENCE", " ")]].concat(),
        &[&locked[..], &[("FLASHDEAL_JWT_ALGORITHM", "none")]].concat(),
        &[&hs256[..], &[("FLASHDEAL_JWT_KEY_FILE", &short)]].concat(),
        &[&hs256[..], &[("FLASHDEAL_JWT_SECRET", secret), ("FLASHDEAL_JWT_KEY_FILE", &key)]].concat(),
    ];
    for settings in wrong {
        let (_, said) = run(settings, &[]).await;
        assert!(!said.contains(secret) && !said.contains("not-a-key") && !said.contains("too short to be"), "{said}");
    }
}
