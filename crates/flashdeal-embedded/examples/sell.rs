//! A sale on one `SQLite` file: open the store, wire `FlashSale` from it, sell, close.
//!
//! ```sh
//! cargo run -p flashdeal-embedded --example sell [FOLDER]
//! ```
//!
//! Run it twice on one folder: the orders are still there.

use std::error::Error;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flashdeal_domain::ports::{Clock, IdSource, Ports, Runtime, Unobserved};
use flashdeal_domain::{
    CheckoutRequest, Description, FlashSale, NewProduct, OrderFilter, PageRequest, PageSize, Policy, Price,
    ProductName, Quantity, ReserveRequest, Terms, Timestamp, Units, UserId,
};
use flashdeal_embedded::EmbeddedStore;
use uuid::Uuid;

/// The machine: its time of day, its randomness, its tasks.
struct Machine;

impl Clock for Machine {
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl IdSource for Machine {
    #[expect(clippy::disallowed_methods, reason = "the one place where ids are minted")]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

impl Runtime for Machine {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("flashdeal-sell"), PathBuf::from);
    let machine = Arc::new(Machine);
    let store = EmbeddedStore::open(&folder, machine.clone())?;
    let sale = FlashSale::new(
        Ports {
            record: Arc::new(store.clone()),
            ledger: Arc::new(store.clone()),
            waiting: Arc::new(store.clone()),
            clock: machine.clone(),
            ids: machine.clone(),
            runtime: machine,
            observer: Arc::new(Unobserved),
        },
        Policy::default(),
    );

    let phone = sale
        .create_product(NewProduct {
            name: ProductName::parse("Phone")?,
            description: Description::parse("128 GB")?,
            price: Price::parse("499.90")?,
            total_stock: Units::new(200)?,
            terms: Terms::NONE,
        })
        .await?;
    let ada = UserId::parse("ada")?;
    let wish = ReserveRequest { product: phone.id, user: ada.clone(), quantity: Quantity::new(2)?, key: None };
    let held = sale.reserve(wish).await?.reservation;
    let buy = CheckoutRequest { product: phone.id, user: ada.clone(), named: Some(held.id), key: None };
    let order = sale.checkout(buy).await?.order;
    let level = sale.status(phone.id).await?;
    println!("order {} for {}; {} left", order.id, order.total(), level.available().get());

    let orders =
        sale.orders(&OrderFilter::of_user(&ada), PageRequest { size: PageSize::default(), after: None }).await?;
    println!("ada's latest orders in {}: {}", folder.display(), orders.items.len());
    store.close().await;
    Ok(())
}
