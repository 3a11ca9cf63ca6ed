//! `flashdeal orders`, the real binary: what was sold, as a table, whatever the servers do meanwhile.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use flashdeal_tests::folder::Folder;
use flashdeal_tests::process::flashdeal_binary;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::processes::Processes;
use crate::shop::{Mode, checkout_path, reserve_path, settled};

cases!(@mode embedded, Embedded, orders_are_written_as_they_were_sold, a_sale_in_full_swing_is_written_without_gaps);
cases!(@mode distributed, Distributed, orders_are_written_as_they_were_sold, a_sale_in_full_swing_is_written_without_gaps);

const HEADER: &str = "orderId,createdAt,productId,userId,quantity,unitPrice,total,reservationId\r\n";

/// How long a server may take to end in good order.
const LIMIT: Duration = Duration::from_mins(1);

/// The command on the record alone, in a folder of its own.
fn command(shop: &Processes, mode: Mode, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(flashdeal_binary().unwrap());
    command.arg("orders").args(arguments).current_dir(folder).env_clear();
    match mode {
        Mode::Embedded => command.env("FLASHDEAL_DATA_DIR", shop.apps()[0].folder().join("data")),
        _ => command.env("DATABASE_URL", shop.database().url()),
    };
    command
}

async fn run(shop: &Processes, mode: Mode, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = command(shop, mode, folder, arguments);
    tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await.unwrap().unwrap()
}

