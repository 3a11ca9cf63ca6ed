//! What sales and voids have in common: many callers, one statement, and nobody fails for another.

use std::collections::{HashMap, HashSet};

use flashdeal_batching::{Batcher, Limits, Rejected, Run};
use flashdeal_domain::{IdempotencyKey, ProductId, ReservationId, StoreError, UserId};
use tokio::time::{Instant, timeout};

use crate::error::{STORE, is_locked, is_refused, lost, unavailable};
use crate::pool::Pool;

/// How many statements of one kind are under way at a time. Sales of many products share one as those of one product do: on
/// 2000 products that made ten times as many sales a second as a statement for each. Few lanes make large batches; more than
/// one keeps another core of the server busy, and a product whose row somebody else has locked from holding up all others.
const LANES: u128 = 4;

type Lane = u128;

/// A statement that settles many reservations at once, none of them twice.
pub(crate) trait Settle: Send + Sync + 'static {
    /// What one caller brings.
    type Item: Send + Sync + 'static;
    /// What one caller gets.
    type Answer: Clone + Send + 'static;
    /// The name of the call in metrics and logs.
    const CALL: &'static str;

    /// Runs the statement for these items, which are [distinct](Round), and reads one answer for each, in their order.
    fn run(
        pool: &Pool,
        items: &[&Self::Item],
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<Result<Self::Answer, StoreError>>, StoreError>> + Send;

    fn product(item: &Self::Item) -> ProductId;

    fn reservation(item: &Self::Item) -> ReservationId;

    /// What else must be unique in one statement.
    fn key(item: &Self::Item) -> Option<(ProductId, &UserId, &IdempotencyKey)>;

    /// Whether the second item asks for exactly what the first does, so that they can share its answer.
    fn is_repeat(first: &Self::Item, second: &Self::Item) -> bool;

    /// The answer to a repeat, from that to the first.
    fn answer_again(answer: Self::Answer) -> Self::Answer;
}

/// Gathers the callers of one statement.
pub(crate) struct Batches<S: Settle> {
    batcher: Batcher<Runner<S>>,
}

impl<S: Settle> Batches<S> {
    pub(crate) fn new(pool: Pool, limits: Limits) -> Self {
        let runner = Runner { pool, settle: std::marker::PhantomData };
        Self { batcher: Batcher::across_threads(runner, limits) }
    }

    pub(crate) async fn submit(&self, item: S::Item) -> Result<S::Answer, StoreError> {
        let lane = lane_of(S::product(&item));
        let waiting = Waiting { item, since: Instant::now() };
        match timeout(self.batcher.runner().pool.call_timeout(), self.batcher.submit(lane, waiting)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(Rejected::Full)) => Err(StoreError::Overloaded { store: STORE }),
            Ok(Err(Rejected::Lost)) => Err(lost()),
            Err(_) => Err(unavailable("no answer in time")),
        }
    }
}

struct Waiting<I> {
    item: I,
    since: Instant,
}

struct Runner<S> {
    pool: Pool,
    settle: std::marker::PhantomData<fn() -> S>,
}

impl<S: Settle> Run for Runner<S> {
    type Key = Lane;
    type Item = Waiting<S::Item>;
    type Answer = Result<S::Answer, StoreError>;

    async fn run(&self, _lane: &Lane, items: Vec<Self::Item>) -> Vec<Self::Answer> {
        let deadline = self.pool.deadline();
        let mut answers = Answers::new(items.len());
        // Whoever waited longer than a call may take has been told so: they must not be sold to behind their back.
        let stale = |item: &Self::Item| item.since.elapsed() >= self.pool.call_timeout();
        let mut pending: Vec<_> =
            items.iter().enumerate().filter(|(_, item)| !stale(item)).map(|(at, item)| (at, &item.item)).collect();
        while !pending.is_empty() && Instant::now() < deadline {
            let round = Round::<S>::of(pending);
            answers.settle::<S>(&self.pool, &round.distinct, deadline).await;
            for (at, first) in round.repeats {
                answers.repeat::<S>(at, first);
            }
            pending = round.later;
        }
        answers.finish()
    }
}

