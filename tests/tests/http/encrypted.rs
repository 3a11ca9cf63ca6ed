//! The real binary over a Redis that encrypts, with an authority of one's own, and whom it does not trust.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flashdeal_tests::certificates::Certificates;
use flashdeal_tests::cluster::RedisCluster;
use flashdeal_tests::postgres::PrivatePostgres;
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};
use serde_json::json;
use tokio::time::Instant;

use crate::shop::{Call, PATIENCE, checkout_path, reserve_path};

/// How long a refusal may take.
const REFUSED_WITHIN: Duration = Duration::from_secs(30);

async fn over(redis_url: &str, trusted: &Path) -> AppOptions {
    let database = PrivatePostgres::shared().await.unwrap().empty_database().await.unwrap();
    let options = AppOptions::new(flashdeal_binary().unwrap()).env("FLASHDEAL_RATE_LIMIT", "9/1m");
    let options = options.env("DATABASE_URL", &database.url()).env("REDIS_URL", redis_url);
    options.env("RUST_BACKTRACE", "0").env("SSL_CERT_FILE", trusted.to_str().unwrap())
}

async fn sells(options: AppOptions) {
    let app = AppProcess::start_supervised(options).await.unwrap();
    let post = async |path: &str, body| Call::new(app.http().unwrap(), "POST", path).json(&body).send().await;
    let made = post("/api/products", json!({ "name": "Phone", "price": 5, "totalStock": 3 })).await.is(201);
    let product = made.id("id");
    let hold = post(&reserve_path(&product), json!({ "userId": "ada", "quantity": 2 })).await.is(201);
    // Counted in Redis, too.
    assert!(hold.header("ratelimit").is_some_and(|state| state.contains("r=7;")), "{hold}");
    post(&checkout_path(&product), json!({ "userId": "ada" })).await.is(201);
    post(&reserve_path(&product), json!({ "userId": "bob", "quantity": 2 })).await.refused(409, "insufficient_stock");
}

/// Why it does not start, once it is for another reason than that this machine was too busy to answer within a second.
async fn refusal(redis_url: &str, trusted: &Path) -> String {
    let options = over(redis_url, trusted).await;
    let began = Instant::now();
    loop {
        let (status, said) = AppProcess::run_to_end(options.clone(), REFUSED_WITHIN).await.unwrap();
        assert!(!status.success() && !said.contains("panicked"), "{status}: {said}");
        if !said.contains("deadline has elapsed") || began.elapsed() > PATIENCE {
            return said;
        }
    }
}

async fn encrypting(certificates: &Arc<Certificates>) -> PrivateRedis {
    let options = RedisOptions { tls: Some(Arc::clone(certificates)), ..RedisOptions::default() };
    PrivateRedis::start(options).await.unwrap()
}

#[tokio::test]
async fn a_sale_over_a_redis_and_over_a_cluster_that_encrypt() {
    let certificates = Arc::new(Certificates::local().unwrap());
    let redis = encrypting(&certificates).await;
    for host in ["localhost", "127.0.0.1"] {
        redis.flush().await.unwrap();
        let url = format!("rediss://{host}:{}", redis.tls_addr().port());
        sells(over(&url, &certificates.authority()).await).await;
    }
    let options = RedisOptions { tls: Some(Arc::clone(&certificates)), ..RedisOptions::default() };
    let cluster = RedisCluster::start_with(options, 0).await.unwrap();
    sells(over(&cluster.tls_url(), &certificates.authority()).await).await;
}

#[tokio::test]
async fn a_redis_that_nobody_vouches_for_is_refused_and_it_is_said_what_to_do() {
    let certificates = Arc::new(Certificates::local().unwrap());
    let redis = encrypting(&certificates).await;
    for (scheme, master) in [("rediss", ""), ("rediss+cluster", ""), ("rediss+sentinel", "/sale")] {
        let url = format!("{scheme}://:s3cret@localhost:{}{master}", redis.tls_addr().port());
        let said = refusal(&url, &certificates.stranger()).await;
        assert!(said.contains("UnknownIssuer") && said.contains("SSL_CERT_FILE"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    // Somebody else's certificate is no better, whoever signed it.
    let elsewhere = Arc::new(Certificates::naming(&["redis.example"]).unwrap());
    let redis = encrypting(&elsewhere).await;
    let said = refusal(&format!("rediss://localhost:{}", redis.tls_addr().port()), &elsewhere.authority()).await;
    assert!(said.contains("not valid for name") && said.contains("use the name that its certificate has"), "{said}");
}

#[tokio::test]
async fn a_url_that_encrypts_where_redis_does_not_or_the_other_way_round_is_told_so() {
    let certificates = Arc::new(Certificates::local().unwrap());
    let redis = encrypting(&certificates).await;
    for (scheme, addr, other) in [("rediss", redis.addr(), "redis"), ("redis", redis.tls_addr(), "rediss")] {
        let said = refusal(&format!("{scheme}://localhost:{}", addr.port()), &certificates.authority()).await;
        assert!(said.contains(&format!("must begin with {other} instead of {scheme}")), "{said}");
    }
}
