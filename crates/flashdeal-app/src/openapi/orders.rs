//! `/api/orders`.

use flashdeal_domain::SaleError;
use utoipa::openapi::path::HttpMethod;

use super::operation::Described;
use super::{examples, schemas::reference};

const TAG: &str = "orders";

pub(super) fn operations() -> Vec<Described> {
    let list = Described::new(HttpMethod::Get, "/api/orders", "listOrders", TAG)
        .about("List orders", "Newest first. With tokens: one's own; an admin may ask for anyone's, or everyone's.")
        .query("userId", "Only this user's.", reference("UserId"), false)
        .query("productId", "Only of this product; of one that does not exist there are none.", reference("Id"), false)
        .paged()
        .answer(200, "A page of orders.", reference("OrderPage"), [("page", examples::orders())], &[])
        .by_user();
    let read = Described::new(HttpMethod::Get, "/api/orders/{orderId}", "getOrder", TAG)
        .about("Read an order", "With tokens, another user's order is as if it did not exist.")
        .path_id("orderId", "The order.")
        .answer(200, "The order.", reference("Order"), [("order", examples::order())], &[])
        .refuse("orderNotFound", SaleError::OrderNotFound.into())
        .by_token();
    vec![list, read]
}