async fn written(shop: &Processes, mode: Mode, folder: &Path, arguments: &[&str]) -> String {
    let output = run(shop, mode, folder, arguments).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {} {told}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

async fn buy(shop: &Processes, product: &str, user: &str, quantity: u64) -> Value {
    let body = json!({ "userId": user, "quantity": quantity });
    let (reserve, checkout) = (reserve_path(product), checkout_path(product));
    let held = settled(async || shop.call("POST", &reserve).json(&body).try_send().await).await;
    held.check(matches!(held.status(), 200 | 201), "it is held");
    let body = json!({ "userId": user, "reservationId": held.text("reservationId") });
    let sold = settled(async || shop.call("POST", &checkout).json(&body).try_send().await).await;
    sold.check(matches!(sold.status(), 200 | 201), "it is sold");
    sold.json().clone()
}

/// An order as a line of the table, with the user as its cell has them.
fn line(order: &Value, user: &str) -> String {
    let text = |name: &str| order[name].as_str().unwrap();
    let (id, at, product, hold) = (text("orderId"), text("createdAt"), text("productId"), text("reservationId"));
    let (quantity, price, total) = (&order["quantity"], &order["unitPrice"], &order["total"]);
    format!("{id},{at},{product},{user},{quantity},{price},{total},{hold}\r\n")
}

async fn one_order_is_one(shop: &Processes, mode: Mode, folder: &Path) {
    let output = run(shop, mode, folder, &["--output", "first.csv"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("1 order is in first.csv"), "{said}");
    std::fs::remove_file(folder.join("first.csv")).unwrap();
}

async fn orders_are_written_as_they_were_sold(mode: Mode) {
    let mut shop = Processes::start(mode, &[]).await;
    let folder = Folder::new("export").unwrap();
    let folder = folder.path();
    let (phones, tablets) = (shop.product(100).await, shop.product(100).await);
    assert_eq!(written(&shop, mode, folder, &[]).await, HEADER);
    assert_eq!(written(&shop, mode, folder, &["--format", "jsonl"]).await, "");
    let cells = [
        ("ada", "ada"),
        ("=HYPERLINK(\"http://evil.example\",1)", "\"'=HYPERLINK(\"\"http://evil.example\"\",1)\""),
        ("müller, bob", "\"müller, bob\""),
        ("-1", "'-1"),
        (" @x", "' @x"),
        ("'=1", "''=1"),
    ];
    let mut sold = Vec::new();
    for (nth, (user, cell)) in cells.into_iter().enumerate() {
        let product = if nth % 2 == 0 { &phones } else { &tablets };
        let order = buy(&shop, product, user, u64::try_from(nth).unwrap() + 1).await;
        assert_eq!(order["userId"], user);
        sold.push((order, cell));
        if nth == 0 {
            one_order_is_one(&shop, mode, folder).await;
        }
    }
    // Two instances may make orders in the same millisecond; ids say which is the older one.
    sold.sort_by_key(|(order, _)| order["orderId"].as_str().unwrap().to_owned());
    let lines = |of: &dyn Fn(&Value) -> bool| {
        let lines = sold.iter().filter(|(order, _)| of(order)).map(|(order, cell)| line(order, cell));
        format!("{HEADER}{}", lines.collect::<String>())
    };
    let all = lines(&|_| true);
    let of_phones = lines(&|order| order["productId"] == phones.as_str());
    assert_eq!(written(&shop, mode, folder, &[]).await, all);
    assert_eq!(written(&shop, mode, folder, &["--product", &phones]).await, of_phones);
    let told = written(&shop, mode, folder, &["--format", "jsonl"]).await;
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(told.iter().eq(sold.iter().map(|(order, _)| order)), "{told:?}");

    // Into a file: it is whole, or it is not there.
    let output = run(&shop, mode, folder, &["--output", "orders.csv"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && output.stdout.is_empty() && said.contains("6 orders are in orders.csv"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(folder.join("orders.csv")).unwrap(), all);
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (arguments, complaint) in [
        (&["--output", "new.csv", "--product", unknown][..], "there is no product 01890a5d"),
        (&["--output", "new.csv", "--product", "42"], "--product"),
        (&["--output", "nowhere/new.csv"], "cannot write nowhere/new.csv"),
        (&["--output", "/dev/full"], "No space left on device"),
    ] {
        let output = run(&shop, mode, folder, arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(complaint) && !said.contains("panicked"), "{said}");
    }
    let files: BTreeSet<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, BTreeSet::from(["orders.csv".into()]));

    // Neither servers that died nor ones that ended in good order change what was sold.
    for nth in 0..shop.apps().len() {
        shop.apps()[nth].kill9().await.unwrap();
    }
    assert_eq!(written(&shop, mode, folder, &[]).await, all);
    shop.restart(0).await;
    shop.apps()[0].terminate(LIMIT).await.unwrap();
    assert_eq!(written(&shop, mode, folder, &[]).await, all);
    shop.restart(0).await;
}

/// The ids of a table, each once and in order.
fn ids(table: &str) -> BTreeSet<String> {
    let rows = table.strip_prefix(HEADER).unwrap().lines();
    let ids: Vec<String> = rows.map(|row| row.split(',').next().unwrap().to_owned()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "oldest first, none twice");
    ids.into_iter().collect()
}

/// More than a page of the export, and more than a pipe takes.
const EARLY: usize = 1_100;
const MEANWHILE: usize = 200;

async fn a_sale_in_full_swing_is_written_without_gaps(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    let folder = Folder::new("export").unwrap();
    let folder = folder.path();
    let product = shop.product(1_000_000).await;
    let sell = async |wave: &str, count: usize| -> BTreeSet<String> {
        let (shop, product) = (&shop, &product);
        let buyers = (0..20).map(|buyer| async move {
            let mut sold = Vec::new();
            for turn in 0..count / 20 {
                let order = buy(shop, product, &format!("{wave}-{buyer}-{turn}"), 1).await;
                sold.push(order["orderId"].as_str().unwrap().to_owned());
            }
            sold
        });
        join_all(buyers).await.into_iter().flatten().collect()
    };
    let early = sell("early", EARLY).await;
    assert_eq!(early.len(), EARLY);
    let exports = async {
        let mut exports = Vec::new();
        for _ in 0..3 {
            exports.push(ids(&written(&shop, mode, folder, &["--product", &product]).await));
        }
        exports
    };
    let (late, exports) = tokio::join!(sell("late", MEANWHILE), exports);
    let all: BTreeSet<String> = early.union(&late).cloned().collect();
    for export in exports {
        assert!(export.is_superset(&early) && export.is_subset(&all));
    }
    assert_eq!(ids(&written(&shop, mode, folder, &[]).await), all);

    // A reader that has seen enough has not seen all.
    let mut leaving = command(&shop, mode, folder, &["--format", "jsonl"]);
    let mut leaving = leaving.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(leaving.stdout.take());
    let left = tokio::task::spawn_blocking(move || leaving.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&left.stderr).into_owned();
    assert_eq!(left.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write the orders: Broken pipe") && !said.contains("panicked"), "{said}");
}
