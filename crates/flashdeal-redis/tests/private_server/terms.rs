//! The terms of a sale in the gate's state, which instances from before there were any read and write as well.

use std::time::Duration;

use flashdeal_domain::ports::{ReserveCall, ReserveOutcome};
use flashdeal_domain::{
    IdempotencyKey, Quantity, RecordState, ReservationLedger, Terms, TermsRefusal, Timestamp, Version,
};
use flashdeal_tests::redis::PrivateRedis;
use tokio::join;

use crate::support::{Gate, start};

/// The state as such an instance takes it apart.
const READ_BEFORE: &str = "local meta = redis.call('HGET', KEYS[1], '\\0')
    local state = { struct.unpack('>c8c8c8I4I6I6I6I6I4I4I4I4BBc40Bc0', meta) }
    return state[4] * 1000000 + state[5]";
/// What it leaves of the state when it writes it.
const WRITTEN_BEFORE: &str = "local meta = redis.call('HGET', KEYS[1], '\\0')
    local state = { struct.unpack('>c8c8c8I4I6I6I6I6I4I4I4I4BBc40Bc0', meta) }
    return redis.call('HSET', KEYS[1], '\\0', string.sub(meta, 1, state[#state] - 1))";

async fn eval(server: &PrivateRedis, script: &str, gate: &Gate) -> i64 {
    server.command(&["EVAL", script, "1", &gate.name()]).await.unwrap().integer().unwrap()
}

async fn size(server: &PrivateRedis, gate: &Gate) -> i64 {
    server.command(&["HSTRLEN", &gate.name(), "\0"]).await.unwrap().integer().unwrap()
}

fn limited(version: i64, to: u32) -> RecordState {
    let terms = Terms::new(None, None, Some(Quantity::new(to).unwrap())).unwrap();
    RecordState { terms, ..Gate::record(1, version, 10) }
}

async fn version(gate: &Gate) -> Version {
    let views = gate.ledger.view(&[gate.product], Duration::ZERO).await.unwrap();
    views.first().unwrap().open.unwrap().1
}

async fn is_refused(gate: &Gate, name: &str, quantity: u32) -> bool {
    matches!(gate.ledger.reserve(gate.call(name, quantity)).await.unwrap(), ReserveOutcome::Refused(_))
}

/// In a rolling upgrade both are at work on one gate.
#[tokio::test]
async fn an_instance_from_before_reads_the_state_and_what_it_drops_is_adopted_again() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    let without = size(&server, &gate).await;
    gate.ledger.adopt(gate.product, limited(7, 2)).await.unwrap();
    gate.reserve("ada", 2).await;
    assert!(is_refused(&gate, "bob", 3).await);
    assert_eq!(eval(&server, READ_BEFORE, &gate).await, 10_000_002, "ten units, two of them held");
    assert_eq!(size(&server, &gate).await, without + 16, "terms cost sixteen bytes, none of them one");

    eval(&server, WRITTEN_BEFORE, &gate).await;
    assert_eq!(size(&server, &gate).await, without - 1);
    // Nothing else is lost, and the background is told that there is something to adopt.
    assert_eq!(gate.level().await, (10, 2));
    assert!(version(&gate).await < Version(1));
    assert!(!is_refused(&gate, "bob", 3).await, "it cannot know better");
    assert!(version(&gate).await < Version(1), "it does not forget that it does not know");
    // What the record said before is not adopted; the version that the gate has is.
    gate.ledger.adopt(gate.product, Gate::record(1, 6, 99)).await.unwrap();
    assert_eq!(gate.level().await, (10, 5));
    assert!(version(&gate).await < Version(1));
    gate.ledger.adopt(gate.product, limited(7, 2)).await.unwrap();
    assert_eq!(version(&gate).await, Version(7));
    assert!(is_refused(&gate, "carl", 3).await);
    gate.reserve("carl", 2).await;
    assert_eq!(gate.level().await, (10, 7));
    // From then on the same version says nothing new.
    gate.ledger.adopt(gate.product, limited(7, 9)).await.unwrap();
    assert!(is_refused(&gate, "dora", 3).await);
}

/// Without any terms it is the same: a gate that does not know that there are none asks once.
#[tokio::test]
async fn a_state_from_before_the_upgrade_is_read() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.reserve("ada", 2).await;
    eval(&server, WRITTEN_BEFORE, &gate).await;
    gate.reserve("bob", 3).await;
    gate.begin("ada").await;
    assert_eq!(gate.level().await, (10, 5));
    gate.ledger.adopt(gate.product, Gate::record(1, 1, 10)).await.unwrap();
    assert_eq!(version(&gate).await, Version(1));
    gate.reopen().await;
    assert_eq!((gate.level().await, version(&gate).await), ((10, 5), Version(2)));
}

/// What a call read of the terms is not what they are after an adoption in the same call.
#[tokio::test]
async fn terms_adopted_in_the_midst_of_a_call_bind_the_rest_of_it() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.ledger.adopt(gate.product, limited(2, 1)).await.unwrap();
    for round in 0_i64..20 {
        let names = ["ada", "bob"].map(|name| format!("{name}-{round}"));
        // With an idempotency key each, they run in the order in which they came.
        let call = |name: &String, quantity, key: &str| {
            let key = Some(IdempotencyKey::parse(&format!("{key}-{round}")).unwrap());
            gate.ledger.reserve(ReserveCall { key, ..gate.call(name, quantity) })
        };
        let version = 3 + 2 * round;
        // After one that was refused, reserves would go another way than those that surely write.
        gate.reserve(&names[1], 1).await;
        gate.ledger.release(gate.product, &crate::support::user(&names[1])).await.unwrap();
        // The first is on its way when the others are put together.
        let (_, before, adopted, after, less) = join!(
            call(&names[0], 9, "first"),
            call(&names[1], 2, "before"),
            gate.ledger.adopt(gate.product, limited(version, 3)),
            call(&names[1], 2, "after"),
            gate.ledger.adopt(gate.product, limited(version + 1, 1)),
        );
        let over = |limit| {
            let max_per_reservation = Quantity::new(limit).unwrap();
            ReserveOutcome::Refused(TermsRefusal::OverLimit { max_per_reservation })
        };
        assert_eq!(before.unwrap(), over(1), "in round {round}");
        assert!(matches!(after.unwrap(), ReserveOutcome::Held { .. }), "in round {round}");
        adopted.and(less).unwrap();
        gate.ledger.release(gate.product, &crate::support::user(&names[1])).await.unwrap();
    }
}

