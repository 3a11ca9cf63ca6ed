//! The plan of a storm.

use flashdeal_tests::storm::dice::Dice;
use flashdeal_tests::storm::options::{FaultKind, Options};
use flashdeal_tests::storm::plan::{Planned, lanes};

const KINDS: [FaultKind; 5] =
    [FaultKind::AppKill, FaultKind::Flush, FaultKind::Promote, FaultKind::Slow, FaultKind::HangUps];

fn plan(seed: u64) -> Vec<Vec<Planned>> {
    let mut lanes = lanes(&Options::short("flashdeal".into(), seed, &KINDS));
    lanes.iter_mut().map(|lane| lane.take(10).collect()).collect()
}

#[test]
fn a_seed_brings_the_same_storm_again() {
    assert_eq!(plan(7), plan(7));
    assert_ne!(plan(7), plan(8));
    let mut dice = (Dice::new(7, "one"), Dice::new(7, "one"), Dice::new(7, "other"));
    assert_eq!(dice.0.roll(), dice.1.roll());
    assert_ne!(dice.0.roll(), dice.2.roll());
}

#[test]
fn the_first_faults_of_a_storm_are_of_every_kind() {
    let plan = plan(7);
    assert_eq!(plan.len(), 2);
    let begun: Vec<FaultKind> = plan.iter().flat_map(|lane| lane.iter().take(2)).map(|fault| fault.kind).collect();
    for kind in KINDS {
        assert_eq!(begun.contains(&kind), !kind.is_of_buyers(), "{begun:?}");
    }
}
