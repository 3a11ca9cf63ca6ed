//! The log of the real binary: each line that belongs to a request names it.

use flashdeal_tests::http::Answer;
use flashdeal_tests::postgres::PrivatePostgres;
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};
use serde_json::{Value, json};

use crate::shop::{Call, reserve_path, settled};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn ask(app: &AppProcess, id: &str, path: &str) -> Answer {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let request = app.http().unwrap().get(path).header("x-request-id", id).header("traceparent", &parent);
    request.send().await.unwrap()
}

/// The lines of the log that name this request.
fn lines_of(app: &AppProcess, id: &str) -> Vec<String> {
    app.supervised().log().lines().filter(|line| line.contains(id)).map(str::to_owned).collect()
}

#[tokio::test]
async fn each_request_has_a_line_with_its_ids_if_that_is_wanted() {
    for format in ["text", "json"] {
        let options = AppOptions::new(flashdeal_binary().unwrap())
            .env("FLASHDEAL_LOG", "info,flashdeal_app::requests=debug")
            .env("FLASHDEAL_LOG_FORMAT", format);
        let app = AppProcess::start(options).await.unwrap();
        assert_eq!(ask(&app, "r-1.a", "/api/products?limit=1&secret=x").await.status, 200);
        let lines = lines_of(&app, "r-1.a");
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(!line.contains("secret"), "a query may have names in it: {line}");
        if format == "json" {
            let line: Value = serde_json::from_str(line).unwrap();
            let ids = (&line["request_id"], &line["trace_id"]);
            assert_eq!(ids, (&json!("r-1.a"), &json!(TRACE)), "{line}");
            let told = (&line["method"], &line["route"], &line["status"]);
            assert_eq!(told, (&json!("GET"), &json!("/api/products"), &json!(200)), "{line}");
            assert!(line["took_ms"].as_f64().unwrap() > 0.0, "{line}");
        } else {
            assert!(line.ends_with(&format!(" request_id=r-1.a trace_id={TRACE}")), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_told_with_its_cause_under_the_id_of_the_answer() {
    let database = PrivatePostgres::shared().await.unwrap().empty_database().await.unwrap();
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let options = AppOptions::new(flashdeal_binary().unwrap())
        .env("DATABASE_URL", &database.url())
        .env("REDIS_URL", &redis.url())
        .env("FLASHDEAL_RATE_LIMIT", "off")
        .env("FLASHDEAL_REQUEST_DEADLINE", "2s");
    let app = AppProcess::start(options).await.unwrap();
    let body = json!({ "name": "Phone", "price": 1, "totalStock": 1 });
    let http = app.http().unwrap();
    let made = settled(async || Call::new(http.clone(), "POST", "/api/products").json(&body).try_send().await).await;
    let product = made.is(201).id("id");
    redis.pause();
    let answer = ask(&app, "r-2", &format!("{}?userId=ada", reserve_path(&product))).await;
    redis.resume();
    assert_eq!((answer.status, &answer.json["requestId"]), (503, &json!("r-2")), "{}", answer.text);
    let failed: Vec<Value> = lines_of(&app, "\"r-2\"").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<&Value> = failed.iter().filter(|line| line["message"] == "request failed").collect();
    let [line] = failed.as_slice() else { panic!("{}", app.supervised().log_end()) };
    assert_eq!(
        (&line["level"], &line["code"], &line["trace_id"]),
        (&json!("WARN"), &json!("unavailable"), &json!(TRACE))
    );
    let cause = line["cause"].as_str().unwrap().trim_matches('"');
    assert!(
        !cause.is_empty() && !answer.text.contains(cause),
        "the cause is for the log alone: {cause}\n{}",
        answer.text
    );
}
