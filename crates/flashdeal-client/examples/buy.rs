//! Buys two phones from a server that runs: creates the deal, watches it, holds, checks out, and looks the order up again.
//!
//! ```sh
//! cargo run &
//! cargo run -p flashdeal-client --example buy [http://127.0.0.1:8080 [TOKEN]]
//! ```

use std::error::Error;

use flashdeal_client::Client;
use flashdeal_domain::{
    CheckoutRequest, Description, NewProduct, Price, ProductName, Quantity, ReserveRequest, Terms, Units, UserId,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut shop = Client::builder(&arguments.next().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned()));
    if let Some(token) = arguments.next() {
        shop = shop.bearer_token(token);
    }
    let shop = shop.build()?;

    let phone = shop
        .create_product(&NewProduct {
            name: ProductName::parse("Phone")?,
            description: Description::parse("128 GB")?,
            price: Price::parse("499.90")?,
            total_stock: Units::new(200)?,
            terms: Terms::NONE,
        })
        .await?;
    println!("{} costs {}, {} to sell", phone.name.as_str(), phone.price, phone.total_stock.get());

    let mut live = shop.watch([phone.id]);
    if let Some(event) = live.next().await {
        println!("live: {} available", event?.level.available().get());
    }

    let ada = UserId::parse("ada")?;
    let wish = ReserveRequest { product: phone.id, user: ada.clone(), quantity: Quantity::new(2)?, key: None };
    let held = shop.reserve(wish).await?.reservation;
    println!("{} held until {}", held.quantity.get(), held.expires_at);
    if let Some(event) = live.next().await {
        println!("live: {} available", event?.level.available().get());
    }

    // Naming the hold makes a repeat of this call, even tomorrow, answer the same order.
    let buy = CheckoutRequest { product: phone.id, user: ada, named: Some(held.id), key: None };
    let order = shop.checkout(buy).await?.order;
    assert_eq!(shop.order(order.id).await?, order);
    let level = shop.status(phone.id).await?;
    println!("order {} for {}; {} left", order.id, order.total(), level.available().get());
    Ok(())
}
