//! The `flashdeal` server: settings, routes, middleware and wiring.
//!
//! This is the only crate that names adapters. `main` and the tests start it the same way: [`settings::Settings`] into
//! [`startup::start`].

pub mod access;
mod connections;
pub mod environment;
mod error;
pub mod export;
mod extract;
pub mod import;
mod json;
mod live;
mod metrics;
mod middleware;
pub mod openapi;
#[cfg(any(test, fuzzing))]
pub mod properties;
mod routes;
pub mod settings;
pub mod startup;
mod state;
pub mod telemetry;
pub mod webhooks;
