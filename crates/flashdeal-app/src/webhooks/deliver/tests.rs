//! Deliveries over a record that cannot be written.

use std::sync::Mutex;

use async_trait::async_trait;
use flashdeal_domain::ports::Standing;
use flashdeal_domain::{OrderId, Price, ProductId, ReservationId, Timestamp, Units, UserId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use super::*;
use crate::environment::{RandomIds, SystemClock};
use crate::webhooks::Secret;

/// A ledger of orders that can be read. What is to be written is refused, and remembered.
#[derive(Default)]
struct ReadOnly {
    advances: Mutex<Vec<Position>>,
}

const ORDERS: i64 = 100;

fn refused() -> StoreError {
    StoreError::unavailable("test", "it is read-only")
}

fn order() -> Order {
    let id = RandomIds.next_id();
    Order {
        id: OrderId::from_uuid(id),
        reservation: ReservationId::from_uuid(id),
        product: ProductId::from_uuid(id),
        user: UserId::from_store("ada"),
        quantity: Units::new(1).unwrap(),
        unit_price: Price::from_cents(999_u32).unwrap(),
        created_at: Timestamp::from_millis(0),
    }
}

#[async_trait]
impl OrderFeed for ReadOnly {
    async fn hold(&self, _: &Reader, _: LeaseToken, _: Duration) -> Result<Option<Position>, StoreError> {
        Ok(Some(Position(0)))
    }

    async fn renew(&self, _: &Reader, _: LeaseToken, _: Duration) -> Result<bool, StoreError> {
        Err(refused())
    }

    async fn next_orders(&self, after: Position, limit: usize) -> Result<FeedPage, StoreError> {
        let orders: Vec<_> = (after.0 + 1..=ORDERS).map(|place| (Position(place), order())).take(limit).collect();
        Ok(FeedPage { through: orders.last().map_or(after, |(place, _)| *place), orders })
    }

    async fn advance(&self, _: &Reader, _: LeaseToken, to: Position) -> Result<bool, StoreError> {
        self.advances.lock().unwrap().push(to);
        Err(refused())
    }

    async fn note_failure(&self, _: &Reader, _: LeaseToken, _: &str) -> Result<(), StoreError> {
        Err(refused())
    }

    async fn release(&self, _: &Reader, _: LeaseToken) -> Result<(), StoreError> {
        Err(refused())
    }

    async fn rewind(&self, _: &Reader, _: Timestamp) -> Result<Position, StoreError> {
        Err(refused())
    }

    async fn standings(&self, _: Option<&[Reader]>) -> Result<Vec<Standing>, StoreError> {
        Ok(Vec::new())
    }
}

/// Answers each request after a while with 204. A request here comes in one piece, with its end in it.
async fn receive(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                sleep(Duration::from_millis(50)).await;
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            }
        });
    }
}

fn delivery(feed: Arc<ReadOnly>, url: &str) -> Delivery {
    let endpoint = Endpoint::new(Url::parse(url).unwrap()).unwrap();
    let sender = Sender::new(Secret::new(&[7; 32]).unwrap(), Arc::new(SystemClock)).unwrap();
    Delivery::new(endpoint, feed, sender, Arc::new(RandomIds))
}

fn token() -> LeaseToken {
    LeaseToken(RandomIds.next_id())
}

#[tokio::test]
async fn nothing_more_is_told_while_it_cannot_be_noted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(receive(listener));
    let feed = Arc::new(ReadOnly::default());
    let term = Term { token: token(), told: AtomicI64::new(0), noted: AtomicI64::new(0) };
    let delivery = delivery(Arc::clone(&feed), &url);
    let (_running, stop) = watch::channel(false);
    let twice_refused = async {
        loop {
            let advances = feed.advances.lock().unwrap().clone();
            if let [first, second, ..] = advances.as_slice() {
                return (*first, *second);
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let (first, second) = tokio::select! {
        _ = delivery.deliver(&term, stop) => unreachable!("nobody stops it"),
        refused = twice_refused => refused,
    };
    assert!(first > Position(0) && first < Position(ORDERS), "{first:?}");
    assert_eq!(second, first, "what is told before this is told again if the instance dies: no more than this");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_is_somebody_elses_when_it_is_over() {
    let delivery = delivery(Arc::new(ReadOnly::default()), "http://127.0.0.1:9/");
    let begun = Instant::now();
    timeout(LEASE * 10, delivery.keep(token())).await.expect("it goes on for ever");
    assert!(begun.elapsed() >= LEASE && begun.elapsed() < LEASE + RENEWAL, "{:?}", begun.elapsed());
}