/// What one statement settles: no reservation twice, and no key twice.
struct Round<'a, S: Settle> {
    /// What the statement gets.
    distinct: Vec<(usize, &'a S::Item)>,
    /// Repeats of one of those, each with the place of the one it repeats.
    repeats: Vec<(usize, usize)>,
    /// What contradicts one of those (another quantity for the same reservation, say): it is asked when they are settled.
    later: Vec<(usize, &'a S::Item)>,
}

impl<'a, S: Settle> Round<'a, S> {
    fn of(pending: Vec<(usize, &'a S::Item)>) -> Self {
        let mut round = Self { distinct: Vec::with_capacity(pending.len()), repeats: Vec::new(), later: Vec::new() };
        let mut reservations: HashMap<ReservationId, (usize, &S::Item)> = HashMap::with_capacity(pending.len());
        let mut keys = HashSet::new();
        for (at, item) in pending {
            match reservations.get(&S::reservation(item)) {
                Some((first, same)) if S::is_repeat(same, item) => round.repeats.push((at, *first)),
                Some(_) => round.later.push((at, item)),
                None if S::key(item).is_some_and(|key| !keys.insert(key)) => round.later.push((at, item)),
                None => {
                    reservations.insert(S::reservation(item), (at, item));
                    round.distinct.push((at, item));
                }
            }
        }
        // Product by product, those of one product in the order they came.
        round.distinct.sort_by_key(|(_, item)| S::product(item));
        round
    }
}

/// The answers so far, by the places of the items.
struct Answers<A>(Vec<Option<Result<A, StoreError>>>);

impl<A: Clone> Answers<A> {
    fn new(items: usize) -> Self {
        Self((0..items).map(|_| None).collect())
    }

    /// Settles the items, which stand product by product, in one statement. If the server refuses it, in two of half the
    /// size, and so on, until the item it objects to stands alone; that one is asked twice, as another call may have settled
    /// it while its first was under way. If somebody keeps a product's row locked, in a statement for each product, once; a
    /// product that is alone from the start is tried for as long as there is time.
    async fn settle<S: Settle<Answer = A>>(&mut self, pool: &Pool, items: &[(usize, &S::Item)], deadline: Instant) {
        let mut parts = vec![(items, 0)];
        while let Some((part, refusals)) = parts.pop() {
            metrics::histogram!("flashdeal_batch_size", "store" => STORE, "call" => S::CALL).record(size(part.len()));
            let of_part: Vec<_> = part.iter().map(|(_, item)| *item).collect();
            match S::run(pool, &of_part, deadline).await {
                Ok(answers) => {
                    for ((at, _), answer) in part.iter().zip(answers) {
                        self.put(*at, answer);
                    }
                }
                Err(error) if is_refused(&error) && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([(second, 0), (first, 0)]);
                }
                Err(error) if is_refused(&error) && refusals == 0 => parts.push((part, 1)),
                Err(error) if is_locked(&error) && of_several_products::<S>(part) => {
                    let each = part.chunk_by(|(_, one), (_, next)| S::product(one) == S::product(next));
                    parts.extend(each.map(|of_one| (of_one, 0)));
                }
                Err(error) if is_locked(&error) && !of_several_products::<S>(items) && Instant::now() < deadline => {
                    parts.push((part, refusals));
                }
                Err(error) => {
                    if is_refused(&error) {
                        tracing::error!(call = S::CALL, %error, "PostgreSQL refuses one item of a batch");
                    }
                    for (at, _) in part {
                        self.put(*at, Err(error.clone()));
                    }
                }
            }
        }
    }

    fn repeat<S: Settle<Answer = A>>(&mut self, at: usize, first: usize) {
        let answer = self.0.get(first).cloned().flatten();
        if let Some(answer) = answer {
            self.put(at, answer.map(S::answer_again));
        }
    }

    fn put(&mut self, at: usize, answer: Result<A, StoreError>) {
        if let Some(place) = self.0.get_mut(at) {
            *place = Some(answer);
        }
    }

    fn finish(self) -> Vec<Result<A, StoreError>> {
        self.0
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(unavailable("its turn did not come in time"))))
            .collect()
    }
}

fn of_several_products<S: Settle>(part: &[(usize, &S::Item)]) -> bool {
    let product = |item: Option<&(usize, &S::Item)>| item.map(|(_, item)| S::product(item));
    product(part.first()) != product(part.last())
}

fn size(items: usize) -> f64 {
    u32::try_from(items).map_or(f64::INFINITY, f64::from)
}

/// The lane of a product: the last bits of an id are random.
fn lane_of(product: ProductId) -> Lane {
    product.as_uuid().as_u128() % LANES
}
