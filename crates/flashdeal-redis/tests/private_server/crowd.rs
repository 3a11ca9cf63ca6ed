//! Those who want the same of one product and share a call are told to the script as a crowd, and answered as if each had come alone.

use std::time::Duration;

use flashdeal_domain::ports::{BeginOutcome, Finish, LedgerError, ReleaseOutcome, ReserveOutcome};
use flashdeal_domain::{ReservationLedger, StockLevel, Units, UserId};
use flashdeal_tests::redis::PrivateRedis;
use futures_util::future::join_all;

use crate::support::{Gate, start, user};

/// All at once: so many units each, under their names.
async fn ask(gate: &Gate, wishes: &[(&str, u32)]) -> Vec<ReserveOutcome> {
    // The first is on its way alone when the others are put together; nobody has a hold by this name.
    let nobody = user("nobody");
    let ahead = gate.ledger.release(gate.product, &nobody);
    let calls = join_all(wishes.iter().map(|(name, quantity)| gate.ledger.reserve(gate.call(name, *quantity))));
    let (ahead, answers) = tokio::join!(ahead, calls);
    ahead.unwrap();
    answers.into_iter().collect::<Result<_, LedgerError>>().unwrap()
}

fn made(answers: &[ReserveOutcome]) -> Vec<bool> {
    answers.iter().map(|answer| matches!(answer, ReserveOutcome::Held { created: true, .. })).collect()
}

fn short(total: u32, reserved: u32) -> ReserveOutcome {
    let [total, reserved] = [total, reserved].map(|units| Units::new(units).unwrap());
    ReserveOutcome::Insufficient(StockLevel::new(total, reserved))
}

/// What the server has written since it was saved last.
async fn writes(server: &PrivateRedis) -> String {
    let info = server.command(&["INFO", "persistence"]).await.unwrap();
    info.text().unwrap().lines().find(|line| line.starts_with("rdb_changes_since_last_save:")).unwrap().to_owned()
}

#[tokio::test]
async fn it_gets_what_there_is_and_not_one_unit_more() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    assert_eq!(made(&ask(&gate, &[("ada", 2), ("ben", 3), ("cleo", 1)]).await), [true; 3]);
    assert_eq!(gate.level().await, (10, 6));
    // Not all of these fit: each is asked in turn.
    let answers = ask(&gate, &[("dan", 5), ("eve", 2), ("fay", 1)]).await;
    assert_eq!(made(&answers), [false, true, true]);
    assert_eq!(answers[0], short(10, 6));
    // None of these fit.
    let answers = ask(&gate, &[("gus", 2), ("hal", 7), ("ivy", 2)]).await;
    assert_eq!(answers, [short(10, 9), short(10, 9), short(10, 9)]);
    assert_eq!(gate.level().await, (10, 9));
}

#[tokio::test]
async fn who_has_a_hold_or_pays_among_them_is_told_apart() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    let held = gate.reserve("ada", 2).await;
    gate.reserve("ben", 1).await;
    gate.begin("ben").await;
    let answers = ask(&gate, &[("ada", 4), ("ben", 1), ("cleo", 1)]).await;
    let [ReserveOutcome::Held { hold, created: false }, ReserveOutcome::CheckoutInProgress, _] = answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!((hold.reservation, hold.quantity.get(), hold.expires_at), (held.reservation, 4, held.expires_at));
    assert_eq!((made(&answers), gate.level().await), (vec![false, false, true], (10, 6)));
    // Sold out, and still theirs.
    assert_eq!(made(&ask(&gate, &[("dan", 4)]).await), [true]);
    let answers = ask(&gate, &[("eve", 1), ("ada", 4), ("fay", 1)]).await;
    assert!(matches!(answers[1], ReserveOutcome::Held { created: false, .. }), "{answers:?}");
    assert_eq!([answers[0], answers[2]], [short(10, 10), short(10, 10)]);
}

#[tokio::test]
async fn what_is_due_at_that_instant_is_theirs() {
    let server = start().await;
    let gate = Gate::open(&server, 3).await;
    gate.reserve("ada", 3).await;
    gate.clock.advance(599_999);
    assert_eq!(made(&ask(&gate, &[("ben", 1), ("cleo", 1), ("dan", 1)]).await), [false; 3]);
    gate.clock.advance(1);
    assert_eq!(made(&ask(&gate, &[("ben", 1), ("cleo", 1), ("dan", 1)]).await), [true; 3]);
    assert_eq!(gate.level().await, (3, 3));
}

/// Each crowd ends at its own deadline, whatever it found: no index, one that it comes to need, one with many pages.
#[tokio::test]
async fn the_units_of_a_crowd_come_back_at_its_deadline() {
    let server = start().await;
    let gate = Gate::open(&server, 5000).await;
    let crowds = [2_u32, 60, 130, 40, 65, 200, 2, 31];
    for (number, size) in crowds.into_iter().enumerate() {
        let names: Vec<String> = (0..size).map(|n| format!("buyer-{number}-{n}")).collect();
        let wishes: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        assert!(made(&ask(&gate, &wishes).await).into_iter().all(|made| made));
        gate.clock.advance(1000);
    }
    let mut left: u32 = crowds.iter().sum();
    gate.clock.advance(600_000 - 8000 - 1);
    for size in crowds {
        assert_eq!(gate.level().await, (5000, left));
        left -= size;
        gate.clock.advance(1);
        assert_eq!(gate.level().await, (5000, left));
        gate.clock.advance(999);
    }
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_reserve_that_changes_nothing_writes_nothing() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    let held = gate.reserve("ada", 2).await;
    let before = writes(&server).await;
    assert_eq!(gate.reserve("ada", 2).await, held);
    assert_eq!(made(&ask(&gate, &[("ben", 9), ("ada", 2)]).await), [false; 2]);
    assert_eq!(writes(&server).await, before);
    assert_eq!(gate.reserve("ada", 3).await.quantity.get(), 3);
    assert_ne!(writes(&server).await, before);
}

