//! The language and the rules of a flash sale.
//!
//! This crate holds what is true of a sale whatever stores it, serves it or shows it: types that cannot hold a wrong
//! value, the [ports] a store must implement, and the use cases of [`FlashSale`]. It does no I/O, knows no runtime,
//! no database, no cache and no web framework; other services link it and bring their own adapters.
//!
//! - The **record** ([`StockRepository`]) keeps what is left and what was sold, for ever. It alone decides a sale.
//! - The **gate** ([`ReservationLedger`]) keeps who holds what, until when. It may lose everything at any moment;
//!   then holds are lost, but nothing is oversold.
//! - The **feed** ([`OrderFeed`]) gives every order of the record again, in its order, to whoever passes orders on.
//! - The **waiting list** ([`WaitingList`]) keeps who is next when units come free.
//! - [`FlashSale`] makes the two agree: reserve, release, check out, restock, and the background work
//!   ([`FlashSale::tick`]) that settles what a crash left half way.
//!
//! # Example
//!
//! Parsing happens at the edge, once; inside, nothing re-checks.
//!
//! ```
//! use flashdeal_domain::{Price, Quantity, StockLevel, Units, UserId};
//!
//! let buyer = UserId::parse("ada")?;
//! let quantity = Quantity::new(2)?;
//! let price = Price::parse("499.90")?;
//! assert_eq!(price.times(quantity.into()).to_string(), "999.80");
//!
//! let level = StockLevel::new(Units::new(200)?, Units::new(3)?);
//! assert_eq!(level.available().get(), 197);
//! assert!(Quantity::new(0).is_err() && UserId::parse(" \t").is_err());
//! # let _ = buyer;
//! # Ok::<(), flashdeal_domain::Invalid>(())
//! ```
//!
//! A service is wired from ports; `FlashSale::new` takes them all:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use flashdeal_domain::{FlashSale, Policy, SaleError, ReserveRequest, ProductId, Quantity, UserId};
//! # use flashdeal_domain::ports::Ports;
//! # async fn wire(ports: Ports, phone: ProductId) -> Result<(), SaleError> {
//! let sale = FlashSale::new(ports, Policy::default());
//! let reserved = sale
//!     .reserve(ReserveRequest {
//!         product: phone,
//!         user: UserId::parse("ada").expect("a literal"),
//!         quantity: Quantity::new(1).expect("a literal"),
//!         key: None,
//!     })
//!     .await?;
//! println!("held until {}", reserved.reservation.expires_at);
//! # Ok(()) }
//! ```

pub mod error;
pub mod ids;
pub mod order;
pub mod page;
pub mod ports;
pub mod product;
pub mod reservation;
pub mod service;
pub mod stock;
pub mod terms;
pub mod text;
pub mod time;

pub use error::{Invalid, SaleError, Shortage, StoreError};
pub use ids::{OrderId, ProductId, ReservationId};
pub use order::{Order, OrderFilter};
pub use page::{Page, PageRequest, PageSize};
pub use ports::feed::OrderFeed;
pub use ports::record::StockRepository;
pub use ports::reservation::ReservationLedger;
pub use ports::waiting::WaitingList;
pub use product::{Money, NewProduct, Price, Product, ProductPatch, StockDelta};
pub use reservation::Reservation;
pub use service::{
    Audit, CheckedOut, CheckoutRequest, Created, Dropped, Finding, FindingKind, FlashSale, JoinRequest, Joined, Policy,
    ReserveRequest, Reserved, Round, Tick, Wait,
};
pub use stock::{Epoch, Quantity, RecordState, StockLevel, Units, Version};
pub use terms::{Edit, Terms, TermsPatch, TermsRefusal};
pub use text::{Description, IdempotencyKey, ProductName, UserId};
pub use time::{HoldTime, Timestamp};
