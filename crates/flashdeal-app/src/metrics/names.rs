//! Every metric there is, with its unit and its meaning.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Counters: name and meaning.
const COUNTERS: [(&str, &str); 15] = [
    ("flashdeal_http_requests_total", "Requests answered, by method, route template and status."),
    (
        "flashdeal_refusals_total",
        "Requests answered with an error, by route template, code and (for insufficient_stock) reason: sold_out, \
         all_held or waiting_list.",
    ),
    (
        "flashdeal_rate_limit_decisions_total",
        "Decisions of the rate limit: allowed or refused; counted by redis, or in this process.",
    ),
    (
        "flashdeal_orders_total",
        "Orders made by checkouts answered here; what the background finds sold is a sale event.",
    ),
    ("flashdeal_units_sold_total", "Units of the orders counted by flashdeal_orders_total."),
    (
        "flashdeal_holds_total",
        "What became of holds: made, changed, released, lapsed, or begun (a checkout took it up); embedded also finished \
         (sold or void, and gone).",
    ),
    (
        "flashdeal_reserves_refused_total",
        "Reserves that the gate refused: insufficient, paying, key_reused, not_started, ended, over_limit or queued \
         (others wait).",
    ),
    (
        "flashdeal_sale_events_total",
        "What happens behind the scenes: loaded, reopened, fenced, settled_sold, settled_void, reconciled, commit_retried, \
         finish_deferred.",
    ),
    (
        "flashdeal_waiting_list_total",
        "What became of those who wait: joined, left, called (units are held for them) or dropped (the sale is over).",
    ),
    ("flashdeal_redis_closed_total", "Operations that found their gate in Redis closed."),
    ("flashdeal_redis_errors_total", "Operations in Redis that failed."),
    ("flashdeal_redis_asked_again_total", "Operations in Redis that had to wait for due holds to be ended."),
    ("flashdeal_redis_connects_total", "Connections made to Redis."),
    ("flashdeal_redis_connect_failures_total", "Connections to Redis that could not be made."),
    (
        "flashdeal_webhook_deliveries_total",
        "Attempts to tell an endpoint of an order, by endpoint and outcome: delivered, refused (another status than 2xx) or \
         unanswered.",
    ),
];

/// Histograms: name, unit and meaning.
const HISTOGRAMS: [(&str, Unit, &str); 7] = [
    ("flashdeal_http_request_duration_seconds", Unit::Seconds, "Time to answer, by method and route template."),
    (
        "flashdeal_batch_size",
        Unit::Count,
        "Operations that shared one round trip (to redis or postgres) or one transaction (of sqlite).",
    ),
    (
        "flashdeal_redis_call_seconds",
        Unit::Seconds,
        "One call of the gate's script in Redis, the wait for its reply included.",
    ),
    ("flashdeal_postgres_call_seconds", Unit::Seconds, "One call of PostgreSQL, by what it does."),
    ("flashdeal_postgres_pool_wait_seconds", Unit::Seconds, "The wait for a connection of the PostgreSQL pool."),
    (
        "flashdeal_sqlite_transaction_seconds",
        Unit::Seconds,
        "One write transaction of the embedded store, its commit included.",
    ),
    (
        "flashdeal_webhook_delivery_seconds",
        Unit::Seconds,
        "One attempt to tell an endpoint of an order, its answer included.",
    ),
];