/// They pay, are through or give back in one call each, and every unit is where it belongs.
#[tokio::test]
async fn holders_that_come_as_a_crowd_are_each_served() {
    let server = start().await;
    let gate = Gate::open(&server, 100).await;
    let names: Vec<String> = (0..40).map(|n| format!("buyer-{n}")).collect();
    let wishes: Vec<_> = names.iter().map(|name| (name.as_str(), 2)).collect();
    ask(&gate, &wishes).await;
    let users: Vec<_> = names.iter().map(|name| user(name)).collect();

    // Twenty begin, and one who has no hold; the first of them twice.
    let nobody = user("nobody");
    let begin = |user| gate.ledger.begin(gate.product, user, None);
    let answers = join_all(users[..20].iter().chain([&nobody, &users[0]]).map(begin)).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers[0], answers[21]);
    assert_eq!(answers[20], BeginOutcome::NoHold);
    let reservations: Vec<_> = answers[..20]
        .iter()
        .map(|outcome| match outcome {
            BeginOutcome::Paying { hold, epoch } => (hold.reservation, hold.quantity.get(), epoch.0),
            BeginOutcome::NoHold => panic!("no hold"),
        })
        .collect();
    assert!(reservations.iter().all(|(_, quantity, epoch)| (*quantity, *epoch) == (2, 1)), "{reservations:?}");

    // Thirty give back: those who pay do not, the others do.
    let released = join_all(users[10..].iter().map(|user| gate.ledger.release(gate.product, user))).await;
    let released: Vec<_> = released.into_iter().map(Result::unwrap).collect();
    assert!(released[..10].iter().all(|outcome| matches!(outcome, ReleaseOutcome::Paying(_))), "{released:?}");
    assert!(released[10..].iter().all(|outcome| matches!(outcome, ReleaseOutcome::Released(_))), "{released:?}");
    assert_eq!(gate.level().await, (100, 40));
    assert_eq!(gate.ledger.books(gate.product, Duration::ZERO).await.unwrap().unindexed, 0);

    // The record sold what twenty paid for. One names another reservation: that hold stays.
    let finish = |(number, user): (usize, &UserId)| {
        let reservation = if number == 7 { reservations[8].0 } else { reservations[number].0 };
        let version = i64::try_from(number).unwrap() + 2;
        let total = 98 - 2 * u32::try_from(number).unwrap();
        let record = Some(Gate::record(1, version, total));
        gate.ledger.finish(Finish { product: gate.product, user: user.clone(), reservation, record })
    };
    join_all(users[..20].iter().enumerate().map(finish)).await.into_iter().for_each(Result::unwrap);
    assert_eq!(gate.level().await, (60, 2));
    let views = gate.ledger.view(&[gate.product], Duration::ZERO).await.unwrap();
    let paying: Vec<_> = views[0].paying.iter().map(|paying| paying.user.clone()).collect();
    assert_eq!(paying, [users[7].clone()]);
    assert_eq!(gate.ledger.books(gate.product, Duration::ZERO).await.unwrap().unindexed, 0);
}

/// So many ends leave more of the index stale than live: it is made anew, and those that are left end on time.
#[tokio::test]
async fn after_many_ends_the_index_is_made_anew() {
    for pay in [false, true] {
        let server = start().await;
        let gate = Gate::open(&server, 100_000).await;
        for crowd in 0..12 {
            gate.crowd(crowd * 400..(crowd + 1) * 400).await;
        }
        let first_index = async || server.command(&["EXISTS", &gate.key("due:0")]).await.unwrap().integer();
        let before = first_index().await;
        let users: Vec<_> = (0..4700).map(|n| user(&format!("buyer-{n}"))).collect();
        for users in users.chunks(400) {
            join_all(
                users.iter().map(async |user| if pay { sell(&gate, user).await } else { release(&gate, user).await }),
            )
            .await;
        }
        for _ in 0..20 {
            assert_eq!(gate.level().await, (100_000, 100));
        }
        assert_ne!(first_index().await, before, "the other one is in use now");
        gate.clock.advance(600_000);
        assert_eq!(gate.level().await, (100_000, 0));
    }
}

async fn release(gate: &Gate, user: &UserId) {
    let released = gate.ledger.release(gate.product, user).await;
    assert!(matches!(released, Ok(ReleaseOutcome::Released(_))), "{released:?}");
}

async fn sell(gate: &Gate, user: &UserId) {
    let begun = gate.ledger.begin(gate.product, user, None).await;
    let Ok(BeginOutcome::Paying { hold, .. }) = begun else {
        panic!("{begun:?}");
    };
    let reservation = hold.reservation;
    gate.ledger.finish(Finish { product: gate.product, user: user.clone(), reservation, record: None }).await.unwrap();
}

/// Nothing of a product outlives the day after its last call.
#[tokio::test]
async fn who_pays_leaves_redis_with_the_product() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.reserve("ada", 1).await;
    for round in 0..2 {
        gate.begin("ada").await;
        for key in [gate.name(), gate.key("paying")] {
            let left = server.command(&["PTTL", &key]).await.unwrap().integer();
            assert!(left > Some(0), "{key}: {left:?} in round {round}");
        }
        sell(&gate, &user("ada")).await;
        gate.reserve("ada", 1).await;
    }
}
