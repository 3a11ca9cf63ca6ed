//! Runs one case: on its own runtime, on a fresh fixture, bounded in time.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, Runtime};

/// The longest one case may take; a port call that hangs is a broken promise.
const CASE_LIMIT: Duration = Duration::from_secs(20);
/// The longest a fixture may take to come up: it may have to start servers.
const FIXTURE_LIMIT: Duration = Duration::from_mins(2);

/// A named case of a suite over fixtures of type `F` (`dyn RecordFixture` and so on).
pub struct Case<F: ?Sized> {
    /// Module and function, as in `products::created_once`.
    pub name: &'static str,
    /// The case.
    pub run: for<'a> fn(&'a F) -> BoxFuture<'a, ()>,
}

/// Runs one case to its end on a multi-threaded runtime of its own. The macros call this.
pub fn run<F>(fresh: impl AsyncFnOnce() -> F, case: impl AsyncFnOnce(&F)) {
    run_bounded(CASE_LIMIT, fresh, case);
}

/// As [`run`], with another limit for the case.
pub fn run_bounded<F>(limit: Duration, fresh: impl AsyncFnOnce() -> F, case: impl AsyncFnOnce(&F)) {
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => Bounded(Some(runtime)),
        Err(error) => panic!("no runtime: {error}"),
    };
    runtime.block_on(async {
        let Ok(fixture) = tokio::time::timeout(FIXTURE_LIMIT, fresh()).await else {
            panic!("the fixture did not come up within {FIXTURE_LIMIT:?}");
        };
        let done = tokio::time::timeout(limit, case(&fixture)).await;
        assert!(done.is_ok(), "the case did not end within {limit:?}");
    });
}

/// A runtime whose end is bounded too, however the case ended: a call that never yields must not hang the tests.
struct Bounded(Option<Runtime>);

impl Bounded {
    fn block_on(&self, case: impl Future<Output = ()>) {
        if let Some(runtime) = &self.0 {
            runtime.block_on(case);
        }
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}
