//! The programs in `examples/`, run as their first lines say: what a newcomer tries first must do what it says.

use std::time::Duration;

use flashdeal_tests::folder::Folder;
use flashdeal_tests::postgres::PrivatePostgres;
use flashdeal_tests::process::{AppOptions, AppProcess, example_binary, flashdeal_binary};
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};

const LIMIT: Duration = Duration::from_mins(1);

/// Runs an example to its end, which must be a good one, and returns the lines it printed.
async fn lines_of(name: &str, arguments: &[&str]) -> Vec<String> {
    let options = AppOptions::new(example_binary(name).unwrap());
    let options = arguments.iter().fold(options, |options, argument| options.arg(argument));
    let (status, said) = AppProcess::run_to_end(options, LIMIT).await.unwrap();
    assert!(status.success(), "{name} ended with {status}:\n{said}");
    said.lines().map(str::to_owned).collect()
}

/// Fails, unless these are the lines; `…` in a pattern is whatever one run has and another has not.
pub(crate) fn says(lines: &[String], patterns: &[&str]) {
    let fits = |line: &str, pattern: &str| {
        let mut rest = Some(line);
        let mut parts = pattern.split('…');
        rest = rest.and_then(|rest| rest.strip_prefix(parts.next().unwrap_or_default()));
        for part in parts {
            rest = rest.and_then(|rest| if part.is_empty() { Some("") } else { Some(rest.split_once(part)?.1) });
        }
        rest == Some("")
    };
    let all = lines.len() == patterns.len() && lines.iter().zip(patterns).all(|(line, pattern)| fits(line, pattern));
    assert!(all, "expected\n{}\nand got\n{}", patterns.join("\n"), lines.join("\n"));
}

#[tokio::test]
async fn sale_in_memory() {
    let lines = lines_of("sale_in_memory", &[]).await;
    let expected = [
        "ada holds 2 until …Z",
        "bob wants 2, there is 1",
        "ada paid 999.80, however often she asks",
        "bob's hold lapsed: 1 for the next caller",
    ];
    says(&lines, &expected);
}

#[tokio::test]
async fn sell_keeps_its_orders() {
    let folder = Folder::new("sell").unwrap();
    let path = folder.path().join("shop");
    let path = path.to_str().unwrap();
    for count in 1..=2 {
        let orders = format!("ada's latest orders in {path}: {count}");
        says(&lines_of("sell", &[path]).await, &["order … for 999.80; 198 left", &orders]);
    }
}

#[tokio::test]
async fn buy() {
    let app = AppProcess::start(AppOptions::new(flashdeal_binary().unwrap())).await.unwrap();
    let lines = lines_of("buy", &[&format!("http://{}", app.addr())]).await;
    says(&lines, &["Phone costs 499.90, 200 to sell", "2 held until …Z", "order … for 999.80; 198 left"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record() {
    let database = PrivatePostgres::shared().await.unwrap().empty_database().await.unwrap();
    let lines = lines_of("record", &[&database.url()]).await;
    let expected = [
        "order … for 999.80; 1 left",
        "asked again: the same order",
        "two of one, and one by an earlier epoch: refused",
    ];
    says(&printed(lines), &expected);
}

#[tokio::test]
async fn gate() {
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let lines = lines_of("gate", &[&redis.url()]).await;
    let expected = ["ada holds 2 until …Z", "bob wants 2, there is 1", "ada paid; 1 left, 0 held"];
    says(&printed(lines), &expected);
}

/// Without the warnings: a store for tests keeps nothing, and the examples rightly say so.
fn printed(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().filter(|line| !line.starts_with("warning: ")).collect()
}
