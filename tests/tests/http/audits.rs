//! `flashdeal verify` and `flashdeal rebuild`, the real binary: on a shop in full swing, and after somebody tampered with a store.

use std::collections::BTreeMap;
use std::time::Duration;

use flashdeal_tests::process::{AppOptions, AppProcess, example_binary};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::processes::Processes;
use crate::reply::Reply;
use crate::shop::{Mode, checkout_path, reserve_path, settled};

cases!(@mode distributed, Distributed,
    a_shop_in_full_swing_balances,
    what_somebody_tampered_with_is_told_and_nothing_else,
    a_gate_that_lies_is_rebuilt_while_it_sells,
    stores_that_cannot_be_asked_are_no_finding
);
cases!(embedded only: an_embedded_shop_is_audited_while_nobody_has_it, what_was_written_into_the_file_is_told);

/// What `verify` finds: by product the kinds, sorted.
type Found = BTreeMap<String, Vec<String>>;

async fn verify(shop: &Processes) -> Found {
    let (status, said) = shop.command(&["verify", "--json"]).await;
    let told: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{status:?}: {said}"));
    let mut found = Found::new();
    for finding in told["findings"].as_array().unwrap() {
        let text = |name: &str| finding[name].as_str().unwrap().to_owned();
        assert!(!text("detail").is_empty());
        found.entry(text("productId")).or_default().push(text("kind"));
    }
    for kinds in found.values_mut() {
        kinds.sort();
    }
    assert_eq!(told["balances"], found.is_empty(), "{said}");
    assert_eq!(status, Some(i32::from(!found.is_empty())), "{said}");
    found
}

async fn balances(shop: &Processes) {
    let (status, said) = shop.command(&["verify"]).await;
    assert!(status == Some(0) && said.contains("the books balance"), "{status:?}: {said}");
}

async fn reserve(shop: &Processes, product: &str, user: &str, quantity: u64) -> u16 {
    let body = json!({ "userId": user, "quantity": quantity });
    made(&settled(async || shop.call("POST", &reserve_path(product)).json(&body).try_send().await).await)
}

async fn checkout(shop: &Processes, product: &str, user: &str) -> u16 {
    let body = json!({ "userId": user });
    made(&settled(async || shop.call("POST", &checkout_path(product)).json(&body).try_send().await).await)
}

/// The status of an answer. A call that was repeated may find what it made before: that is as good as making it.
fn made(reply: &Reply) -> u16 {
    if reply.status() == 200 { 201 } else { reply.status() }
}

/// A product with 90 left, of which 5 are held.
async fn sold_and_held(shop: &Processes) -> String {
    let product = shop.product(100).await;
    for (user, quantity, buys) in [("ada", 4, true), ("bob", 6, true), ("carl", 2, false), ("dora", 3, false)] {
        assert_eq!(reserve(shop, &product, user, quantity).await, 201);
        if buys {
            assert_eq!(checkout(shop, &product, user).await, 201);
        }
    }
    product
}

async fn a_shop_in_full_swing_balances(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    let product = shop.product(5_000).await;
    let buyers = join_all((0..16).map(|buyer| {
        let (shop, product) = (&shop, &product);
        async move {
            for turn in 0..15 {
                let user = format!("buyer{buyer}-{turn}");
                assert_eq!(reserve(shop, product, &user, 1 + turn % 3).await, 201);
                match turn % 4 {
                    0 => {}
                    1 => {
                        let body = json!({ "userId": user });
                        let path = reserve_path(product);
                        settled(async || shop.call("DELETE", &path).json(&body).try_send().await).await.is(200);
                    }
                    _ => assert_eq!(checkout(shop, product, &user).await, 201),
                }
            }
        }
    }));
    let audits = async {
        balances(&shop).await;
        balances(&shop).await;
    };
    tokio::join!(buyers, audits);
    balances(&shop).await;
}

/// Writes around the triggers and the constraints, as only the owner of the database can.
async fn tamper(shop: &Processes, statements: &str) {
    let around = "SET session_replication_role = replica;
        ALTER TABLE stock_ledger DROP CONSTRAINT IF EXISTS kind_fits_its_columns,
            DROP CONSTRAINT IF EXISTS an_order_is_a_sale, DROP CONSTRAINT IF EXISTS a_key_belongs_to_an_order;";
    shop.database().sql(&format!("{around}{statements}")).await.unwrap();
}

