//! Health and metrics.

use crate::shop::{Mode, Shop};

cases!(a_server_that_runs_is_live_and_ready, the_metrics_are_prometheus_text);

async fn a_server_that_runs_is_live_and_ready(mode: Mode) {
    let shop = Shop::open(mode).await;
    for path in ["/health/live", "/health/ready"] {
        for _ in 0..2 {
            let reply = shop.get(path).await.is(200);
            assert!(reply.json()["status"].is_string(), "{reply}");
        }
    }
}

async fn the_metrics_are_prometheus_text(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    shop.reserve(&product, "\"}\n evil", 1).await.is(400);
    shop.get("/api/products/x\"}%0Aevil 1").await.is(400);
    let metrics = shop.get("/metrics").await.is(200);
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")), "{metrics}");
    let mut samples = 0;
    for line in metrics.body().lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_default();
        let name = series.split('{').next().unwrap_or_default();
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
        let labelled = series == name || series.ends_with('}');
        assert!(named && labelled && value.parse::<f64>().is_ok(), "no sample: {line}\n{metrics}");
        samples += 1;
    }
    assert!(samples > 0, "{metrics}");
    let counted = r#"flashdeal_http_requests_total{method="POST",route="/api/products/{id}/reserve",status="400"}"#;
    assert!(metrics.body().contains(counted), "{metrics}");
    // Ids are labels of the gauges by product alone, whose number is bounded.
    let mut others = metrics.body().lines().filter(|line| !line.starts_with("flashdeal_product_"));
    assert!(others.all(|line| !line.contains(&product)), "an id is no label\n{metrics}");
}
