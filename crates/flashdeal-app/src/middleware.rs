//! What every request passes on its way in and out.

pub(crate) mod client_ip;
pub(crate) mod cors;
pub(crate) mod rate_limit;
pub(crate) mod request_id;
