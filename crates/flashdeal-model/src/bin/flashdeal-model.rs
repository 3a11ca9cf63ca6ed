//! temp
use flashdeal_model::{Config, Protocol, Rules};
use stateright::{Checker, HasDiscoveries, Model};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let rules = a.get(2).map_or(Rules::default(), |n| Rules::without(n).unwrap());
    let c = match a[1].as_str() {
        "calm" => Config::calm(rules),
        "flushed" => Config::flushed(rules),
        "rolled_back" => Config::rolled_back(rules),
        "raced" => Config::raced(rules),
        "shopkeeping" => Config::shopkeeping(rules),
        _ => Config::large(rules),
    };
    let ch = Protocol(c).checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
    let ch = ch.join();
    println!("states {} unique {} depth {}", ch.state_count(), ch.unique_state_count(), ch.max_depth());
    for (name, path) in ch.discoveries() {
        println!("{name}: {}", ch.discovery_classification(name));
        for s in path.into_actions() {
            println!("   {s:?}");
        }
    }
}
