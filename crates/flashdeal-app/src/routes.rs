//! The routes: one file per resource, each with its request types and its handlers.

mod board;
mod checkout;
mod docs;
mod events;
mod health;
mod orders;
mod products;
mod reservations;
mod waiting;

use actix_cors::Cors;
use actix_web::http::StatusCode;
use actix_web::middleware::Condition;
use actix_web::{HttpResponse, Route, web};

use crate::error::{Code, Problem};
use crate::middleware::request_id::RouteName;

pub(crate) use events::{MAX_PRODUCTS, no_products};
pub(crate) use products::{parse_new, start_after_end};
pub(crate) use waiting::parse_place;

/// What turns a request into what the domain takes.
#[cfg(any(test, fuzzing))]
pub(crate) mod parsers {
    pub(crate) use super::checkout::parse_checkout;
    pub(crate) use super::events::parse_products;
    pub(crate) use super::orders::page_request;
    pub(crate) use super::products::{parse_change, parse_new};
    pub(crate) use super::reservations::{parse_holder, parse_reserve};
}

/// Everything under `/api`. Routes are tried in this order, so those that a sale is made of come first.
pub(crate) fn api(config: &mut web::ServiceConfig) {
    config
        .service(
            limited("/api/products/{id}/reserve", "GET, HEAD, POST, DELETE")
                .post(reservations::reserve)
                .get(reservations::read)
                .delete(reservations::release)
                .done(),
        )
        .service(limited("/api/products/{id}/status", "GET, HEAD").get(products::status).done())
        .service(limited("/api/products/{id}/checkout", "POST").post(checkout::checkout).done())
        .service(
            limited("/api/products/{id}/waitlist", "GET, HEAD, POST, DELETE")
                .post(waiting::join)
                .get(waiting::read)
                .delete(waiting::leave)
                .done(),
        )
        .service(limited("/api/products/{id}/events", "GET, HEAD").get(events::of_product).done())
        .service(limited("/api/products/{id}", "GET, HEAD, PATCH").get(products::read).patch(products::change).done())
        .service(limited("/api/products", "GET, HEAD, POST").get(products::list).post(products::create).done())
        .service(limited("/api/events", "GET, HEAD").get(events::of_many).done())
        .service(limited("/api/orders/{id}", "GET, HEAD").get(orders::read).done())
        .service(limited("/api/orders", "GET, HEAD").get(orders::list).done());
}

/// What is under `/api` and free of the rate limit all the same, so it comes before its scope.
pub(crate) fn unlimited(config: &mut web::ServiceConfig, cors: Condition<Cors>) {
    config.service(resource("/api/openapi.json", "GET, HEAD").get(docs::document).done().wrap(cors));
}

/// Health, metrics, pages and docs: free of the rate limit. They are tried last, since no sale waits for them.
pub(crate) fn outside(config: &mut web::ServiceConfig) {
    config
        .service(resource("/", "GET, HEAD").get(board::page).done())
        .service(resource("/board.css", "GET, HEAD").get(board::style).done())
        .service(resource("/board.js", "GET, HEAD").get(board::script).done())
        .service(resource("/health/live", "GET, HEAD").get(health::live).done())
        .service(resource("/health/ready", "GET, HEAD").get(health::ready).done())
        .service(resource("/metrics", "GET, HEAD").get(health::metrics).done())
        .service(resource("/docs", "GET, HEAD").get(docs::folder).done())
        .service(resource("/docs/{file:.*}", "GET, HEAD").get(docs::file).done());
}

/// No route has this path.
pub(crate) async fn not_found() -> Result<HttpResponse, Problem> {
    Err(no_route())
}

/// What a path that is none answers.
pub(crate) fn no_route() -> Problem {
    Problem::new(Code::RouteNotFound, "No route has this path. GET /api/openapi.json lists them.")
}

/// A resource that answers these methods, and 405 with `Allow` to all others.
fn resource(path: &'static str, allow: &'static str) -> Methods {
    within("", path, allow)
}

/// One within the scope `/api`, which is limited.
fn limited(path: &'static str, allow: &'static str) -> Methods {
    within("/api", path, allow)
}

fn within(scope: &str, path: &'static str, allow: &'static str) -> Methods {
    #[cfg(test)]
    tests::ROUTES.with_borrow_mut(|routes| routes.push((path, allow)));
    let refuse = move || async move { Err::<HttpResponse, _>(Problem::method_not_allowed(allow)) };
    let relative = path.strip_prefix(scope).unwrap_or(path);
    Methods(web::resource(relative).app_data(RouteName(path)).default_service(web::route().to(refuse)))
}

struct Methods(actix_web::Resource);

impl Methods {
    fn with<F, A>(self, route: Route, handler: F) -> Self
    where
        F: actix_web::Handler<A>,
        A: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        Self(self.0.route(route.to(handler)))
    }

    fn get<F, A>(self, handler: F) -> Self
    where
        F: actix_web::Handler<A>,
        A: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.with(web::get(), handler.clone()).with(web::head(), handler)
    }

    fn post<F, A>(self, handler: F) -> Self
    where
        F: actix_web::Handler<A>,
        A: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.with(web::post(), handler)
    }

    fn patch<F, A>(self, handler: F) -> Self
    where
        F: actix_web::Handler<A>,
        A: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.with(web::patch(), handler)
    }

    fn delete<F, A>(self, handler: F) -> Self
    where
        F: actix_web::Handler<A>,
        A: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.with(web::delete(), handler)
    }

    fn done(self) -> actix_web::Resource {
        self.0
    }
}

/// The id in the path.
fn path_id(request: &actix_web::HttpRequest) -> &str {
    request.match_info().get("id").unwrap_or("")
}

const OK: StatusCode = StatusCode::OK;
const CREATED: StatusCode = StatusCode::CREATED;

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    thread_local! {
        /// The routes made on this thread, with what they allow.
        pub(crate) static ROUTES: RefCell<Vec<(&'static str, &'static str)>> = RefCell::default();
    }
}
