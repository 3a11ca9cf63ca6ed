//! The flashdeal binary: settings, routes, middleware and wiring.
