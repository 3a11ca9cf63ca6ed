//! What an endpoint is told.

use flashdeal_domain::{Order, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::json::OrderBody;

/// The type of an event that tells of a sold order.
pub(crate) const ORDER_CREATED: &str = "order.created";
/// The type of an event that tells of nothing.
const PING: &str = "ping";

/// A message: its id, by which receivers know it again, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    id: String,
    body: String,
}

/// The shape that Standard Webhooks recommends.
#[derive(Serialize)]
struct Body<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it happened, not when it is told.
    timestamp: String,
    data: T,
}

impl Event {
    /// An order was sold. The id is the same however often and by whichever instance it is told.
    ///
    /// # Errors
    /// Never: an order has a way to be written.
    pub(crate) fn order_created(order: &Order) -> serde_json::Result<Self> {
        let body = Body { kind: ORDER_CREATED, timestamp: order.created_at.to_string(), data: OrderBody::from(order) };
        // No full stop, which separates the parts that are signed.
        let id = format!("order-created-{}", order.id.as_uuid().as_hyphenated());
        Ok(Self { id, body: serde_json::to_string(&body)? })
    }

    /// Its id, as `webhook-id` has it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its body, as it is sent and signed.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// Somebody looks whether messages arrive.
    ///
    /// # Errors
    /// Never: it is a constant but for its time.
    pub fn ping(id: Uuid, now: Timestamp) -> serde_json::Result<Self> {
        let data = RawValue::from_string("{}".to_owned())?;
        let body = Body { kind: PING, timestamp: now.to_string(), data };
        Ok(Self { id: format!("{PING}-{}", id.as_hyphenated()), body: serde_json::to_string(&body)? })
    }
}
