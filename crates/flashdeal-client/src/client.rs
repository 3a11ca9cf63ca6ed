//! The calls, one method each.

use std::fmt;
use std::sync::Arc;

use flashdeal_domain::{
    CheckedOut, CheckoutRequest, JoinRequest, NewProduct, Order, OrderFilter, OrderId, Page, PageRequest, Product,
    ProductId, ProductPatch, Reservation, ReserveRequest, Reserved, StockLevel, UserId,
};
use reqwest::{Method, Url};
use serde::Serialize;

use crate::builder::{BadSettings, Builder};
use crate::error::{Code, Error};
use crate::send::{Answer, Call, Sender, new_key};
use crate::watch::Watch;
use crate::wire::{
    BuyerBody, HoldWire, LevelWire, NewProductBody, OrderWire, PageWire, PatchBody, ProductWire, Wait, WaitWire, Waits,
    Wire,
};

/// A client of one server, or of the balancer before many. Cheap to clone; clones share their connections.
///
/// Its calls must be made within a tokio runtime with I/O and timers. A call that is dropped loses its answer, never the
/// consistency: repeat it with the same key to learn its outcome.
#[derive(Clone)]
pub struct Client(Arc<Sender>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.base.as_str()).finish()
    }
}

impl Client {
    /// A client with the usual bounds: 5 attempts, 5 s each, 15 s in all.
    ///
    /// # Errors
    /// [`BadSettings`]: the base URL must be like `http://127.0.0.1:8080`, without `/api`.
    pub fn new(base_url: &str) -> Result<Self, BadSettings> {
        Self::builder(base_url).build()
    }

    /// Sets a client up.
    pub fn builder(base_url: &str) -> Builder {
        Builder::new(base_url)
    }

    pub(crate) fn over(sender: Sender) -> Self {
        Self(Arc::new(sender))
    }

    /// Creates a product. Repeated only if it cannot have reached the server: a repeat would be a second product.
    ///
    /// # Errors
    /// [`Error`]; codes [`Code::InvalidRequest`], [`Code::Forbidden`].
    pub async fn create_product(&self, new: &NewProduct) -> Result<Product, Error> {
        let body = Some(json(&NewProductBody::from(new)));
        let call = self.call("create_product", Method::POST, &["products"]);
        read::<ProductWire>(&self.0.send(&Call { body, repeatable: false, ..call }).await?)
    }

    /// A product and its three counters.
    ///
    /// # Errors
    /// [`Error`]; code [`Code::ProductNotFound`].
    pub async fn product(&self, id: ProductId) -> Result<(Product, StockLevel), Error> {
        let answer = self.0.send(&self.call("product", Method::GET, &["products", &id.to_string()])).await?;
        Ok((read::<ProductWire>(&answer)?, read::<LevelWire>(&answer)?))
    }