/// Runs a script over the gate of a product; `meta` is what it keeps beside its holds.
async fn tamper_gate(shop: &Processes, product: &str, script: &str) {
    let script = format!(
        "local function edit(field, from, to, by)
             local was = redis.call('HGET', KEYS[1], field)
             redis.call('HSET', KEYS[1], field, was:sub(1, from - 1) .. by .. was:sub(to + 1))
         end
         local meta = string.char(0)
         {script}
         return 1"
    );
    let key = format!("flashdeal:{{{product}}}");
    shop.redis().command(&["EVAL", &script, "1", &key]).await.unwrap();
}

async fn what_somebody_tampered_with_is_told_and_nothing_else(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    let mut wanted = Found::new();
    let mut products = Vec::new();
    // One product for each row here, and one that nobody touches.
    for _ in 0..=RECORD.len() + GATE.len() {
        products.push(sold_and_held(&shop).await);
    }
    assert_eq!(verify(&shop).await, Found::new());
    let mut untouched = products.iter();
    for (statements, kinds) in RECORD {
        let product = untouched.next().unwrap();
        tamper(&shop, &statements.replace('$', &format!("'{product}'"))).await;
        wanted.insert(product.clone(), kinds.iter().map(ToString::to_string).collect());
    }
    for (script, kinds) in GATE {
        let product = untouched.next().unwrap();
        tamper_gate(&shop, product, script).await;
        wanted.insert(product.clone(), kinds.iter().map(ToString::to_string).collect());
    }
    // Rows of products that are not there, in the record and in the gate.
    let ghost = "01890a5d-ac96-774b-bcce-b302099a8057";
    tamper(
        &shop,
        &format!("INSERT INTO stock_ledger (product_id, kind, delta, at) VALUES ('{ghost}', 'allotment', 3, now())"),
    )
    .await;
    wanted.insert(ghost.to_owned(), vec!["ledger_orphaned".to_owned()]);
    let other = "01890a5d-ac96-774b-bcce-b302099a8058";
    let (from, to) = (format!("flashdeal:{{{}}}", untouched.next().unwrap()), format!("flashdeal:{{{other}}}"));
    for part in ["", ":due:0", ":due:1"] {
        shop.redis().command(&["COPY", &format!("{from}{part}"), &format!("{to}{part}")]).await.unwrap();
    }
    shop.redis().command(&["ZADD", "flashdeal:products", "0", other]).await.unwrap();
    wanted.insert(other.to_owned(), vec!["gate_orphaned".to_owned()]);

    let found = verify(&shop).await;
    for (product, kinds) in &wanted {
        let nth = products.iter().position(|known| known == product);
        assert_eq!(found.get(product), Some(kinds), "tampering {nth:?}: {found:#?}");
    }
    assert_eq!(found, wanted);
    is_told(&shop, &wanted).await;
}

/// As text it names each of them, too.
async fn is_told(shop: &Processes, wanted: &Found) {
    let (status, said) = shop.command(&["verify"]).await;
    assert_eq!(status, Some(1), "{said}");
    for (product, kinds) in wanted {
        for kind in kinds {
            assert!(said.contains(&format!("{kind} product {product}")), "{kind} of {product} is not in {said}");
        }
    }
}

