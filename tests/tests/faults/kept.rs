//! Histories that are kept in files: what is read is what was written, and it is judged as it was.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use flashdeal_tests::linear::model::Did;
use flashdeal_tests::linear::{Event, Verdict, check};
use flashdeal_tests::storm::history::{Asked, Fault, History, Sent, Told, Wish};

fn sent(from: i64, to: i64, ended: &str) -> Sent {
    Sent { from, to, instance: 1, ended: ended.to_owned() }
}

fn asked(user: usize, wish: Wish, told: Option<Told>, attempts: &[Sent]) -> Asked {
    Asked { user, wish, told, attempts: attempts.to_vec() }
}

fn hold(id: u16, quantity: i32, status: u16) -> Told {
    Told::Hold { id, quantity, deadline: 600_000_000, created: status == 201, replayed: false }
}

/// One call of each kind, and of each kind of answer.
fn history(seed: u64, calls: Vec<Asked>) -> History {
    let fault = |forgot, to| Fault { kind: "flush".to_owned(), instance: Some(0), forgot, from: -5, to };
    History {
        seed,
        product: "019ab\"\n".to_owned(),
        began: 1_795_359_776_331_486,
        stock: 9,
        hold_time: 600_000_000,
        faults: vec![fault(true, Some(7)), fault(false, None)],
        calls,
    }
}

fn of_every_kind() -> Vec<Asked> {
    let answered = |from: i64| [sent(from, from + 1000, "200")];
    vec![
        asked(
            0,
            Wish::Reserve { quantity: 2 },
            Some(hold(1, 2, 201)),
            &[sent(10_000, 11_000, "503"), sent(12_000, 13_000, "201")],
        ),
        asked(1, Wish::Reserve { quantity: 9 }, Some(Told::Insufficient), &answered(14_000)),
        asked(1, Wish::Reserve { quantity: 1 }, None, &[sent(16_000, 5_000_000, "silent")]),
        asked(0, Wish::Status, Some(Told::Counters { total: 9, reserved: 3 }), &answered(5_100_000)),
        asked(0, Wish::Hold, Some(hold(1, 2, 200)), &answered(5_200_000)),
        asked(0, Wish::Checkout { id: 1 }, Some(Told::Order { quantity: 2, created: true }), &answered(5_300_000)),
        asked(0, Wish::Checkout { id: 1 }, Some(Told::Order { quantity: 2, created: false }), &answered(5_400_000)),
        asked(2, Wish::Add { units: 4 }, Some(Told::Changed), &answered(5_500_000)),
        asked(1, Wish::Release, Some(hold(2, 1, 200)), &answered(5_600_000)),
        asked(1, Wish::Release, Some(Told::NoHold), &answered(5_700_000)),
        asked(0, Wish::Hold, Some(Told::NoHold), &answered(5_800_000)),
        asked(0, Wish::Status, Some(Told::Counters { total: 11, reserved: 0 }), &answered(5_900_000)),
        asked(3, Wish::Release, None, &[]),
    ]
}

fn keep(history: &History) -> PathBuf {
    history.keep(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("kept"), "a contradiction\nof two lines").unwrap()
}

#[test]
fn a_history_that_is_kept_is_read_as_it_was() {
    let history = history(1, of_every_kind());
    let file = keep(&history);
    assert_eq!(History::read(&file).unwrap(), history);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| line.contains("\"attempts\"")).count();
    assert_eq!(lines, history.calls.len(), "not a line for each call:\n{text}");
    assert!(text.contains("of two lines"), "{text}");
    std::fs::remove_file(&file).unwrap();
    assert!(History::read(&file).is_err());
}

#[test]
fn a_history_means_no_more_than_what_was_seen() {
    let history = history(2, of_every_kind());
    let events = history.events();
    assert_eq!(check(history.stock, &events), Verdict::Explained);
    let first: Vec<Event> = events.iter().filter(|event| event.user == 0).copied().take(2).collect();
    // The gate forgot before: an attempt that was lost can be nothing but the same hold.
    assert_eq!(first[0].did, Did::Held { id: 1, quantity: 2, deadline: 600_000_000, created: None });
    assert_eq!((first[0].from, first[0].to), (10_000, 13_000));
    let sold = |created, took, attempts: usize| {
        let order = Some(Told::Order { quantity: 2, created });
        let attempts = vec![sent(0, took, "201"); attempts];
        let asked = asked(0, Wish::Checkout { id: 1 }, order, &attempts);
        let history = History { faults: Vec::new(), calls: vec![asked], ..history.clone() };
        history.events()
    };
    let lingers = |events: Vec<Event>| match events[..] {
        [Event { did: Did::Sold { lingers, .. }, .. }] => lingers,
        _ => panic!("{events:?}"),
    };
    // Only an order that was made in that very call, and before the server would have given the gate up, is known to the gate.
    assert_eq!(lingers(sold(true, 99_999, 1)), 99_999);
    assert_eq!(lingers(sold(true, 100_000, 1)), i64::MAX);
    assert_eq!(lingers(sold(false, 5, 1)), i64::MAX);
    assert_eq!(lingers(sold(true, 5, 2)), i64::MAX);
}

#[test]
fn the_storm_judges_kept_histories() {
    let good = keep(&history(3, of_every_kind()));
    let mut calls = of_every_kind();
    calls.push(asked(
        4,
        Wish::Status,
        Some(Told::Counters { total: 12, reserved: 0 }),
        &[sent(6_000_000, 6_001_000, "200")],
    ));
    let bad = keep(&history(4, calls));
    let judge = |file: &Path| -> (ExitStatus, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_storm")).arg("--check").arg(file).output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (status, told) = judge(&good);
    assert!(status.success() && told.contains("Explained"), "{told}");
    let (status, told) = judge(&bad);
    assert!(!status.success() && told.contains("a contradiction after"), "{told}");
    assert!(told.contains("total: 12"), "{told}");
}
