//! The arrows of the architecture, read from cargo itself: adapters and app point at the domain, never the other way, never at
//! each other; each store's driver and the web framework stay inside their own crates.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The domain's whole tree of dependencies has none of these.
const NO_IO: [&str; 12] = [
    "tokio",
    "actix-rt",
    "actix-web",
    "hyper",
    "reqwest",
    "diesel",
    "diesel-async",
    "redis",
    "deadpool",
    "mio",
    "libsqlite3-sys",
    "serde",
];

/// Who alone may name a package, among our libraries and the app.
const ROOMS: [(&str, &[&str]); 6] = [
    ("actix-web", &["flashdeal-app", "flashdeal-bench"]),
    ("deadpool-redis", &["flashdeal-redis", "flashdeal-bench"]),
    ("diesel", &["flashdeal-postgres", "flashdeal-embedded"]),
    ("diesel-async", &["flashdeal-postgres"]),
    ("libsqlite3-sys", &["flashdeal-embedded"]),
    ("governor", &["flashdeal-app"]),
];

const ADAPTERS: [&str; 3] = ["flashdeal-postgres", "flashdeal-redis", "flashdeal-embedded"];

#[test]
fn the_domain_knows_no_runtime_no_store_and_no_web() {
    let tree = Graph::read().everything_below("flashdeal-domain");
    for package in NO_IO {
        assert!(!tree.contains(package), "flashdeal-domain depends on {package}");
    }
    assert!(!tree.iter().any(|package| package.starts_with("flashdeal-")), "the domain points at {tree:?}");
}

#[test]
fn adapters_point_at_the_domain_and_never_at_each_other() {
    let graph = Graph::read();
    for adapter in ADAPTERS {
        let ours: BTreeSet<_> =
            graph.direct(adapter).into_iter().filter(|name| name.starts_with("flashdeal-")).collect();
        let allowed = BTreeSet::from(["flashdeal-batching".to_owned(), "flashdeal-domain".to_owned()]);
        assert_eq!(ours, allowed, "{adapter}");
    }
    assert!(graph.direct("flashdeal-batching").iter().all(|name| !name.starts_with("flashdeal-")));
}

#[test]
fn only_the_app_names_adapters() {
    let graph = Graph::read();
    for (package, _) in graph.direct.iter().filter(|(name, _)| *name != "flashdeal-app") {
        for adapter in ADAPTERS {
            assert!(!graph.direct(package).contains(adapter), "{package} names {adapter}");
        }
    }
}

#[test]
fn every_driver_stays_in_its_room() {
    let graph = Graph::read();
    for (package, rooms) in ROOMS {
        let users = graph.direct.iter().filter(|(_, depends)| depends.contains(package)).map(|(name, _)| name.as_str());
        for user in users {
            assert!(rooms.contains(&user), "{user} names {package}, which is for {rooms:?}");
        }
    }
}

/// What cargo knows: direct dependencies of our crates (tests' own left out), and the resolved tree.
struct Graph {
    direct: BTreeMap<String, BTreeSet<String>>,
    resolved: BTreeMap<String, Vec<String>>,
    names: BTreeMap<String, String>,
}

impl Graph {
    fn read() -> Self {
        let cargo = std::env::var("CARGO").unwrap();
        let output = Command::new(cargo)
            // This platform's packages are here, or this test had not been built; others' would have to be fetched.
            .args([
                "metadata",
                "--format-version",
                "1",
                "--locked",
                "--offline",
                "--filter-platform",
                &host(),
                "--manifest-path",
            ])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut graph = Self { direct: BTreeMap::new(), resolved: BTreeMap::new(), names: BTreeMap::new() };
        for package in list(&metadata["packages"]) {
            let name = text(&package["name"]);
            graph.names.insert(text(&package["id"]), name.clone());
            if package["source"].is_null() {
                let normal = list(&package["dependencies"]).filter(|dependency| dependency["kind"].is_null());
                graph.direct.insert(name, normal.map(|dependency| text(&dependency["name"])).collect());
            }
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            let normal = list(&node["deps"])
                .filter(|dependency| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()))
                .map(|dependency| text(&dependency["pkg"]));
            graph.resolved.insert(text(&node["id"]), normal.collect());
        }
        graph
    }

    fn direct(&self, package: &str) -> BTreeSet<String> {
        self.direct.get(package).unwrap_or_else(|| panic!("no crate is called {package}")).clone()
    }

    fn everything_below(&self, package: &str) -> BTreeSet<String> {
        let mut waiting: Vec<&String> =
            self.names.iter().filter(|(_, name)| *name == package).map(|(id, _)| id).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            for below in self.resolved.get(id).into_iter().flatten() {
                if seen.insert(self.names.get(below).unwrap().clone()) {
                    waiting.push(below);
                }
            }
        }
        seen
    }
}

fn host() -> String {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(rustc.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