/// What is done to the record, with `$` for the product, and what it is called.
const RECORD: [(&str, &[&str]); 9] = [
    ("UPDATE products SET total_stock = total_stock + 1, version = version + 1 WHERE id = $", &["ledger_unbalanced"]),
    ("UPDATE products SET total_stock = total_stock - 1 WHERE id = $", &["ledger_unbalanced", "total_differs"]),
    ("UPDATE stock_ledger SET delta = delta + 1 WHERE product_id = $ AND kind = 'allotment'", &["ledger_unbalanced"]),
    // An order whose sale took fewer units than it has.
    (
        "UPDATE stock_ledger SET delta = delta + 1 WHERE product_id = $ AND user_id = 'ada' AND kind = 'sold'",
        &["ledger_unbalanced", "orders_unbalanced", "rows_contradict"],
    ),
    // An order without its ledger row, all told: the row is the order.
    ("DELETE FROM stock_ledger WHERE product_id = $ AND user_id = 'bob' AND kind = 'sold'", &["ledger_unbalanced"]),
    // A sale without an order.
    (
        "UPDATE stock_ledger SET order_id = NULL, unit_price_cents = NULL WHERE product_id = $ AND user_id = 'ada' AND kind = 'sold'",
        &["orders_unbalanced", "rows_contradict"],
    ),
    // Two allotments, of which one is nothing.
    ("INSERT INTO stock_ledger (product_id, kind, delta, at) VALUES ($, 'allotment', 0, now())", &["rows_contradict"]),
    // A record that was rolled back.
    ("UPDATE products SET epoch = epoch - 1 WHERE id = $", &["epoch_ahead"]),
    ("UPDATE products SET version = version - 1 WHERE id = $", &["version_ahead"]),
];

/// What is done to a gate, and what it is called. Of its state, bytes 25 to 28 are the total, 29 to 34 what is reserved, 53 to 56
/// how many pages its index has, 112 to the last the terms; of a hold, bytes 17 to 20 are its quantity and 21 to 26 its deadline.
const GATE: [(&str, &[&str]); 6] = [
    ("edit(meta, 34, 34, string.char(6))", &["reserved_differs"]),
    ("edit('carl', 20, 20, string.char(9))", &["reserved_differs"]),
    ("edit(meta, 28, 28, string.char(91))", &["total_differs"]),
    ("edit('carl', 21, 26, string.char(0, 0, 0, 0, 0, 1))", &["holds_past_deadline"]),
    // One unit each, at a version of the record that says nothing of the sort.
    ("edit(meta, 112, 112, struct.pack('>BI6I6I4', 16, 0, 2 ^ 48 - 1, 1))", &["terms_differ"]),
    // A gate of so few holds has no index; this one believes it has.
    ("edit(meta, 53, 53, string.char(0))", &["index_incomplete"]),
];

async fn a_gate_that_lies_is_rebuilt_while_it_sells(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    let (product, other) = (sold_and_held(&shop).await, sold_and_held(&shop).await);
    tamper_gate(&shop, &product, "edit(meta, 34, 34, string.char(80))").await;
    let lies = Found::from([(product.clone(), vec!["reserved_differs".to_owned()])]);
    assert_eq!(verify(&shop).await, lies);
    // Nothing is dropped without a word.
    let (status, said) = shop.command(&["rebuild", "--product", &product]).await;
    assert!(
        status == Some(2) && said.contains("2 live holds of 5 units") && said.contains("--yes"),
        "{status:?}: {said}"
    );
    assert_eq!(verify(&shop).await, lies);

    let rebuild = async {
        let (status, said) = shop.command(&["rebuild", "--product", &product, "--yes"]).await;
        assert!(status == Some(0) && said.contains("rebuilt with"), "{status:?}: {said}");
    };
    // Buyers come meanwhile. One whose hold went with the gate is told so, and nothing is sold twice.
    let (shop_, product_) = (&shop, &product);
    let buyers = join_all((0..40).map(|nth| async move {
        let user = format!("buyer{nth}");
        let reserved = reserve(shop_, product_, &user, 1).await;
        assert!(matches!(reserved, 201 | 409), "{reserved}");
        let sold = checkout(shop_, product_, &user).await;
        assert!(sold == 201 || sold == 404, "{sold}");
        u64::from(sold == 201)
    }));
    let ((), sold) = tokio::join!(rebuild, buyers);
    let sold: u64 = sold.into_iter().sum();
    assert_eq!(verify(&shop).await, Found::new());
    let path = format!("/api/products/{product}/status");
    let status = settled(async || shop.call("GET", &path).try_send().await).await.is(200);
    assert_eq!(status.count("totalStock"), 90 - sold, "{status}");
    // The other product has what it had; all that is left can be had.
    assert_eq!(checkout(&shop, &other, "carl").await, 201);
    assert_eq!(checkout(&shop, &product, "carl").await, 404);
    let available = status.count("availableStock");
    assert_eq!(reserve(&shop, &product, "last", available).await, 201);
    assert_eq!(checkout(&shop, &product, "last").await, 201);

    // All gates at once, and one that is unknown.
    let (status, said) = shop.command(&["rebuild", "--yes"]).await;
    assert!(status == Some(0) && said.contains(&product) && said.contains(&other), "{status:?}: {said}");
    balances(&shop).await;
    let (status, said) = shop.command(&["rebuild", "--yes", "--product", "01890a5d-ac96-774b-bcce-b302099a8057"]).await;
    assert!(status == Some(1) && !said.contains("rebuilt"), "{status:?}: {said}");
}