    /// A page of products, newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn products(&self, page: PageRequest<ProductId>) -> Result<Page<Product, ProductId>, Error> {
        let mut call = self.call("products", Method::GET, &["products"]);
        page_query(&mut call.url, page.size.get(), page.after.map(|id| id.to_string()));
        read_page::<ProductWire, _>(&self.0.send(&call).await?, ProductId::parse)
    }

    /// Changes what the patch names. One that adds or takes away stock is repeated only if it cannot have reached the server.
    ///
    /// # Errors
    /// [`Error`]; codes [`Code::ProductNotFound`], [`Code::InsufficientStock`] (held units cannot be taken away),
    /// [`Code::InvalidRequest`], [`Code::Forbidden`].
    pub async fn change_product(&self, id: ProductId, patch: &ProductPatch) -> Result<(Product, StockLevel), Error> {
        let body = Some(json(&PatchBody::from(patch)));
        let call = self.call("change_product", Method::PATCH, &["products", &id.to_string()]);
        let answer = self.0.send(&Call { body, repeatable: patch.add_stock.is_none(), ..call }).await?;
        Ok((read::<ProductWire>(&answer)?, read::<LevelWire>(&answer)?))
    }

    /// The three counters, in one consistent read.
    ///
    /// # Errors
    /// [`Error`]; code [`Code::ProductNotFound`].
    pub async fn status(&self, product: ProductId) -> Result<StockLevel, Error> {
        let call = self.call("status", Method::GET, &["products", &product.to_string(), "status"]);
        read::<LevelWire>(&self.0.send(&call).await?)
    }

    /// Live stock of 1 to 100 products: each as it is now, and then each change. Nothing is sent before the first event is asked for;
    /// dropping it ends it.
    ///
    /// Its items may be errors: see [`Watch`].
    pub fn watch(&self, products: impl IntoIterator<Item = ProductId>) -> Watch {
        let products: Vec<_> = products.into_iter().map(|product| product.to_string()).collect();
        let call = match products.as_slice() {
            [product] => self.call("watch", Method::GET, &["products", product, "events"]),
            many => {
                let mut call = self.call("watch", Method::GET, &["events"]);
                call.url.query_pairs_mut().append_pair("products", &many.join(","));
                call
            }
        };
        Watch::new(Arc::clone(&self.0), call)
    }

    /// Holds units for a user, or sets the quantity of the hold they have. Without a key the client makes one for this call.
    ///
    /// # Errors
    /// [`Error`]; codes [`Code::ProductNotFound`], [`Code::InsufficientStock`] (the hold they had stands as it was),
    /// [`Code::SaleNotStarted`], [`Code::SaleEnded`], [`Code::LimitPerReservation`] (as well), [`Code::CheckoutInProgress`], [`Code::IdempotencyKeyReused`], [`Code::RateLimited`].
    pub async fn reserve(&self, request: ReserveRequest) -> Result<Reserved, Error> {
        let user_id = request.user.as_str();
        let body = Some(json(&BuyerBody { user_id, quantity: Some(request.quantity.get()), reservation_id: None }));
        let call = self.call("reserve", Method::POST, &["products", &request.product.to_string(), "reserve"]);
        let answer = self.0.send(&Call { body, key: request.key.or_else(new_key), ..call }).await?;
        let reservation = read::<HoldWire>(&answer)?;
        Ok(Reserved { reservation, created: answer.status == 201, replayed: answer.replayed })
    }

    /// The user's live hold; `None` if there is none.
    ///
    /// # Errors
    /// [`Error`]; code [`Code::ProductNotFound`].
    pub async fn hold(&self, product: ProductId, user: &UserId) -> Result<Option<Reservation>, Error> {
        self.about_hold("hold", Method::GET, product, user).await
    }

    /// Gives the user's hold back; `None` if there is none (any more: an earlier attempt of this call may have done it).
    ///
    /// # Errors
    /// [`Error`]; codes [`Code::ProductNotFound`], [`Code::CheckoutInProgress`].
    pub async fn release(&self, product: ProductId, user: &UserId) -> Result<Option<Reservation>, Error> {
        self.about_hold("release", Method::DELETE, product, user).await
    }

    /// Sells all of the user's hold, once. Without a key the client makes one for this call; pass your own, or name the
    /// reservation, to find the order again in another call.
    ///
    /// # Errors
    /// [`Error`]; codes [`Code::ProductNotFound`], [`Code::NoReservation`], [`Code::IdempotencyKeyReused`],
    /// [`Code::InsufficientStock`] (the gate lost its memory and others bought the units), [`Code::CheckoutInProgress`]
    /// (still, after all attempts).
    pub async fn checkout(&self, request: CheckoutRequest) -> Result<CheckedOut, Error> {
        let reservation_id = request.named.map(|id| id.to_string());
        let body = Some(json(&BuyerBody { user_id: request.user.as_str(), quantity: None, reservation_id }));
        let call = self.call("checkout", Method::POST, &["products", &request.product.to_string(), "checkout"]);
        let answer = self.0.send(&Call { body, key: request.key.or_else(new_key), ..call }).await?;
        let order = read::<OrderWire>(&answer)?;
        Ok(CheckedOut { order, created: answer.status == 201, replayed: answer.replayed })
    }

    /// Stands in line for units that come free, or sets the quantity of one's wait. Poll [`Self::wait`] to learn of the call.
    ///
    /// # Errors
    /// [`Error`]; codes [`Code::ProductNotFound`], [`Code::SaleEnded`], [`Code::LimitPerReservation`], [`Code::WaitingListFull`],
    /// [`Code::RateLimited`].
    pub async fn join(&self, request: &JoinRequest) -> Result<Waits, Error> {
        let user_id = request.user.as_str();
        let body = Some(json(&BuyerBody { user_id, quantity: Some(request.quantity.get()), reservation_id: None }));
        let call = self.call("join", Method::POST, &["products", &request.product.to_string(), "waitlist"]);
        let answer = self.0.send(&Call { body, ..call }).await?;
        match read::<WaitWire>(&answer)? {
            Wait::Waits(waits) => Ok(waits),
            Wait::Called(_) => Err(unreadable(&answer, &"who joins waits")),
        }
    }

    /// How the user's wait stands; `None` if they do not wait and hold nothing.
    ///
    /// # Errors
    /// [`Error`]; code [`Code::ProductNotFound`].
    pub async fn wait(&self, product: ProductId, user: &UserId) -> Result<Option<Wait>, Error> {
        self.about_wait("wait", Method::GET, product, user).await
    }

    /// Waits no more; `None` if the user did not wait (any more: an earlier attempt of this call may have done it).
    ///
    /// # Errors
    /// [`Error`]; code [`Code::ProductNotFound`].
    pub async fn leave(&self, product: ProductId, user: &UserId) -> Result<Option<Wait>, Error> {
        self.about_wait("leave", Method::DELETE, product, user).await
    }

    async fn about_wait(
        &self,
        operation: &'static str,
        method: Method,
        product: ProductId,
        user: &UserId,
    ) -> Result<Option<Wait>, Error> {
        let mut call = self.call(operation, method, &["products", &product.to_string(), "waitlist"]);
        call.url.query_pairs_mut().append_pair("userId", user.as_str());
        match self.0.send(&call).await {
            Ok(answer) => read::<WaitWire>(&answer).map(Some),
            Err(error) if error.code() == Some(&Code::NotWaiting) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An order.
    ///
    /// # Errors
    /// [`Error`]; code [`Code::OrderNotFound`].
    pub async fn order(&self, id: OrderId) -> Result<Order, Error> {
        read::<OrderWire>(&self.0.send(&self.call("order", Method::GET, &["orders", &id.to_string()])).await?)
    }

    /// A page of the orders that match, newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn orders(&self, of: &OrderFilter, page: PageRequest<OrderId>) -> Result<Page<Order, OrderId>, Error> {
        let mut call = self.call("orders", Method::GET, &["orders"]);
        page_query(&mut call.url, page.size.get(), page.after.map(|id| id.to_string()));
        if let Some(user) = &of.user {
            call.url.query_pairs_mut().append_pair("userId", user.as_str());
        }
        if let Some(product) = of.product {
            call.url.query_pairs_mut().append_pair("productId", &product.to_string());
        }
        read_page::<OrderWire, _>(&self.0.send(&call).await?, OrderId::parse)
    }

    async fn about_hold(
        &self,
        operation: &'static str,
        method: Method,
        product: ProductId,
        user: &UserId,
    ) -> Result<Option<Reservation>, Error> {
        let mut call = self.call(operation, method, &["products", &product.to_string(), "reserve"]);
        // In the query, also of a DELETE: some proxies drop its body.
        call.url.query_pairs_mut().append_pair("userId", user.as_str());
        match self.0.send(&call).await {
            Ok(answer) => read::<HoldWire>(&answer).map(Some),
            Err(error) if error.code() == Some(&Code::NoReservation) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A call without a body that may be repeated.
    fn call(&self, operation: &'static str, method: Method, path: &[&str]) -> Call {
        let mut url = self.0.base.clone();
        // An http URL always has a path that can be added to.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        Call { operation, method, url, body: None, key: None, repeatable: true }
    }
}

fn page_query(url: &mut Url, size: u8, after: Option<String>) {
    let mut query = url.query_pairs_mut();
    query.append_pair("limit", &size.to_string());
    if let Some(cursor) = after {
        query.append_pair("cursor", &cursor);
    }
}

/// Writing our own shapes into memory has no way to fail.
fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

fn read<T: Wire>(answer: &Answer) -> Result<T::Domain, Error> {
    serde_json::from_slice::<T>(&answer.body).map(T::into_domain).map_err(|error| unreadable(answer, &error))
}

fn read_page<T: Wire, Id>(
    answer: &Answer,
    cursor: impl Fn(&str) -> Result<Id, flashdeal_domain::Invalid>,
) -> Result<Page<T::Domain, Id>, Error> {
    let page: PageWire<T> = serde_json::from_slice(&answer.body).map_err(|error| unreadable(answer, &error))?;
    page.into_page(cursor).map_err(|error| unreadable(answer, &error))
}

fn unreadable(answer: &Answer, reason: &impl fmt::Display) -> Error {
    Error::Unreadable { status: answer.status, reason: reason.to_string() }
}
