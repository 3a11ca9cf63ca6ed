//! What holds of every parser at the edge, whatever bytes come: each property is a function of bytes that panics where it does
//! not hold. The fuzz targets of `tests/fuzz` call them with bytes made up to break them; a test calls them with what is kept of
//! those in `tests/fuzz/seeds`.

#![expect(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]

mod bodies;
mod durations;
mod headers;
mod ids;
mod instants;
mod money;
mod networks;
mod origins;
mod pages;
mod texts;
mod tokens;

use crate::error::{Code, Problem};

pub use bodies::{product_bodies, sale_bodies};
pub use money::money;
pub use tokens::tokens;

/// A property, by the name of its fuzz target.
pub type Property = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Property; 6] = [
    ("money", money),
    ("product_bodies", product_bodies),
    ("sale_bodies", sale_bodies),
    ("settings", settings),
    ("tokens", tokens),
    ("words", words),
];

/// What stands in a path, a query, a field or a header: ids, instants, cursors, users, names, descriptions, idempotency keys, request ids,
/// bearers.
pub fn words(data: &[u8]) {
    pages::pages(data);
    ids::ids(data);
    instants::instants(data);
    texts::texts(data);
    headers::headers(data);
}

/// Durations, budgets, networks and origins, and the addresses that proxies of such networks pass on.
pub fn settings(data: &[u8]) {
    durations::durations(data);
    networks::networks(data);
    origins::origins(data);
}

/// Text, as headers and settings have it: the bytes, if they are UTF-8.
fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or("")
}

/// The first `N` lines of the bytes, missing ones empty, and the rest.
fn lines<const N: usize>(mut data: &[u8]) -> ([&[u8]; N], &[u8]) {
    let lines = std::array::from_fn(|_| {
        let mut parts = data.splitn(2, |byte| *byte == b'\n');
        let line = parts.next().unwrap_or_default();
        data = parts.next().unwrap_or_default();
        line
    });
    (lines, data)
}

/// A refusal is the caller's fault, says why, and names no field twice.
fn is_refusal(problem: &Problem) {
    assert!(matches!(problem.code, Code::InvalidRequest), "{problem:?}");
    let body: serde_json::Value = serde_json::from_slice(&problem.body("id")).unwrap_or_default();
    assert_eq!(body.get("status"), Some(&400.into()), "{body}");
    assert!(body.get("detail").and_then(|detail| detail.as_str()).is_some_and(|detail| !detail.is_empty()), "{body}");
    let errors = body.get("errors").and_then(|errors| errors.as_array()).map(Vec::as_slice).unwrap_or_default();
    let mut fields: Vec<_> =
        errors.iter().filter_map(|error| error.get("field").and_then(|field| field.as_str())).collect();
    assert_eq!(fields.len(), errors.len(), "{body}");
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(fields.len(), errors.len(), "a field is told twice: {body}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::ALL;

    #[test]
    fn every_property_holds_for_what_is_kept_of_the_fuzzing() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds");
        for (name, property) in ALL {
            let folder = seeds.join(name);
            let mut kept = 0;
            for file in folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
                let path = file.unwrap().path();
                let data = std::fs::read(&path).unwrap();
                // Shown only if a property does not hold.
                println!("{}", path.display());
                property(&data);
                // Cut short and turned upside down, it is another input.
                for end in 0..data.len().min(200) {
                    property(data.get(..end).unwrap());
                }
                property(&data.iter().rev().copied().collect::<Vec<_>>());
                kept += 1;
            }
            assert!(kept >= 5, "{} has only {kept} files", folder.display());
        }
    }

    #[test]
    fn every_property_has_a_fuzz_target() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
        let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        for (name, _) in ALL {
            let target = std::fs::read_to_string(fuzz.join(format!("targets/{name}.rs"))).unwrap();
            assert!(target.contains(&format!("properties::{name}(data)")), "{target}");
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in {manifest}");
        }
    }
}
