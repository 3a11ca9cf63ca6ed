use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread::ThreadId;
use std::time::Duration;

use futures_util::poll;

use super::*;

/// Doubles numbers; remembers the sizes of its batches; panics on a batch with a 13 in it.
struct Doubler {
    sizes: Mutex<Vec<usize>>,
    takes: Duration,
}

impl Run for Doubler {
    type Key = u8;
    type Item = u64;
    type Answer = u64;

    async fn run(&self, _key: &u8, items: Vec<u64>) -> Vec<u64> {
        self.sizes.lock().unwrap().push(items.len());
        tokio::time::sleep(self.takes).await;
        assert!(!items.contains(&13), "thirteen");
        items.into_iter().map(|item| item * 2).collect()
    }
}

fn doubler(takes: Duration, limits: Limits) -> Batcher<Doubler> {
    Batcher::new(Doubler { sizes: Mutex::new(Vec::new()), takes }, limits)
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_turn_share_and_batches_are_bounded() {
    let batcher = doubler(Duration::from_millis(10), Limits { batch: 8, queue: 100 });
    let calls: Vec<_> = (100..120)
        .map(|n| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.submit(0, n).await })
        })
        .collect();
    for (n, call) in (100..120).zip(calls) {
        assert_eq!(call.await.unwrap(), Ok(n * 2));
    }
    assert_eq!(*batcher.runner().sizes.lock().unwrap(), [8, 8, 4]);
}

#[tokio::test(start_paused = true)]
async fn keys_do_not_wait_for_each_other() {
    let batcher = doubler(Duration::from_millis(10), Limits::default());
    let begun = tokio::time::Instant::now();
    let (a, b) = tokio::join!(batcher.submit(1, 1), batcher.submit(2, 2));
    assert_eq!((a, b), (Ok(2), Ok(4)));
    assert!(begun.elapsed() < Duration::from_millis(15));
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_refuses_and_the_rest_are_answered() {
    let batcher = doubler(Duration::from_millis(10), Limits { batch: 2, queue: 3 });
    let calls: Vec<_> = (0..5)
        .map(|n| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.submit(0, n).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert_eq!(answers, [Ok(0), Ok(2), Ok(4), Err(Rejected::Full), Err(Rejected::Full)]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_takes_nobodys_answer() {
    let batcher = doubler(Duration::from_millis(10), Limits::default());
    let gone = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.submit(0, 1).await }
    });
    tokio::task::yield_now().await;
    let stays = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.submit(0, 2).await }
    });
    tokio::task::yield_now().await;
    gone.abort();
    assert_eq!(stays.await.unwrap(), Ok(4));
}

#[tokio::test(start_paused = true)]
async fn a_panic_loses_its_batch_and_its_waiters_but_not_the_lane() {
    let batcher = doubler(Duration::from_millis(10), Limits::default());
    let (unlucky, waiter) = tokio::join!(batcher.submit(0, 13), async {
        tokio::task::yield_now().await;
        batcher.submit(0, 1).await
    });
    assert_eq!((unlucky, waiter), (Err(Rejected::Lost), Err(Rejected::Lost)));
    assert_eq!(batcher.submit(0, 21).await, Ok(42));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_all_threads_share_a_lane_that_is_shared() {
    let takes = Duration::from_millis(200);
    let runner = Doubler { sizes: Mutex::new(Vec::new()), takes };
    let batcher = Batcher::across_threads(runner, Limits::default());
    let calls: Vec<_> = (100..300)
        .map(|n| {
            let batcher = batcher.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                // The lane's task may live on any of these runtimes, so each stays until all are answered.
                let answer = runtime.block_on(batcher.submit(0, n));
                runtime.block_on(async { tokio::time::sleep(takes * 3).await });
                (n, answer)
            })
        })
        .collect();
    for call in calls {
        let (n, answer) = call.join().unwrap();
        assert_eq!(answer, Ok(n * 2));
    }
    let sizes = batcher.runner().sizes.lock().unwrap().clone();
    assert!(sizes.len() <= 4, "200 callers on 200 threads made batches of {sizes:?}");
}

/// Remembers on which threads it was woken.
#[derive(Default)]
struct Woken(Mutex<Vec<ThreadId>>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().push(std::thread::current().id());
    }
}

#[test]
fn callers_are_woken_by_a_thread_of_their_own_runtime() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (takes, enough) = (Duration::from_millis(100), Duration::from_secs(10));
    let batcher = Batcher::across_threads(Doubler { sizes: Mutex::default(), takes }, Limits::default());
    let (tell, is_open) = std::sync::mpsc::channel();
    let (done, is_done) = tokio::sync::oneshot::channel::<()>();
    let opener = std::thread::spawn({
        let batcher = batcher.clone();
        move || {
            runtime().block_on(async {
                let mut call = pin!(batcher.submit(0, 100));
                assert!(poll!(&mut call).is_pending());
                tell.send(()).unwrap();
                assert_eq!(call.await, Ok(200));
                // The lane lives here.
                drop(tokio::time::timeout(enough, is_done).await);
            });
        }
    });
    is_open.recv_timeout(enough).unwrap();
    let woken = Arc::new(Woken::default());
    runtime().block_on(async {
        let mut calls: Vec<_> = (0..5).map(|n| Box::pin(batcher.submit(0, n))).collect();
        let waker = Waker::from(Arc::clone(&woken));
        for call in &mut calls {
            assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        let all = async {
            while woken.0.lock().unwrap().len() < calls.len() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(enough, all).await.unwrap();
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.await, Ok(n * 2));
        }
    });
    assert_eq!(*woken.0.lock().unwrap(), [std::thread::current().id(); 5]);
    done.send(()).unwrap();
    opener.join().unwrap();
}

/// Tells where it runs.
struct Whereabouts;

impl Run for Whereabouts {
    type Key = u8;
    type Item = ();
    type Answer = ThreadId;

    async fn run(&self, _key: &u8, items: Vec<()>) -> Vec<ThreadId> {
        items.iter().map(|()| std::thread::current().id()).collect()
    }
}

#[tokio::test]
async fn batches_run_on_the_runtime_that_is_named_for_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batcher = Batcher::on(runtime.handle().clone(), Whereabouts, Limits::default());
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || runtime.block_on(ended));
    let elsewhere = thread.thread().id();
    let calls = futures_util::future::join_all((0..20).map(|key| batcher.submit(key % 2, ())));
    assert_eq!(calls.await, [Ok(elsewhere); 20]);
    drop(end);
    assert!(thread.join().unwrap().is_err());
    assert_eq!(batcher.submit(0, ()).await, Err(Rejected::Lost));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_all_get_their_own_answers() {
    let batcher = doubler(Duration::ZERO, Limits::default());
    let answered = Arc::new(AtomicUsize::new(0));
    let calls: Vec<_> = (100_u64..4100)
        .zip([0, 1, 2].into_iter().cycle())
        .map(|(n, key)| {
            let (batcher, answered) = (batcher.clone(), Arc::clone(&answered));
            tokio::spawn(async move {
                assert_eq!(batcher.submit(key, n).await, Ok(n * 2));
                answered.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(answered.load(Ordering::Relaxed), 4000);
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_idle_until_somebody_calls_and_after_the_last_answer() {
    let batcher = doubler(Duration::from_millis(10), Limits::default());
    assert!(batcher.is_idle(&0));
    let call = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.submit(0, 1).await }
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(!batcher.is_idle(&0), "a batch is under way");
    assert!(batcher.is_idle(&1), "nobody called this one");
    assert_eq!(call.await.unwrap(), Ok(2));
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(batcher.is_idle(&0));
}
