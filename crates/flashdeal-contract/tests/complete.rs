//! No case is forgotten: each one that is written is in the list that the macros run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use flashdeal_contract::{feed, ledger, record, restart, sale, waiting};

/// The names of the cases in the files of one suite, as `module::case`.
fn written(suite: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(suite);
    let mut names = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let module = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let cases = text.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        names.extend(cases.map(|case| format!("{module}::{}", case.split('(').next().unwrap())));
    }
    names
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names.map(str::to_owned).collect()
}

#[test]
fn every_case_is_listed() {
    assert_eq!(written("record"), listed(record::CASES.iter().map(|case| case.name)));
    assert_eq!(written("waiting"), listed(waiting::CASES.iter().map(|case| case.name)));
    assert_eq!(written("feed"), listed(feed::CASES.iter().map(|case| case.name)));
    assert_eq!(written("ledger"), listed(ledger::CASES.iter().map(|case| case.name)));
    assert_eq!(written("restart"), listed(restart::CASES.iter().map(|case| case.name)));
    assert_eq!(written("sale"), listed(sale::CASES.iter().map(|case| case.name)));
}