/// Gives the recorder the meaning of each metric; those that never happen are not shown.
pub(super) fn describe() {
    for (name, meaning) in COUNTERS {
        describe_counter!(name, meaning);
    }
    for (name, unit, meaning) in HISTOGRAMS {
        describe_histogram!(name, unit, meaning);
    }
    describe_gauge!(
        "flashdeal_audit_findings",
        "What the last audit of all products found wrong, by kind; 0 if the books balance."
    );
    describe_gauge!(
        "flashdeal_waiting_lists",
        "Products that somebody waits for, as this instance saw them last; counted up to 500."
    );
    describe_gauge!("flashdeal_build_info", "1, for the version and the mode that its labels name.");
    describe_gauge!(
        "flashdeal_webhook_unknown",
        "1 if it cannot be told how far an endpoint is, by endpoint: it has no place in the ledger yet, or the record cannot be \
         asked; else 0."
    );
    describe_gauge!(
        "flashdeal_webhook_waiting_orders",
        "Orders that an endpoint has not been told of, by endpoint; counted up to 10000."
    );
    describe_gauge!(
        "flashdeal_webhook_waiting_seconds",
        Unit::Seconds,
        "How long ago the first order was sold that an endpoint has not been told of, by endpoint; 0 if none waits."
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{COUNTERS, HISTOGRAMS};

    const GAUGES: [&str; 6] = [
        "flashdeal_waiting_lists",
        "flashdeal_audit_findings",
        "flashdeal_build_info",
        "flashdeal_webhook_unknown",
        "flashdeal_webhook_waiting_orders",
        "flashdeal_webhook_waiting_seconds",
    ];

    /// The names in `counter!("…"`, `gauge!("…"` and `histogram!("…"` of every source below a folder.
    fn used(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                used(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for start in ["counter!(", "gauge!(", "histogram!("] {
                    let uses = text.split(start).skip(1).map(str::trim_start);
                    let quoted = uses.filter_map(|rest| rest.strip_prefix('"')?.split('"').next());
                    names.extend(quoted.filter(|name| name.starts_with("flashdeal_")).map(str::to_owned));
                }
            }
        }
    }

    #[test]
    fn every_metric_of_every_crate_is_described_and_none_that_is_not() {
        let mut names = BTreeSet::new();
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for entry in std::fs::read_dir(crates).unwrap() {
            let sources = entry.unwrap().path().join("src");
            if sources.is_dir() {
                used(&sources, &mut names);
            }
        }
        let described = COUNTERS.iter().map(|(name, _)| *name).chain(HISTOGRAMS.iter().map(|(name, _, _)| *name));
        let described: BTreeSet<_> = described.chain(GAUGES).map(str::to_owned).collect();
        assert_eq!(names, described);
    }

    /// What is deployed along with the server.
    fn deployed(file: &str) -> String {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker").join(file)).unwrap()
    }

    /// The metrics that the dashboard asks for, of those that are called so.
    fn shown(prefix: &str) -> BTreeSet<String> {
        let dashboard: serde_json::Value =
            serde_json::from_str(&deployed("grafana/dashboards/flashdeal.json")).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
        let expressions: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
        asked_for(prefix, &expressions.join("\n"))
    }

    fn asked_for(prefix: &str, expressions: &str) -> BTreeSet<String> {
        let words = expressions.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names = words.filter(|word| word.starts_with(prefix));
        let family = |name: &str| {
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            histogram.unwrap_or(name).to_owned()
        };
        names.map(family).collect()
    }

    #[test]
    fn the_dashboard_shows_every_metric_and_none_that_is_not() {
        let gauges =
            GAUGES.into_iter().chain(["flashdeal_product_available_units", "flashdeal_product_reserved_units"]);
        let counters = COUNTERS.iter().map(|(name, _)| *name);
        let known: BTreeSet<_> = counters.chain(HISTOGRAMS.iter().map(|(name, _, _)| *name)).chain(gauges).collect();
        assert_eq!(shown("flashdeal_").iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
    }

    #[test]
    fn the_dashboard_shows_what_the_process_takes() {
        let mut text = String::new();
        crate::metrics::process::render(&mut text);
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        assert_eq!(shown("process_"), types.map(str::to_owned).collect());
    }

    #[test]
    fn the_alerts_ask_for_what_the_dashboard_shows() {
        let alerts = deployed("prometheus/alerts.yml");
        for prefix in ["flashdeal_", "process_"] {
            let (asked, shown) = (asked_for(prefix, &alerts), shown(prefix));
            assert!(!asked.is_empty() && asked.is_subset(&shown), "{asked:?} of {shown:?}");
        }
    }
}
