//! The two handlers that the server is compared with, in a process of their own with the server's allocator and workers.
//!
//! The echo is what HTTP and JSON cost by themselves. The script is the same handler as most would write it: one Redis script per
//! request, through a pool. It keeps the same promises to one caller as the server's reserve does, without its other duties.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context, Result};
use clap::Args;
use deadpool_redis::redis::Script;
use deadpool_redis::{Config, Pool, Runtime};
use serde::{Deserialize, Serialize};

use crate::clock;

/// Where and how a baseline serves; told by its environment, as the server is.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[arg(long, env = "FLASHDEAL_BIND")]
    bind: SocketAddr,
    #[arg(long, env = "FLASHDEAL_WORKERS")]
    workers: usize,
    /// With it, one script per request; without, the echo.
    #[arg(long, env = "REDIS_URL")]
    redis_url: Option<String>,
}

const HOLD_TIME: Duration = Duration::from_mins(10);
/// As long as the ids and times of the server are.
const ID: &str = "0198a000-0000-7000-8000-000000000002";
const TIME: &str = "2026-01-01T00:00:00.000Z";
/// Connections of each worker; more did not make it faster.
const POOL: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReserveBody<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    quantity: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hold<'a> {
    reservation_id: &'a str,
    product_id: &'a str,
    user_id: &'a str,
    quantity: u32,
    expires_at: &'a str,
}

/// Serves until it is ended.
///
/// # Errors
/// When it cannot listen.
pub(crate) fn serve(arguments: &Arguments) -> Result<()> {
    let script = web::Data::new(Script::new(include_str!("baseline/reserve.lua")));
    let redis_url = arguments.redis_url.clone();
    let server = move || {
        let app = App::new().app_data(script.clone()).route("/health/live", web::get().to(HttpResponse::Ok));
        match redis_url.as_deref().map(pool) {
            None => app.route("/api/products/{id}/reserve", web::post().to(echo)),
            Some(Ok(pool)) => app
                .app_data(web::Data::new(pool))
                .route("/api/products/{id}/reserve", web::post().to(reserve))
                .route("/api/products/{id}/status", web::get().to(status)),
            // Without a pool every request is answered 500.
            Some(Err(_)) => app,
        }
    };
    actix_web::rt::System::new().block_on(async {
        let server =
            HttpServer::new(server).workers(arguments.workers).bind(arguments.bind).context("cannot listen")?;
        server.run().await.context("cannot serve")
    })
}

fn pool(url: &str) -> Result<Pool> {
    let builder = Config::from_url(url).builder().context("a bad REDIS_URL")?;
    builder.max_size(POOL).runtime(Runtime::Tokio1).build().context("cannot make a pool")
}

async fn echo(id: web::Path<String>, body: web::Bytes) -> HttpResponse {
    match serde_json::from_slice::<ReserveBody<'_>>(&body) {
        Ok(body) => held(ID, &id, &body),
        Err(_) => HttpResponse::BadRequest().finish(),
    }
}

fn held(reservation_id: &str, product_id: &str, body: &ReserveBody<'_>) -> HttpResponse {
    let (user_id, quantity) = (&*body.user_id, body.quantity);
    HttpResponse::Created().json(Hold { reservation_id, product_id, user_id, quantity, expires_at: TIME })
}

async fn reserve(
    id: web::Path<String>,
    body: web::Bytes,
    pool: web::Data<Pool>,
    script: web::Data<Script>,
) -> Result<HttpResponse, actix_web::Error> {
    let Ok(body) = serde_json::from_slice::<ReserveBody<'_>>(&body) else {
        return Ok(HttpResponse::BadRequest().finish());
    };
    let mut connection = pool.get().await.map_err(actix_web::error::ErrorServiceUnavailable)?;
    let now = clock::unix_millis();
    let deadline = now + u64::try_from(HOLD_TIME.as_millis()).unwrap_or(0);
    let available: i64 = script
        .key(format!("{{{id}}}"))
        .key(format!("{{{id}}}:holds"))
        .key(format!("{{{id}}}:deadlines"))
        .arg(&*body.user_id)
        .arg(body.quantity)
        .arg(ID)
        .arg(now)
        .arg(deadline)
        .invoke_async(&mut connection)
        .await
        .map_err(actix_web::error::ErrorServiceUnavailable)?;
    if available < 0 {
        return Ok(HttpResponse::Conflict().json(serde_json::json!({ "code": "insufficient_stock" })));
    }
    Ok(held(ID, &id, &body))
}

async fn status(id: web::Path<String>, pool: web::Data<Pool>) -> Result<HttpResponse, actix_web::Error> {
    let mut connection = pool.get().await.map_err(actix_web::error::ErrorServiceUnavailable)?;
    let mut command = deadpool_redis::redis::cmd("HMGET");
    let read = command.arg(format!("{{{id}}}")).arg("total").arg("reserved").query_async(&mut connection).await;
    let (total, reserved): (u64, u64) = read.map_err(actix_web::error::ErrorServiceUnavailable)?;
    Ok(HttpResponse::Ok().json(serde_json::json!({
        "totalStock": total, "reservedStock": reserved, "availableStock": total.saturating_sub(reserved),
    })))
}
