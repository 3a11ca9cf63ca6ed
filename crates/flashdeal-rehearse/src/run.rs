//! The rehearsal itself: the deal is put up, the crowd comes, the books are checked.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_client::{BadSettings, Client, Code, Error};
use flashdeal_domain::{Description, NewProduct, Product, ProductName, Terms};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::books::audit;
use crate::buyer::{Scene, visit};
use crate::crowd::{Buyer, crowd};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::tally::Tally;

/// How long buyers who are inside may take to come out once the operator has seen enough.
const LAST_CALL: Duration = Duration::from_secs(20);

/// Why there was no rehearsal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CannotRun {
    /// The plan is not one.
    #[error("{0}")]
    Plan(String),
    /// The server's address is not one.
    #[error(transparent)]
    Settings(#[from] BadSettings),
    /// The deal could not be put up.
    #[error("the deal cannot be put up at {url} ({advice})")]
    Deal {
        /// Where.
        url: String,
        /// What to do about it.
        advice: String,
        /// What went wrong.
        source: Error,
    },
}

/// Runs the plan. When `stop` is ready, nobody new comes, whoever holds walks away, and the report is of what was until then.
///
/// Must be called within a tokio runtime with I/O and timers.
///
/// # Errors
/// [`CannotRun`]: nothing was rehearsed.
pub async fn run(plan: Plan, mut progress: Progress, stop: impl Future<Output = ()>) -> Result<Report, CannotRun> {
    plan.check().map_err(CannotRun::Plan)?;
    let patient = client(&plan).attempts(20).total_time(Duration::from_secs(20)).build()?;
    let product = put_up(&plan, &client(&plan).attempts(3).build()?).await?;
    let (stopper, stopping) = watch::channel(false);
    let tally = Arc::new(Tally::default());
    let observed = Arc::clone(&tally);
    let buyers = client(&plan).observe(move |attempt| observed.attempt(attempt)).build()?;
    let opening = Instant::now();
    let places = Semaphore::new(usize::try_from(plan.concurrency).unwrap_or(1));
    let tally_of_all = Arc::clone(&tally);
    let scene = Scene { client: buyers, product: product.id, opening, tally: tally_of_all, places, stopping };

    let doors = open_doors(Arc::new(scene), crowd(&plan));
    tokio::pin!(doors, stop);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut last_call: Option<Instant> = None;
    let mut stopped_early = false;
    loop {
        tokio::select! {
            () = &mut doors => break,
            () = &mut stop, if last_call.is_none() => {
                stopped_early = true;
                stopper.send_replace(true);
                last_call = Some(Instant::now() + LAST_CALL);
                progress.say("Stopping: whoever is inside may come out.");
            }
            now = ticks.tick() => {
                if last_call.is_some_and(|until| now > until) {
                    break;
                }
                progress.show(&tally.lock(), opening.elapsed());
            }
        }
    }
    let took = opening.elapsed();
    progress.show(&tally.lock(), took);
    progress.finish("Checking the books.");
    let mut counts = tally.lock().clone();
    let mut books = audit(&patient, &product, &mut counts).await;
    // Whoever did not come out in time was cut off in the middle of a call.
    books.unsettled += counts.people.inside();
    Ok(Report::new(plan, &product, took, stopped_early, counts, books))
}

fn client(plan: &Plan) -> flashdeal_client::Builder {
    let builder = Client::builder(&plan.base_url);
    match &plan.token {
        Some(token) => builder.bearer_token(token),
        None => builder,
    }
}

async fn put_up(plan: &Plan, client: &Client) -> Result<Product, CannotRun> {
    let bad = |error: flashdeal_domain::Invalid| CannotRun::Plan(error.to_string());
    let new = NewProduct {
        name: ProductName::parse(&format!("Rehearsal {}", plan.seed)).map_err(bad)?,
        description: Description::parse("Put up by flashdeal rehearse: not for sale.").map_err(bad)?,
        price: plan.price,
        total_stock: plan.stock,
        terms: Terms::NONE,
    };
    client.create_product(&new).await.map_err(|source| {
        let advice = match (&source, source.code()) {
            (_, Some(Code::RateLimited)) => RATE_LIMIT_ADVICE,
            (_, Some(Code::Unauthorized | Code::Forbidden)) => {
                "the server wants a token, and one token is one buyer: rehearse against an instance with --auth none"
            }
            (Error::Unreachable { .. }, _) => "is a server listening there?",
            _ => "is this the base URL of a flashdeal server?",
        };
        CannotRun::Deal { url: plan.base_url.clone(), advice: advice.to_owned(), source }
    })
}

/// What to do about 429.
pub(crate) const RATE_LIMIT_ADVICE: &str = "the rate limit is on and all buyers have the address of this machine: start the \
    server with FLASHDEAL_RATE_LIMIT=off (or a larger limit) for the rehearsal, or rehearse from a trusted address";

/// Lets the crowd in as it comes; ready when all are out again.
async fn open_doors(scene: Arc<Scene>, crowd: Vec<Buyer>) {
    let mut inside = JoinSet::new();
    for (number, buyer) in (1_u32..).zip(crowd) {
        let early = (scene.opening + buyer.at).saturating_duration_since(Instant::now());
        let goes_on = if early.is_zero() { !*scene.stopping.borrow() } else { scene.wait(early).await };
        if !goes_on {
            break;
        }
        {
            let mut counts = scene.tally.lock();
            counts.people.arrived += 1;
            counts.arrivals.push(scene.opening.elapsed());
        }
        let scene = Arc::clone(&scene);
        inside.spawn(async move { visit(&scene, number, &buyer).await });
        // Those who are out need not be remembered.
        while inside.try_join_next().is_some() {}
    }
    while inside.join_next().await.is_some() {}
}