async fn stores_that_cannot_be_asked_are_no_finding(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    sold_and_held(&shop).await;
    shop.redis().kill9().await.unwrap();
    let (status, said) = shop.command(&["verify"]).await;
    assert!(
        status == Some(2) && !said.contains("finding") && said.to_lowercase().contains("redis"),
        "{status:?}: {said}"
    );
    let url = format!("{}-which-is-not-there", shop.database().url());
    let (status, said) = shop.command(&["verify", "--database-url", &url]).await;
    assert!(status == Some(2) && !said.contains("finding"), "{status:?}: {said}");
}

async fn an_embedded_shop_is_audited_while_nobody_has_it(mode: Mode) {
    let mut shop = Processes::start(mode, &[]).await;
    let product = sold_and_held(&shop).await;
    for command in [&["verify"][..], &["rebuild", "--yes"]] {
        let (status, said) = shop.command(command).await;
        assert!(status != Some(0) && said.contains("a running server has the embedded store"), "{status:?}: {said}");
    }
    shop.apps()[0].kill9().await.unwrap();
    balances(&shop).await;
    let (status, said) = shop.command(&["rebuild"]).await;
    assert!(status == Some(2) && said.contains("2 live holds of 5 units"), "{status:?}: {said}");
    let (status, said) = shop.command(&["rebuild", "--yes"]).await;
    assert!(status == Some(0) && said.contains("rebuilt with 90 units"), "{status:?}: {said}");
    balances(&shop).await;
    let (status, said) = shop.command(&["verify", "--data-dir", "nowhere"]).await;
    assert!(status == Some(2) && said.contains("there is no embedded store in nowhere"), "{status:?}: {said}");
    shop.restart(0).await;
    assert_eq!(checkout(&shop, &product, "carl").await, 404);
    assert_eq!(reserve(&shop, &product, "carl", 90).await, 201);
}

/// What is done to the file, with `$` for the product, and what it is called.
const FILE: [(&str, &[&str]); 3] = [
    ("UPDATE products SET total_stock = total_stock + 1, version = version + 1 WHERE id = $", &["ledger_unbalanced"]),
    (
        "DELETE FROM stock_ledger WHERE product = $ AND user_id = 'ada' AND kind = 'sold'",
        &["ledger_unbalanced", "orders_unbalanced"],
    ),
    ("UPDATE products SET epoch = epoch - 1 WHERE id = $", &["epoch_ahead"]),
];

async fn what_was_written_into_the_file_is_told(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    let mut products = Vec::new();
    // One for each row, and one that nobody touches.
    for _ in 0..=FILE.len() {
        products.push(sold_and_held(&shop).await);
    }
    shop.apps()[0].kill9().await.unwrap();
    assert_eq!(verify(&shop).await, Found::new());

    let mut wanted = Found::new();
    for ((statement, kinds), product) in FILE.iter().zip(&products) {
        let folder = shop.apps()[0].folder().join("data");
        let sql = statement.replace('$', &format!("x'{}'", product.replace('-', "")));
        let tamper = AppOptions::new(example_binary("tamper").unwrap()).arg(folder.to_str().unwrap()).arg(&sql);
        let (status, said) = AppProcess::run_to_end(tamper, Duration::from_mins(1)).await.unwrap();
        assert!(status.success(), "{sql}: {said}");
        wanted.insert(product.clone(), kinds.iter().map(ToString::to_string).collect());
        // Found one by one, and among those before.
        assert_eq!(verify(&shop).await, wanted, "{sql}");
    }
    is_told(&shop, &wanted).await;
}
