//! A whole sale in one process, on the reference stores in memory: how `FlashSale` is wired from its ports, and what it promises.
//!
//! ```sh
//! cargo run -p flashdeal-domain --example sale_in_memory
//! ```

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use flashdeal_contract::reference::{Ledger, ManualClock, Record};
use flashdeal_domain::ports::{IdSource, Ports, Runtime, Unobserved};
use flashdeal_domain::{
    CheckoutRequest, Description, FlashSale, NewProduct, Policy, Price, ProductName, Quantity, ReserveRequest,
    SaleError, Shortage, Terms, Units, UserId,
};
use uuid::Uuid;

/// Where ids come from.
struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place where ids are minted")]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Where tasks run that must outlive their caller.
struct Tokio;

impl Runtime for Tokio {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(ManualClock::new());
    let record = Arc::new(Record::new(clock.clone()));
    let sale = FlashSale::new(
        Ports {
            record: record.clone(),
            waiting: record,
            ledger: Arc::new(Ledger::new(clock.clone())),
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
            runtime: Arc::new(Tokio),
            observer: Arc::new(Unobserved),
        },
        Policy::default(),
    );
    let phone = sale
        .create_product(NewProduct {
            name: ProductName::parse("Phone")?,
            description: Description::parse("128 GB")?,
            price: Price::parse("499.90")?,
            total_stock: Units::new(3)?,
            terms: Terms::NONE,
        })
        .await?
        .id;
    let wish = |user: &UserId, quantity: u32| -> Result<_, Box<dyn Error>> {
        Ok(ReserveRequest { product: phone, user: user.clone(), quantity: Quantity::new(quantity)?, key: None })
    };
    let (ada, bob) = (UserId::parse("ada")?, UserId::parse("bob")?);

    let held = sale.reserve(wish(&ada, 2)?).await?.reservation;
    println!("ada holds {} until {}", held.quantity.get(), held.expires_at);

    // Bob comes second: there is one left, and the rest may yet come back.
    let refused = sale.reserve(wish(&bob, 2)?).await;
    let Err(SaleError::InsufficientStock { available, shortage: Shortage::AllHeld }) = refused else {
        return Err("two of one were held".into());
    };
    println!("bob wants 2, there is {}", available.get());
    sale.reserve(wish(&bob, 1)?).await?;

    // Naming the hold makes a repeat answer the same order.
    let buy = CheckoutRequest { product: phone, user: ada, named: Some(held.id), key: None };
    let order = sale.checkout(buy.clone()).await?.order;
    let again = sale.checkout(buy).await?;
    assert_eq!((&again.order, again.created), (&order, false));
    println!("ada paid {}, however often she asks", order.total());

    // Ten minutes later bob's hold is over, to the millisecond.
    clock.advance(Policy::default().hold_time.as_millis());
    let level = sale.status(phone).await?;
    assert_eq!((level.total().get(), level.reserved().get(), level.available().get()), (1, 0, 1));
    println!("bob's hold lapsed: {} for the next caller", level.available().get());
    Ok(())
}
