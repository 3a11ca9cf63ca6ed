//! The gate alone: open it, let two buyers reach for the last units, let one of them pay.
//!
//! ```sh
//! cargo run -p flashdeal-redis --example gate redis://127.0.0.1:6379
//! ```
//!
//! A shop goes through `FlashSale`, which sells in the record between `begin` and `finish`; this is what it asks of Redis.

use std::error::Error;

use flashdeal_domain::ports::{BeginOutcome, Caller, Finish, LedgerError, ReserveCall, ReserveOutcome};
use flashdeal_domain::{
    Epoch, HoldTime, ProductId, RecordState, ReservationId, ReservationLedger, Terms, Units, UserId, Version,
};
use flashdeal_redis::{RedisConfig, RedisStore};
use uuid::Uuid;

#[expect(clippy::disallowed_methods, reason = "the one place where ids are minted")]
fn id() -> Uuid {
    Uuid::now_v7()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let store = RedisStore::connect(RedisConfig::parse(&url)?).await?;
    for sentence in store.warnings().await {
        eprintln!("warning: {sentence}");
    }
    let gate = store.ledger();
    let phone = ProductId::from_uuid(id());
    let (ada, bob) = (UserId::parse("ada")?, UserId::parse("bob")?);

    // A gate nobody opened promises nothing.
    assert!(matches!(gate.status(phone).await, Err(LedgerError::Closed { had_state: false })));
    let token = gate.claim_opening(phone).await?;
    let total = Units::new(3)?;
    assert!(
        gate.open(phone, token, RecordState { epoch: Epoch(1), version: Version(1), total, terms: Terms::NONE })
            .await?
    );

    let wish = |user: &UserId, quantity: u32| -> Result<_, Box<dyn Error>> {
        Ok(ReserveCall {
            product: phone,
            user: user.clone(),
            quantity: Units::new(quantity)?,
            candidate: ReservationId::from_uuid(id()),
            ttl: HoldTime::default(),
            key: None,
            caller: Caller::Buyer,
        })
    };
    let ReserveOutcome::Held { hold, created: true } = gate.reserve(wish(&ada, 2)?).await? else {
        return Err("all three were free".into());
    };
    println!("ada holds {} until {}", hold.quantity.get(), hold.expires_at);
    let ReserveOutcome::Insufficient(level) = gate.reserve(wish(&bob, 2)?).await? else {
        return Err("two of one were held".into());
    };
    println!("bob wants 2, there is {}", level.available().get());

    // From here on the hold cannot lapse; the record sells it, and the gate learns what is left.
    let BeginOutcome::Paying { epoch, .. } = gate.begin(phone, &ada, Some(hold.reservation)).await? else {
        return Err("ada held it".into());
    };
    let record = RecordState { epoch, version: Version(2), total: Units::new(1)?, terms: Terms::NONE };
    let paid = Finish { product: phone, user: ada, reservation: hold.reservation, record: Some(record) };
    gate.finish(paid).await?;
    let level = gate.status(phone).await?;
    assert_eq!((level.total().get(), level.reserved().get(), level.available().get()), (1, 0, 1));
    println!("ada paid; {} left, {} held", level.total().get(), level.reserved().get());
    gate.forget(phone).await?;
    Ok(())
}
