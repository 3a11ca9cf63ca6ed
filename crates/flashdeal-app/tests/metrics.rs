//! `/metrics`, read by a strict parser of the Prometheus text format.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use flashdeal_app::settings::{RawSettings, Settings};
use flashdeal_app::startup::{Environment, Running, start};

/// Labels but `le`.
type Labels = Vec<(String, String)>;
/// Upper bound and count.
type Bucket = (f64, f64);

/// The samples of one metric.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `name="value",name="value"`; values of ours need no escapes, so there are none.
fn labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {rest}"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("no end: {rest}"));
        assert!(is_name(name) && !value.contains(['\\', '\n']), "{text}");
        assert!(labels.insert(name.to_owned(), value.to_owned()).is_none(), "{name} stands twice: {text}");
        rest = after.strip_prefix(',').unwrap_or(after);
        assert!(!rest.is_empty() || !after.starts_with(','), "{text}");
    }
    labels
}

/// Refuses what Prometheus would, and what its naming rules advise against.
fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let (what, rest) = comment.split_once(' ').unwrap();
            let (name, rest) = rest.split_once(' ').unwrap();
            assert!(is_name(name), "{line}");
            let family = families.entry(name.to_owned()).or_default();
            assert!(family.samples.is_empty(), "HELP and TYPE come first: {line}");
            let field = match what {
                "HELP" => &mut family.help,
                "TYPE" => &mut family.kind,
                _ => panic!("{line}"),
            };
            assert!(field.is_empty() && !rest.is_empty(), "once, and not empty: {line}");
            rest.clone_into(field);
            name.clone_into(&mut current);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, inner) = match series.split_once('{') {
            Some((name, inner)) => (name, inner.strip_suffix('}').unwrap_or_else(|| panic!("{line}"))),
            None => (series, ""),
        };
        let family = families.get_mut(&current).unwrap_or_else(|| panic!("no TYPE before {line}"));
        let suffix = name.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("not of {current}: {line}"));
        let allowed: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(allowed.contains(&suffix), "{line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        family.samples.push((suffix.to_owned(), labels(inner), value));
    }
    families
}

fn judge(name: &str, family: &Family) {
    assert!(!family.help.is_empty() && !family.kind.is_empty() && !family.samples.is_empty(), "{name}: {family:?}");
    assert!(name.starts_with("flashdeal_") || name.starts_with("process_"), "{name}");
    assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name}");
    let series: BTreeSet<_> = family.samples.iter().map(|(suffix, labels, _)| (suffix, labels)).collect();
    assert_eq!(series.len(), family.samples.len(), "{name} has a series twice");
    match family.kind.as_str() {
        "counter" => {
            let whole = |value: f64| value.fract() == 0.0 || name.ends_with("_seconds_total");
            assert!(family.samples.iter().all(|(_, _, value)| *value >= 0.0 && whole(*value)), "{name}");
        }
        "histogram" => judge_histogram(name, family),
        kind => assert_eq!(kind, "gauge", "{name}"),
    }
}

fn judge_histogram(name: &str, family: &Family) {
    assert!(name.ends_with("_seconds") || name.ends_with("_size"), "{name} names no unit");
    let mut buckets: BTreeMap<Labels, Vec<Bucket>> = BTreeMap::new();
    for (_, labels, value) in family.samples.iter().filter(|(suffix, _, _)| suffix == "_bucket") {
        let bound = if labels["le"] == "+Inf" { f64::INFINITY } else { labels["le"].parse().unwrap() };
        let others = labels.iter().filter(|(name, _)| *name != "le").map(|(name, value)| (name.clone(), value.clone()));
        buckets.entry(others.collect()).or_default().push((bound, *value));
    }
    for (labels, buckets) in &buckets {
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name} {labels:?}: {buckets:?}");
        let (bound, all) = *buckets.last().unwrap();
        let wanted: BTreeMap<_, _> = labels.iter().cloned().collect();
        let count =
            family.samples.iter().find(|(suffix, labels, _)| suffix == "_count" && *labels == wanted).unwrap().2;
        assert!(bound.is_infinite() && (all - count).abs() < 0.5, "{name} {labels:?}");
        assert!(family.samples.iter().any(|(suffix, labels, _)| suffix == "_sum" && *labels == wanted));
    }
    assert!(!buckets.is_empty(), "{name}");
}

