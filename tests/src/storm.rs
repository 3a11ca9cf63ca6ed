//! A storm: buyers against several instances over HTTP while processes are killed and frozen, memories lost and connections
//! cut. When it is over every promise of the protocol is checked to the unit.
//!
//! Everything that is chosen follows from the seed: what breaks when and for how long, and what each buyer wants. What becomes
//! of it is up to the machine, so a seed brings the same storm again, not the same interleaving.

pub mod buyers;
pub mod client;
pub mod dice;
pub mod faults;
pub mod histories;
pub mod history;
pub mod options;
pub mod plan;
pub mod promises;
pub mod recorder;
pub mod report;
pub mod shopkeeper;
pub mod tally;
pub mod weather;
pub mod world;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::buyers::Buyer;
use self::client::Client;
use self::dice::Dice;
use self::options::Options;
use self::promises::{Lines, Verdict};
use self::report::Report;
use self::shopkeeper::{Adjustments, Shelf};
use self::tally::Tally;
use self::weather::Weather;
use self::world::World;

/// How much longer than a hold's time its units may stay reserved when its checkout died half way: 5 s until it is settled, a
/// round of the background, and some patience with a busy machine.
const SETTLING: Duration = Duration::from_secs(7);

/// Runs a storm and checks the promises after it.
///
/// # Errors
///
/// When the servers cannot be started or asked; a broken promise is no error but in the report.
pub async fn run(options: Options) -> Result<Report> {
    let options = Arc::new(options);
    let world = Arc::new(World::start(&options).await?);
    let tally = Arc::new(Tally::default());
    let weather = Arc::new(Weather::default());
    let client = Client::new(Arc::clone(&world), Arc::clone(&tally), Arc::clone(&weather), Arc::clone(&options));
    let shelf = Arc::new(shopkeeper::stock_up(&client).await?);
    let over = Instant::now() + options.duration;
    let live = options.live.then(|| tokio::spawn(report::show_live(Arc::clone(&tally), options.duration)));

    let storms = faults::unleash(&options, &world, &weather, &tally, &shelf, over);
    let (trips, mut adjustments) = shop(&client, &shelf, over).await;
    let faulted = storms.join_all().await.into_iter().collect::<Result<Vec<()>>>();
    if let Some(live) = live {
        live.abort();
    }
    faulted?;

    world.heal().await?;
    let recovered = promises::recovers(&client, &shelf).await;
    let (left_over, served_in) = promises::lines::serve(&client, &shelf, &trips, &mut adjustments).await?;
    sleep(options.ttl + SETTLING).await;
    let walk_ins = promises::lines::last_line(&client, &shelf, &mut adjustments).await?;
    let lines = Lines { left_over, served_in, walk_ins };
    let mut verdicts: Vec<Verdict> = promises::check(&client, &shelf, &trips, &adjustments, lines).await?;
    verdicts.push(recovered);
    Ok(Report::new(&options, &tally, &weather, &trips, verdicts))
}

async fn shop(client: &Client, shelf: &Arc<Shelf>, over: Instant) -> (Vec<buyers::Trip>, Adjustments) {
    let seed = client.options().seed;
    let mut buyers = JoinSet::new();
    for number in 0..client.options().buyers {
        let buyer = Buyer::new(number, Dice::new(seed, &format!("buyer {number}")), client.clone(), Arc::clone(shelf));
        buyers.spawn(buyer.shop_until(over));
    }
    let keeper = shopkeeper::keep_shop(client.clone(), Arc::clone(shelf), Dice::new(seed, "shopkeeper"), over);
    let (trips, adjustments) = tokio::join!(buyers.join_all(), keeper);
    (trips.into_iter().flatten().collect(), adjustments)
}
