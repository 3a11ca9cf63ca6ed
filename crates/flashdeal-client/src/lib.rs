//! A typed async client of the flashdeal HTTP API.
//!
//! It speaks in the types of [`flashdeal_domain`]: what a [`FlashSale`](flashdeal_domain::FlashSale) in your own process takes
//! and gives, a [`Client`] takes and gives over the network.
//!
//! ```no_run
//! use flashdeal_client::{Client, Error};
//! use flashdeal_domain::{CheckoutRequest, ProductId, Quantity, ReserveRequest, UserId};
//!
//! # async fn buy(phone: ProductId) -> Result<(), Box<dyn std::error::Error>> {
//! let shop = Client::new("http://127.0.0.1:8080")?;
//! let ada = UserId::parse("ada")?;
//! let wish = ReserveRequest { product: phone, user: ada.clone(), quantity: Quantity::new(1)?, key: None };
//! match shop.reserve(wish).await {
//!     Ok(held) => println!("held until {}", held.reservation.expires_at),
//!     Err(Error::Refused(problem)) if problem.may_free_up() => println!("all held: try again in a moment"),
//!     Err(error) => return Err(error.into()),
//! }
//! let sold = shop.checkout(CheckoutRequest { product: phone, user: ada, named: None, key: None }).await?;
//! println!("order {} for {}", sold.order.id, sold.order.total());
//! # Ok(()) }
//! ```
//!
//! # What is retried, and why that is safe
//!
//! A lost connection does not tell whether the server had done its work. So every reserve and every checkout carries an
//! `Idempotency-Key` (yours, or one that the client makes), the same for all attempts of one call: the server answers the
//! first outcome again instead of doing the work twice.
//!
//! | Call | Lost connection, 502, 503, 504 | Never reached the server, 429 |
//! |---|---|---|
//! | [`reserve`](Client::reserve), [`checkout`](Client::checkout) | again, same key | again, same key |
//! | reads, [`release`](Client::release), a change without `add_stock` | again | again |
//! | [`create_product`](Client::create_product), a change with `add_stock` | the error is yours | again |
//!
//! A checkout answered with `checkout_in_progress` is repeated too: that is how one learns its outcome.
//!
//! `Retry-After` (in seconds) is honoured: the client never comes back earlier, and gives the error at once if it would have
//! to wait longer than the call may take. Without one it waits 50 ms, then twice as long each time up to 2 s, less up to half
//! of it by chance, so that a crowd does not come back as one. A call makes at most [`Builder::attempts`] attempts and takes
//! at most [`Builder::total_time`].
//!
//! # Live stock
//!
//! [`Client::watch`] is a [`Stream`](futures_util::Stream) of what products have left, over as many connections as it takes.
//!
//! # Webhooks
//!
//! [`webhooks`] tells whether what was pushed to your endpoint is genuine, and gives the order it tells of.
//!
//! # Errors
//!
//! [`Error::Refused`] has what the server said, typed: [`Problem::code`] to match on, [`Problem::detail`] for people,
//! [`Problem::errors`] field by field, and the [`Problem::request_id`] to quote to whoever reads the server's log.
//!
//! # TLS
//!
//! `https://` needs the feature `rustls`.

mod builder;
mod client;
mod error;
mod messages;
mod send;
mod watch;
pub mod webhooks;
mod wire;

pub use builder::{Attempt, BadSettings, Builder};
pub use client::Client;
pub use error::{Code, Error, FieldError, Problem};
pub use watch::{StockEvent, Watch};
pub use wire::{Wait, Waits};
