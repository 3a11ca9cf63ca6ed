//! The record alone: open it, sell once however often it is asked for, read the order back.
//!
//! ```sh
//! cargo run -p flashdeal-postgres --example record postgres://flashdeal@localhost/flashdeal
//! ```
//!
//! A shop goes through `FlashSale`, which asks the gate first who may buy; this is what stands behind it.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use flashdeal_domain::ports::{Commit, Sale, Settlement};
use flashdeal_domain::{
    Description, Epoch, OrderId, Price, Product, ProductId, ProductName, ReservationId, StockRepository, Terms,
    Timestamp, Units, UserId,
};
use flashdeal_postgres::{PostgresConfig, PostgresStore, run_pending_migrations};
use uuid::Uuid;

#[expect(clippy::disallowed_methods, reason = "the one place where ids are minted")]
fn id() -> Uuid {
    Uuid::now_v7()
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: record postgres://user@host/database")?;
    let config = PostgresConfig::new(url);
    run_pending_migrations(&config).await?;
    let record = PostgresStore::connect(config).await?;
    for warning in record.warnings() {
        eprintln!("warning: {warning}");
    }

    let phone = Product {
        id: ProductId::from_uuid(id()),
        name: ProductName::parse("Phone")?,
        description: Description::parse("128 GB")?,
        price: Price::parse("499.90")?,
        total_stock: Units::new(3)?,
        terms: Terms::NONE,
        created_at: now(),
    };
    let phone = record.create_product(phone).await?.id;
    // The epoch is the fence: whoever sells by an earlier one is refused.
    let epoch = record.open_epoch(phone).await?.ok_or("it was just made")?.epoch;

    let sale = Sale {
        order: OrderId::from_uuid(id()),
        product: phone,
        reservation: ReservationId::from_uuid(id()),
        epoch,
        quantity: Units::new(2)?,
        user: UserId::parse("ada")?,
        key: None,
    };
    let Commit::Sold { order, earlier: false, record: left } = record.commit(sale.clone()).await? else {
        return Err("three were there, two were asked for".into());
    };
    println!("order {} for {}; {} left", order.id, order.total(), left.total.get());

    // A lost answer is no reason to worry: the reservation is settled once, and a repeat says how.
    let again = Sale { order: OrderId::from_uuid(id()), ..sale.clone() };
    let Commit::Sold { order: repeated, earlier: true, .. } = record.commit(again).await? else {
        return Err("it was sold already".into());
    };
    assert_eq!(repeated, order);
    assert_eq!(record.settlement(phone, sale.reservation).await?, Some(Settlement::Sold(order)));
    println!("asked again: the same order");

    // Nobody buys what is not there, whatever a gate may have promised.
    let too_much =
        Sale { order: OrderId::from_uuid(id()), reservation: ReservationId::from_uuid(id()), ..sale.clone() };
    assert!(matches!(record.commit(too_much).await?, Commit::NoStock { .. }));
    let from_earlier = Sale { epoch: Epoch(epoch.0 - 1), quantity: Units::new(1)?, ..sale };
    let from_earlier = Sale { reservation: ReservationId::from_uuid(id()), ..from_earlier };
    assert_eq!(record.commit(from_earlier).await?, Commit::Fenced);
    println!("two of one, and one by an earlier epoch: refused");
    Ok(())
}
