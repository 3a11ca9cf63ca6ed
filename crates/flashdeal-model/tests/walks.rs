//! The walks that are replayed against the real stores: the same for the same seed, through every step, and with every
//! promise kept, also in worlds too large to search whole.

use std::collections::BTreeSet;

use flashdeal_model::walk::walks_in;
use flashdeal_model::{Answer, Budget, Config, Protocol, Rules, State, Step, promises, walks};

fn kind(debug: impl std::fmt::Debug) -> String {
    format!("{debug:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}

#[test]
fn the_same_seed_walks_the_same_way() {
    assert_eq!(walks(7, 20, 50), walks(7, 20, 50));
    assert_ne!(walks(7, 20, 50), walks(8, 20, 50));
}

#[test]
fn the_walks_take_every_step_and_meet_every_answer() {
    let mut steps = BTreeSet::new();
    let mut answers = BTreeSet::new();
    for (step, expected) in walks(1, 200, 60).into_iter().flatten() {
        steps.insert(kind(step));
        answers.insert(match expected.answer {
            Answer::Commit(outcome, _) => kind(outcome),
            Answer::Reserve(outcome) => kind(outcome),
            Answer::Begin(outcome) => kind(outcome),
            Answer::Release(outcome) => kind(outcome),
            Answer::Closed(why) => kind(why),
            other => kind(other),
        });
    }
    let expected_steps = [
        "Adopt",
        "AnswerAnyway",
        "Begin",
        "ClaimOpening",
        "Commit",
        "Finish",
        "Flush",
        "Land",
        "LookUp",
        "LoseConnection",
        "Open",
        "OpenEpoch",
        "Release",
        "Reserve",
        "Restock",
        "SettleAsk",
        "SettleFinish",
        "SettleLook",
        "SettleStops",
        "Void",
    ];
    assert_eq!(steps.iter().map(String::as_str).collect::<Vec<_>>(), expected_steps);
    for answer in [
        "CheckoutInProgress",
        "Created",
        "Fenced",
        "Insufficient",
        "Load",
        "NoHold",
        "Opened",
        "Paying",
        "Released",
        "Set",
        "Sold",
        "Void",
    ] {
        assert!(answers.contains(answer), "no walk was answered {answer}: {answers:?}");
    }
}

#[test]
fn every_promise_is_kept_on_walks_through_a_world_too_large_to_search() {
    let config = Config {
        allotted: 4,
        buyers: 3,
        reservations_each: 2,
        loaders: 2,
        budget: Budget { openings: 8, flushes: 2, persists: 3, restarts: 3, restocks: 2, decreases: 2 },
        ..Config::calm(Rules::default())
    };
    let model = Protocol(config);
    let properties = promises::properties();
    for walk in walks_in(config, 3, 2_000, 150) {
        let mut state = State::new(&config);
        let mut taken: Vec<Step> = Vec::new();
        for (step, expected) in walk {
            assert_eq!(model.take(&mut state, step), expected.answer);
            taken.push(step);
            for property in &properties {
                assert!((property.condition)(&model, &state), "{}: {taken:#?}", property.name);
            }
        }
    }
}
