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
fn command(shop: &Processes, mode: Mode, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(flashdeal_binary().unwrap());
    command.arg("import").args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    match mode {
        Mode::Embedded => command.env("FLASHDEAL_DATA_DIR", shop.apps()[0].folder().join("data")),
        _ => command.env("DATABASE_URL", shop.database().url()).env("REDIS_URL", shop.redis().url()),
    };
    command
}

async fn import(shop: &Processes, mode: Mode, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = command(shop, mode, folder, arguments);
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
    let twice = import(&shop, mode, folder, &["deals.csv", "--output", "made.csv"]).await;
    assert!(!twice.status.success() && said(&twice).contains("made.csv is there already"), "{}", said(&twice));
    let same = import(&shop, mode, folder, &["made.csv", "--output", "made.csv"]).await;
    assert!(same.status.success() && said(&same).contains("2 products there before"), "{}", said(&same));
    let changed = std::fs::read_to_string(folder.join("made.csv")).unwrap().replace("499.90", "9.90");
    std::fs::write(folder.join("changed.csv"), changed).unwrap();
    let differs = import(&shop, mode, folder, &["changed.csv"]).await;
    assert!(said(&differs).contains("1 product not as in the table, and left so"), "{}", said(&differs));
    let count = if mode == Mode::Embedded { 2 } else { 4 };
    let (status, books) = shop.command(&["verify"]).await;
    assert!(status == Some(0) && books.contains(&format!("{count} gates")), "all gates were opened: {books}");
    started(&mut shop, mode).await;
    let mut products = products(&shop).await;
    // A distributed shop got the first table twice: it has no ids, so these are other products.
    assert_eq!(products.len(), count);
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
    std::fs::write(folder.join("latin.csv"), b"name,price,totalStock\nCaf\xe9,1,1\n").unwrap();
    // The bound falls into the middle of a character: it is too long all the same, and nothing else.
    std::fs::write(folder.join("long.csv"), "\u{20ac}".repeat(64 * 1024 * 1024 / 3 + 2)).unwrap();
    for (arguments, told) in [
        (&["nowhere.csv"][..], "cannot read nowhere.csv"),
        (&["latin.csv"], "latin.csv is not UTF-8"),
        (&["long.csv"], "long.csv has more than 64 MiB: split it"),
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

/// The machine goes down as soon as the ids are out.
async fn what_was_cut_off_is_finished(mode: Mode) {
    const DEALS: u64 = 5000;
    let mut shop = Processes::start(mode, &[]).await;
    let folder = Folder::new("import").unwrap();
    let folder = folder.path();
    stopped(&shop, mode).await;
    let deal = |nth: u64| format!("{{\"name\":\"Deal {nth}\",\"price\":\"{nth}.50\",\"totalStock\":{nth}}}\n");
    std::fs::write(folder.join("deals.jsonl"), (0..DEALS).map(deal).collect::<String>()).unwrap();
    let mut first = command(&shop, mode, folder, &["deals.jsonl", "--output", "made.jsonl"]);
    let mut first = first.stderr(Stdio::null()).spawn().unwrap();
    let made = folder.join("made.jsonl");
    for _ in 0..60_000 {
        if made.exists() || first.try_wait().unwrap().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.kill().unwrap();
    let died = first.wait().unwrap();
    assert!(!died.success() && made.exists(), "it was killed in the middle: {died}");
    let written = std::fs::read_to_string(&made).unwrap();
    let finished = import(&shop, mode, folder, &["made.jsonl", "--output", "made.jsonl"]).await;
    let said = said(&finished);
    assert!(finished.status.success() && !said.contains(&format!("{DEALS} products there before")), "{said}");
    assert_eq!(std::fs::read_to_string(&made).unwrap(), written);
    started(&mut shop, mode).await;
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/products?limit=100{cursor}");
        let page = settled(async || shop.call("GET", &path).try_send().await).await.is(200);
        listed.extend(page.json()["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        let Some(next) = page.json()["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    listed.reverse();
    let ids = written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone());
    assert_eq!(listed, ids.collect::<Vec<_>>(), "each once, in the order of the table");
}