/// A reserve that comes alone takes a shorter way than one that shares its call, and finds the same terms.
#[tokio::test]
async fn alone_or_together_a_reserve_is_bound_alike() {
    let server = start().await;
    let gate = Gate::open(&server, 100).await;
    let [start, end] = [10, 20].map(|after| Some(Timestamp::from_millis(1_795_348_800_000 + after)));
    let terms = Terms::new(start, end, Some(Quantity::new(2).unwrap())).unwrap();
    gate.ledger.adopt(gate.product, RecordState { terms, ..Gate::record(1, 2, 100) }).await.unwrap();
    for after in 0..25 {
        for quantity in 1..4 {
            let call = |name: &str| gate.ledger.reserve(gate.call(&format!("{name}-{after}-{quantity}"), quantity));
            let alone = call("ada").await.unwrap();
            let (first, together) = join!(call("bob"), call("carl"));
            for answer in [alone, first.unwrap(), together.unwrap()] {
                let held = matches!(answer, ReserveOutcome::Held { created: true, .. });
                assert_eq!(held, (10..20).contains(&after) && quantity <= 2, "{quantity} after {after} ms: {answer:?}");
            }
        }
        gate.clock.advance(1);
    }
}

/// The last instants that fit, so that nothing is cut off on the way into the state and out of it.
#[tokio::test]
async fn far_instants_are_kept_exactly() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    let start = Timestamp::from_millis(Terms::LATEST.as_millis() - 1);
    let terms = Terms::new(Some(start), Some(Terms::LATEST), None).unwrap();
    gate.ledger.adopt(gate.product, RecordState { terms, ..Gate::record(1, 2, 10) }).await.unwrap();
    let told = gate.ledger.reserve(gate.call("ada", 1)).await.unwrap();
    let expected = TermsRefusal::not_started(start, Timestamp::from_millis(1_795_348_800_000));
    assert_eq!(told, ReserveOutcome::Refused(expected));
}
