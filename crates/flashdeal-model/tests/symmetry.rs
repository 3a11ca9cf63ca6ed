//! A search that takes alike states for one sees all the same: which buyer is which changes nothing that can happen.

use std::collections::HashSet;

use flashdeal_model::ids::{PerUser, User};
use flashdeal_model::promises::{self, HOLD_FINDS_STOCK, NO_IS_FINAL};
use flashdeal_model::report::{Search, print, search};
use flashdeal_model::walk::walks_in;
use flashdeal_model::{Budget, Config, Protocol, Rules, State};
use stateright::{Model as _, Representative as _};

/// Three buyers, and everything that can happen.
fn world() -> Config {
    Config {
        allotted: 3,
        buyers: 3,
        reservations_each: 2,
        loaders: 2,
        budget: Budget { openings: 4, flushes: 1, persists: 2, restarts: 2, restocks: 1, decreases: 1 },
        ..Config::calm(Rules::default())
    }
}

/// What can come next, of alike states one.
fn next(model: Protocol, state: &State) -> HashSet<State> {
    let steps = model.offers(state).into_iter();
    steps.filter_map(|step| model.next_state(state, step)).map(|next| next.representative()).collect()
}

#[test]
fn alike_states_have_one_representative_which_goes_the_same_ways() {
    let model = Protocol(world());
    let properties = promises::properties();
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let mut renamed_states = 0;
    for walk in walks_in(world(), 11, 150, 60) {
        let mut state = State::new(&model.0);
        for (step, _) in walk {
            model.take(&mut state, step);
            let one = state.representative();
            assert_eq!(one.representative(), one, "of {state:?}");
            for [a, b, c] in orders {
                let other = state.renamed(PerUser([User(a), User(b), User(c), User::SHOP]));
                assert_eq!(other.representative(), one, "{other:?} is {state:?}");
            }
            assert_eq!(next(model, &state), next(model, &one), "after {state:?} and {one:?}");
            for promise in &properties {
                let kept = |state| (promise.condition)(&model, state);
                assert_eq!(kept(&state), kept(&one), "{}: {state:?} and {one:?}", promise.name);
            }
            renamed_states += usize::from(one != state);
        }
    }
    assert!(renamed_states > 1_000, "only {renamed_states} states had another representative than themselves");
}

#[test]
fn it_sees_the_same_with_fewer_states() {
    let config = Config::named("raced", Rules::default()).unwrap();
    let all = search(config, &Search::default());
    let report = search(config, &Search { depth_first: true, ..Search::default() });
    assert!(report.complete, "{}", print(config, &report));
    // Two buyers and two loaders: at most four states are one, and most of them are at least two.
    assert!(report.states < all.states / 2, "{} of {} states", report.states, all.states);
    assert!(report.states >= all.states / 4, "{} of {} states", report.states, all.states);
}

#[test]
fn it_finds_what_is_broken() {
    for (rule, world, promise) in [
        ("epoch_fence", "flushed", HOLD_FINDS_STOCK),
        ("opening_token", "raced", HOLD_FINDS_STOCK),
        ("unknown_is_not_failed", "calm", NO_IS_FINAL),
    ] {
        let config = Config::named(world, Rules::without(rule).unwrap()).unwrap();
        let how = Search { depth_first: true, until: Some(promise), ..Search::default() };
        let report = search(config, &how);
        assert!(report.trace(promise).is_some(), "without {rule}: {}", print(config, &report));
    }
}