/// Status and body.
fn ask(server: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(server).unwrap();
    let length = body.len();
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    // Chunked bodies are not what these routes send.
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn shop(folder: &str) -> Running {
    let data_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{folder}-{}", std::process::id()));
    let raw = RawSettings {
        bind: "127.0.0.1:0".to_owned(),
        data_dir,
        reservation_ttl: "10m".to_owned(),
        rate_limit: "12/24h".to_owned(),
        request_deadline: "2s".to_owned(),
        auth: "none".to_owned(),
        ..RawSettings::default()
    };
    start(&Settings::parse(&raw).unwrap(), Environment::default()).await.unwrap()
}

fn value(families: &BTreeMap<String, Family>, name: &str, wanted: &[(&str, &str)]) -> f64 {
    let matches = |labels: &BTreeMap<String, String>| {
        wanted.iter().all(|(name, value)| labels.get(*name).is_some_and(|found| found == value))
    };
    let family = families.get(name).unwrap_or_else(|| panic!("{name} is missing: {:?}", families.keys()));
    family.samples.iter().filter(|(_, labels, _)| matches(labels)).map(|(_, _, value)| value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_can_be_read_from_the_metrics() {
    let running = shop("metrics").await;
    let server = running.address();
    let product = sell(server);
    // The refused requests and made-up methods must not break a line of the text.
    assert_eq!(ask(server, "BREW", "/api/products/%22%0a", "").0, 405);
    let mut refused = 0;
    while refused == 0 {
        refused += u32::from(ask(server, "GET", "/api/orders", "").0 == 429);
    }
    let seen = wait_for(server, &format!("flashdeal_product_reserved_units{{product=\"{product}\"}} 1\n"));
    let families = parse(&seen);
    for (name, family) in &families {
        judge(name, family);
    }
    let about = |name, labels: &[(&str, &str)]| value(&families, name, labels);
    let is = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.5, "{found} is not {wanted}:\n{seen}");
    let reserve = ("route", "/api/products/{id}/reserve");
    is(about("flashdeal_http_requests_total", &[("method", "POST"), reserve, ("status", "201")]), 2.0);
    is(about("flashdeal_http_requests_total", &[("method", "other"), ("status", "405")]), 1.0);
    is(about("flashdeal_refusals_total", &[reserve, ("code", "insufficient_stock"), ("reason", "all_held")]), 1.0);
    is(about("flashdeal_refusals_total", &[("code", "rate_limited")]), 1.0);
    is(about("flashdeal_rate_limit_decisions_total", &[("decision", "refused"), ("counted", "process")]), 1.0);
    is(about("flashdeal_rate_limit_decisions_total", &[("decision", "allowed")]), 12.0);
    is(about("flashdeal_orders_total", &[]), 1.0);
    is(about("flashdeal_units_sold_total", &[]), 2.0);
    is(about("flashdeal_holds_total", &[("event", "made")]), 2.0);
    is(about("flashdeal_product_available_units", &[("product", &product)]), 0.0);
    for (name, least) in
        [("process_resident_memory_bytes", 1e6), ("process_open_fds", 4.0), ("process_cpu_seconds_total", 0.0)]
    {
        assert!(about(name, &[]) >= least, "{name}:\n{seen}");
    }
    is(about("flashdeal_build_info", &[("mode", "embedded"), ("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    running.stop().await.unwrap();
}

/// Three units: two are sold, one is held, and somebody goes without. The product's id.
fn sell(server: SocketAddr) -> String {
    let (status, body) = ask(server, "POST", "/api/products", r#"{"name":"Phone","price":1,"totalStock":3}"#);
    assert_eq!(status, 201, "{body}");
    let product = body.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let reserve = format!("/api/products/{product}/reserve");
    assert_eq!(ask(server, "POST", &reserve, r#"{"userId":"ada","quantity":2}"#).0, 201);
    assert_eq!(ask(server, "POST", &reserve, r#"{"userId":"bob","quantity":1}"#).0, 201);
    let (status, body) = ask(server, "POST", &format!("/api/products/{product}/checkout"), r#"{"userId":"ada"}"#);
    assert_eq!(status, 201, "{body}");
    assert_eq!(ask(server, "POST", &reserve, r#"{"userId":"eve","quantity":1}"#).0, 409);
    product
}

/// The metrics, once they have this line.
fn wait_for(server: SocketAddr, line: &str) -> String {
    for _ in 0..150 {
        let (status, text) = ask(server, "GET", "/metrics", "");
        assert_eq!(status, 200);
        if text.contains(line) {
            return text;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{line} never came")
}

#[test]
fn the_parser_refuses_what_prometheus_would() {
    for bad in [
        "flashdeal_a_total 1\n",
        "# TYPE flashdeal_a_total counter\nflashdeal_b_total 1\n",
        "# TYPE flashdeal_a_total counter\nflashdeal_a_total{a=\"b\" 1\n",
        "# TYPE flashdeal_a_total counter\n# TYPE flashdeal_a_total counter\n",
        "# TYPE flashdeal_a_total counter\nflashdeal_a_total one\n",
    ] {
        assert!(std::panic::catch_unwind(|| parse(bad)).is_err(), "{bad}");
    }
    let twice = parse(
        "# HELP flashdeal_a_total x\n# TYPE flashdeal_a_total counter\nflashdeal_a_total 1\nflashdeal_a_total 1\n",
    );
    assert!(std::panic::catch_unwind(|| judge("flashdeal_a_total", &twice["flashdeal_a_total"])).is_err());
}
