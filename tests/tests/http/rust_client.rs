//! The Rust client's live stock against real servers: it sees what is done, survives a restart, and ends when there is nothing to see.

use std::time::Duration;

use flashdeal_client::{Client, Code, Error, Watch};
use flashdeal_domain::{ProductId, Quantity, ReserveRequest, UserId};
use tokio::time::timeout;

use crate::processes::Processes;
use crate::shop::Mode;

cases!(@mode embedded, Embedded, live_stock_is_seen_through_a_restart_and_ends_with_an_error);
cases!(@mode distributed, Distributed, live_stock_is_seen_through_a_restart_and_ends_with_an_error);

/// A busy machine is no failure.
const PATIENCE: Duration = Duration::from_mins(2);

fn client(shop: &Processes, nth: usize) -> Client {
    let client = Client::builder(&format!("http://{}", shop.apps()[nth].addr()));
    client.attempt_time(Duration::from_secs(40)).total_time(PATIENCE).attempts(100).build().unwrap()
}

/// Reads on until this product has so much available: what changes fast is told as it is in the end.
async fn sees(events: &mut Watch, product: ProductId, available: u32) {
    let seen = async {
        loop {
            let event = events.next().await.unwrap().unwrap();
            if event.product == product && event.level.available().get() == available {
                return;
            }
        }
    };
    timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{available} available was not told"));
}

async fn live_stock_is_seen_through_a_restart_and_ends_with_an_error(mode: Mode) {
    let mut shop = Processes::start(mode, &[]).await;
    let (one, other) = (shop.product(5).await, shop.product(7).await);
    let [one, other] = [one, other].map(|id| ProductId::parse(&id).unwrap());
    // The other instance, if there is one, does what is watched here.
    let (watching, buying) = (client(&shop, 0), client(&shop, shop.apps().len() - 1));
    let mut events = watching.watch([one]).patience(PATIENCE);
    let mut of_both = watching.watch([one, other]).patience(PATIENCE);
    sees(&mut events, one, 5).await;
    sees(&mut of_both, other, 7).await;

    let ada = UserId::parse("ada").unwrap();
    let wish = |product| {
        let (user, quantity) = (ada.clone(), Quantity::new(2).unwrap());
        ReserveRequest { product, user, quantity, key: None }
    };
    buying.reserve(wish(one)).await.unwrap();
    sees(&mut events, one, 3).await;
    sees(&mut of_both, one, 3).await;
    buying.release(one, &ada).await.unwrap().expect("a hold");
    sees(&mut events, one, 5).await;

    shop.apps()[0].kill9().await.unwrap();
    shop.restart(0).await;
    let again = client(&shop, shop.apps().len() - 1);
    again.reserve(wish(one)).await.unwrap();
    sees(&mut events, one, 3).await;
    again.reserve(wish(other)).await.unwrap();
    sees(&mut of_both, other, 5).await;

    let nobody = ProductId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
    for mut events in [watching.watch([nobody]), watching.watch([one, nobody])] {
        let Some(Err(Error::Refused(problem))) = events.next().await else { panic!("no refusal") };
        assert_eq!((problem.status, &problem.code), (404, &Code::ProductNotFound));
        assert!(events.next().await.is_none());
    }
    let Some(Err(Error::Refused(problem))) = watching.watch([]).next().await else { panic!("no refusal") };
    assert_eq!((problem.status, &problem.code), (400, &Code::InvalidRequest));
}
