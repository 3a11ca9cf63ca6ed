//! `/api/products/{productId}/events` and `/api/events?products=`: live stock as server-sent events.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use flashdeal_domain::{Invalid, ProductId};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::watch;

use crate::connections::Answering;
use crate::error::Problem;
use crate::extract::{Broken, query};
use crate::live::Shown;
use crate::state::AppState;

use super::path_id;

/// The most products one stream may watch.
pub(crate) const MAX_PRODUCTS: usize = 100;
/// How often a quiet stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn of_product(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut broken = Broken::default();
    let product = broken.take("productId", ProductId::parse(path_id(&request)));
    let products = product.map(|product| vec![product]).ok_or_else(|| broken.into_problem())?;
    answer(&state, &request, &products).await
}

pub(super) async fn of_many(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut broken = Broken::default();
    let fields = query(request.query_string(), &["products"], &mut broken);
    let text = fields.first().map_or("", |(_, text)| text.as_str());
    let products = broken.take("products", parse_products(text)).filter(|_| broken.is_empty());
    let products = products.ok_or_else(|| broken.into_problem())?;
    answer(&state, &request, &products).await
}

/// Says what a list of products must be.
pub(crate) fn no_products() -> Result<Vec<ProductId>, Invalid> {
    parse_products("")
}

pub(crate) fn parse_products(text: &str) -> Result<Vec<ProductId>, Invalid> {
    const ALLOWED: Invalid = Invalid::new("must be 1 to 100 product ids, comma-separated");
    let mut products: Vec<_> = text.split(',').map(ProductId::parse).collect::<Result<_, _>>().map_err(|_| ALLOWED)?;
    products.sort_unstable();
    products.dedup();
    if products.len() > MAX_PRODUCTS { Err(ALLOWED) } else { Ok(products) }
}

async fn answer(state: &AppState, request: &HttpRequest, products: &[ProductId]) -> Result<HttpResponse, Problem> {
    let mut feeds = Vec::with_capacity(products.len());
    for product in products {
        feeds.push(state.within(state.feeds.watch(*product)).await?);
    }
    let seen = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or("").to_owned();
    let events = stream::select_all(feeds.into_iter().map(|feed| changes(feed, seen.clone()).boxed_local()));
    let events = stream::select(events, keep_alive()).take_until(drained(state.draining()));
    let answering = Answering::begin(request);
    let hello = stream::iter([Bytes::from_static(b"retry: 2000\n\n")]);
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Tells nginx not to hold events back.
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .streaming(hello.chain(events).map(move |event| {
            // It lasts as long as the stream does.
            let _ = &answering;
            Ok::<_, std::convert::Infallible>(event)
        })))
}

/// The state as it is, unless the client saw it already, and then each change.
fn changes(feed: watch::Receiver<Shown>, seen: String) -> impl Stream<Item = Bytes> {
    stream::unfold((feed, Some(seen)), |(mut feed, mut seen)| async move {
        loop {
            if seen.is_none() {
                feed.changed().await.ok()?;
            }
            let now = feed.borrow_and_update().clone();
            if seen.take().is_none_or(|seen| seen != now.id) {
                return Some((now.event, (feed, None)));
            }
        }
    })
}

fn keep_alive() -> impl Stream<Item = Bytes> {
    stream::unfold((), |()| async {
        tokio::time::sleep(KEEP_ALIVE).await;
        Some((Bytes::from_static(b": keep-alive\n\n"), ()))
    })
}

/// An open stream would hold up the shutdown until it is told to end.
async fn drained(mut draining: watch::Receiver<bool>) {
    // An error means that the server is gone: that is drained too.
    let _ = draining.wait_for(|draining| *draining).await;
}
