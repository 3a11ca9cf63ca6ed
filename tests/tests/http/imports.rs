//! `flashdeal import`, the real binary: the products of a night out of a table, each once, however often.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use flashdeal_tests::folder::Folder;
use flashdeal_tests::process::flashdeal_binary;
use serde_json::Value;

use crate::processes::Processes;
use crate::shop::{Mode, reserve_path, settled};

cases!(@mode embedded, Embedded, a_table_is_imported_once, a_table_that_is_wrong_makes_nothing, what_was_cut_off_is_finished);
cases!(@mode distributed, Distributed, a_table_is_imported_once, a_table_that_is_wrong_makes_nothing, what_was_cut_off_is_finished);

/// How long a server may take to end in good order.
const LIMIT: Duration = Duration::from_mins(1);

const TABLE: &str = "name,price,totalStock,startsAt,maxPerReservation,description\n\
    Phone,499.90,200,2026-12-01T12:00:00Z,2,\"with, a comma\"\n\
    Tablet,1299,50,,,\n";

/// The command on the shop's stores, in a folder of its own.
async fn import(shop: &Processes, mode: Mode, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(flashdeal_binary().unwrap());
    command.arg("import").args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    match mode {
        Mode::Embedded => command.env("FLASHDEAL_DATA_DIR", shop.apps()[0].folder().join("data")),
        _ => command.env("DATABASE_URL", shop.database().url()).env("REDIS_URL", shop.redis().url()),
    };
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Of an embedded shop the server must be stopped for the command.
async fn stopped(shop: &Processes, mode: Mode) {
    if mode == Mode::Embedded {
        shop.apps()[0].terminate(LIMIT).await.unwrap();
    }
}

async fn started(shop: &mut Processes, mode: Mode) {
    if mode == Mode::Embedded {
        shop.restart(0).await;
    }
}

/// The shop's products, oldest first.
async fn products(shop: &Processes) -> Vec<Value> {
    let listed = settled(async || shop.call("GET", "/api/products?limit=100").try_send().await).await.is(200);
    let mut items = listed.json()["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

async fn a_table_is_imported_once(mode: Mode) {
    let mut shop = Processes::start(mode, &[]).await;
    let folder = Folder::new("import").unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("deals.csv"), TABLE).unwrap();
    let refused = import(&shop, mode, folder, &["deals.csv"]).await;
    if mode == Mode::Embedded {
        assert!(!refused.status.success() && said(&refused).contains("stop it first"), "{}", said(&refused));
        assert!(refused.stdout.is_empty(), "no id is told that no product gets");
        stopped(&shop, mode).await;
    } else {
        assert!(refused.status.success(), "the shop sells meanwhile: {}", said(&refused));
    }
    let made = import(&shop, mode, folder, &["deals.csv", "--output", "made.csv"]).await;
    assert!(made.status.success() && made.stdout.is_empty(), "{}", said(&made));
    assert!(said(&made).contains("flashdeal: 2 products made"), "{}", said(&made));
    for nth in 0..2 {
        let again = import(&shop, mode, folder, &["made.csv"]).await;
        assert!(again.status.success(), "{}", said(&again));
        assert!(said(&again).contains("0 products made; 2 products there before"), "{nth}: {}", said(&again));
        assert_eq!(again.stdout, std::fs::read(folder.join("made.csv")).unwrap());
    }
    started(&mut shop, mode).await;
    let mut products = products(&shop).await;
    // A distributed shop got the first table twice: it has no ids, so these are other products.
    assert_eq!(products.len(), if mode == Mode::Embedded { 2 } else { 4 });
    let products = products.split_off(products.len() - 2);
    let written = std::fs::read_to_string(folder.join("made.csv")).unwrap();
    for (product, line) in products.iter().zip(written.lines().skip(1)) {
        assert!(line.starts_with(product["id"].as_str().unwrap()), "{line}: {product}");
    }
    let [phone, tablet] = &products[..] else { panic!("{products:?}") };
    assert_eq!((&phone["name"], &phone["totalStock"]), (&"Phone".into(), &200.into()));
    assert_eq!((phone["price"].as_f64(), tablet["price"].as_f64()), (Some(499.9), Some(1299.0)));
    assert_eq!(phone["description"], "with, a comma");
    assert_eq!((&phone["startsAt"], &phone["maxPerReservation"]), (&"2026-12-01T12:00:00.000Z".into(), &2.into()));
    let body = serde_json::json!({ "userId": "ada", "quantity": 50 });
    let path = reserve_path(tablet["id"].as_str().unwrap());
    settled(async || shop.call("POST", &path).json(&body).try_send().await).await.is(201);
}

async fn a_table_that_is_wrong_makes_nothing(mode: Mode) {
    let mut shop = Processes::start(mode, &[]).await;
    let folder = Folder::new("import").unwrap();
    let folder = folder.path();
    stopped(&shop, mode).await;
    let table = format!("{TABLE}Watch,-1,5,,,\nRing,1,,,,\n");
    std::fs::write(folder.join("deals.csv"), table).unwrap();
    std::fs::write(folder.join("good.csv"), TABLE).unwrap();
    for arguments in [&["deals.csv"][..], &["deals.csv", "--check"], &["deals.csv", "--output", "made.csv"]] {
        let refused = import(&shop, mode, folder, arguments).await;
        let said = said(&refused);
        assert!(refused.status.code() == Some(1) && refused.stdout.is_empty(), "{said}");
        for told in ["line 4: price must be", "line 5: totalStock is required", "no product was made"] {
            assert!(said.contains(told), "{said}");
        }
    }
    let checked = import(&shop, mode, folder, &["good.csv", "--check"]).await;
    assert!(checked.status.success() && said(&checked).contains("nothing has to be mended: 2 products"));
    for (arguments, told) in [
        (&["nowhere.csv"][..], "cannot read nowhere.csv"),
        (&["good.csv", "--output", "nowhere/made.csv"], "cannot write nowhere/made.csv"),
        (&["good.csv", "--output", "/dev/full"], "No space left on device"),
        (&["good.csv", "--format", "jsonl"], "line 1: The body"),
    ] {
        let refused = import(&shop, mode, folder, arguments).await;
        let said = said(&refused);
        assert!(refused.status.code() == Some(1) && said.contains(told) && !said.contains("panicked"), "{said}");
    }
    started(&mut shop, mode).await;
    assert_eq!(products(&shop).await, Vec::<Value>::new());
    assert!(!folder.join("made.csv").exists() && !folder.join("made.csv.partial").exists());
}

/// A part of the table was made when the machine went down.
async fn what_was_cut_off_is_finished(mode: Mode) {
    let mut shop = Processes::start(mode, &[]).await;
    let folder = Folder::new("import").unwrap();
    let folder = folder.path();
    stopped(&shop, mode).await;
    let lines =
        (0..300).map(|nth| format!("{{\"name\":\"Deal {nth}\",\"price\":\"{nth}.50\",\"totalStock\":{nth}}}\n"));
    std::fs::write(folder.join("deals.jsonl"), lines.collect::<String>()).unwrap();
    let first = import(&shop, mode, folder, &["deals.jsonl"]).await;
    assert!(first.status.success() && said(&first).contains("300 products made"), "{}", said(&first));
    let whole = String::from_utf8(first.stdout).unwrap();
    // The same ids are a part of a longer table now: what is missing is made, what is there is not touched.
    let mut longer: Vec<&str> = whole.lines().collect();
    longer.insert(150, "{\"name\":\"Late\",\"price\":1,\"totalStock\":7}");
    longer.reverse();
    std::fs::write(folder.join("longer.jsonl"), longer.join("\n")).unwrap();
    let finished = import(&shop, mode, folder, &["longer.jsonl", "--output", "all.jsonl"]).await;
    assert!(said(&finished).contains("1 product made; 300 products there before"), "{}", said(&finished));
    started(&mut shop, mode).await;
    let mut stocks = 0;
    for line in std::fs::read_to_string(folder.join("all.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let path = format!("/api/products/{}", line["id"].as_str().unwrap());
        let product = settled(async || shop.call("GET", &path).try_send().await).await.is(200);
        assert_eq!(product.json()["name"], line["name"]);
        let price = line["price"].as_str().unwrap();
        assert_eq!(product.json()["price"].as_f64(), price.parse().ok());
        stocks += product.json()["availableStock"].as_u64().unwrap();
    }
    assert_eq!(stocks, (0..300).sum::<u64>() + 7);
}
