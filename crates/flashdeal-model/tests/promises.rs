//! With every rule of the protocol in force, no promise is broken anywhere in the small worlds; with any one rule taken
//! away, one is: the checker can fail.

#![expect(clippy::unwrap_used, reason = "a world or a rule that is missing fails the test")]

use std::num::NonZeroUsize;

use flashdeal_model::promises::{
    HOLD_FINDS_STOCK, LIVE_HOLD_IS_HONOURED, NO_IS_FINAL, NO_UNIT_LEAKS, RELEASED_IS_NOT_SOLD,
};
use flashdeal_model::report::{Search, print, search};
use flashdeal_model::{Config, Rules};

fn every_promise_is_kept(world: &str) {
    let config = Config::named(world, Rules::default()).unwrap();
    let report = search(config, &Search::default());
    assert!(report.complete, "{world}: {}", print(config, &report));
    assert!(report.states > 50_000, "{world} became too small to show anything: {} states", report.states);
}

#[test]
fn every_promise_is_kept_in_a_calm_sale() {
    every_promise_is_kept("calm");
}

#[test]
fn every_promise_is_kept_when_buyers_buy_again() {
    every_promise_is_kept("again");
}

#[test]
fn every_promise_is_kept_when_the_gate_is_flushed() {
    every_promise_is_kept("flushed");
}

#[test]
fn every_promise_is_kept_when_the_gate_is_rolled_back() {
    every_promise_is_kept("rolled_back");
}

#[test]
fn every_promise_is_kept_when_loaders_race() {
    every_promise_is_kept("raced");
}

#[test]
fn every_promise_is_kept_while_the_shop_changes_its_stock() {
    every_promise_is_kept("shopkeeping");
}

/// Takes `rule` away in `world`, and expects `promise` to be broken, in at most 20 steps.
fn is_needed(rule: &str, world: &str, promise: &'static str) {
    let config = Config::named(world, Rules::without(rule).unwrap()).unwrap();
    let report = search(config, &Search { until: Some(promise), ..Search::default() });
    let steps = report.trace(promise).unwrap_or_else(|| panic!("without {rule} nothing broke: {promise}"));
    assert!(steps.len() <= 20, "{}", print(config, &report));
}

#[test]
fn the_epoch_fence_is_needed() {
    is_needed("epoch_fence", "flushed", HOLD_FINDS_STOCK);
}

#[test]
fn the_opening_token_is_needed() {
    is_needed("opening_token", "raced", HOLD_FINDS_STOCK);
}

#[test]
fn the_opening_token_must_be_of_this_run() {
    is_needed("token_of_this_run", "raced", HOLD_FINDS_STOCK);
}

#[test]
fn never_reverting_is_needed() {
    is_needed("never_revert", "calm", RELEASED_IS_NOT_SOLD);
}

#[test]
fn voiding_late_is_needed() {
    is_needed("late_void", "calm", LIVE_HOLD_IS_HONOURED);
}

#[test]
fn unknown_must_not_count_as_failed() {
    is_needed("unknown_is_not_failed", "calm", NO_IS_FINAL);
}

#[test]
fn decreasing_through_the_gate_is_needed() {
    is_needed("decrease_through_gate", "shopkeeping", HOLD_FINDS_STOCK);
}

#[test]
fn a_finish_must_adopt_the_total() {
    is_needed("finish_adopts", "calm", HOLD_FINDS_STOCK);
}

#[test]
fn settling_is_needed() {
    is_needed("settle", "calm", NO_UNIT_LEAKS);
}

#[test]
fn a_search_that_reached_its_limit_is_not_complete() {
    let config = Config::named(Config::DEEPER, Rules::default()).unwrap();
    let report = search(config, &Search { limit: NonZeroUsize::new(10_000), ..Search::default() });
    assert!(!report.complete && report.broken.is_empty(), "{}", print(config, &report));
}

#[test]
fn every_world_has_its_name() {
    for name in Config::SMALL.iter().chain(&Config::LARGE).chain([&Config::DEEPER]) {
        assert!(Config::NAMES.contains(name) && Config::named(name, Rules::default()).is_some(), "{name}");
    }
    assert_eq!(Config::SMALL.len() + Config::LARGE.len() + 1, Config::NAMES.len());
}

#[test]
fn every_rule_has_its_test() {
    let this_file = include_str!("promises.rs");
    for rule in Rules::NAMES {
        assert!(this_file.contains(&format!("is_needed(\"{rule}\", ")), "no test takes {rule} away");
        assert_ne!(Rules::without(rule), Some(Rules::default()));
    }
    assert_eq!(Rules::without("gravity"), None);
}
