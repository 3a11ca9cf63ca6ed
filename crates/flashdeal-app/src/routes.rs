//! The routes: one file per resource, each with its request types and its handlers.

mod board;
mod checkout;
mod events;
mod health;
mod orders;
mod products;
mod reservations;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Route, web};

use crate::error::{Code, Problem};
use crate::middleware::request_id::RouteName;

/// Everything under `/api`.
pub(crate) fn api(config: &mut web::ServiceConfig) {
    config
        .service(resource("/api/products", "GET, HEAD, POST").get(products::list).post(products::create).done())
        .service(resource("/api/products/{id}", "GET, HEAD, PATCH").get(products::read).patch(products::change).done())
        .service(resource("/api/products/{id}/status", "GET, HEAD").get(products::status).done())
        .service(
            resource("/api/products/{id}/reserve", "GET, HEAD, POST, DELETE")
                .post(reservations::reserve)
                .get(reservations::read)
                .delete(reservations::release)
                .done(),
        )
        .service(resource("/api/products/{id}/checkout", "POST").post(checkout::checkout).done())
        .service(resource("/api/products/{id}/events", "GET, HEAD").get(events::of_product).done())
        .service(resource("/api/events", "GET, HEAD").get(events::of_many).done())
        .service(resource("/api/orders", "GET, HEAD").get(orders::list).done())
        .service(resource("/api/orders/{id}", "GET, HEAD").get(orders::read).done());
}

/// What stands outside `/api`: free of the rate limit.
pub(crate) fn outside(config: &mut web::ServiceConfig) {
    config
        .service(resource("/", "GET, HEAD").get(board::page).done())
        .service(resource("/board.css", "GET, HEAD").get(board::style).done())
        .service(resource("/board.js", "GET, HEAD").get(board::script).done())
        .service(resource("/health/live", "GET, HEAD").get(health::live).done())
        .service(resource("/health/ready", "GET, HEAD").get(health::ready).done())
        .service(resource("/metrics", "GET, HEAD").get(health::metrics).done());
}

/// No route has this path.
pub(crate) async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::RouteNotFound, "No route has this path. GET /api/openapi.json lists them."))
}

/// A resource that answers these methods, and 405 with `Allow` to all others.
fn resource(path: &'static str, allow: &'static str) -> Methods {
    let refuse = move || async move { Err::<HttpResponse, _>(Problem::method_not_allowed(allow)) };
    let relative = path.strip_prefix("/api").unwrap_or(path);
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
