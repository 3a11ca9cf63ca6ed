//! Watchers of the live stock who never read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::processes::Processes;
use crate::shop::{Mode, reserve_path};

use super::{SETTINGS, all_gone, be_served, files, have_come, peak_memory};

const WATCHERS: usize = 40;
/// Each product's changes are events of their own to every watcher.
const PRODUCTS: usize = 20;

/// Asks for the events of these products and takes as little of them as TCP allows.
async fn watch_deaf(shop: &Processes, products: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1_024).unwrap();
    let mut stream = socket.connect(shop.next().addr()).await.unwrap();
    let request = format!("GET /api/events?products={products} HTTP/1.1\r\nhost: shop\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// A server that sends what nobody takes gives up after half a minute: that is why this takes as long.
pub(super) async fn watchers_who_never_read_are_given_up_and_cost_little(mode: Mode) {
    let shop = Processes::start(mode, &SETTINGS).await;
    let mut products = Vec::new();
    for _ in 0..PRODUCTS {
        products.push(shop.product(1_000_000).await);
    }
    let app = shop.next();
    let (before, memory) = (files(app), peak_memory(app));
    let watched = products.join(",");
    let over = Arc::new(AtomicBool::new(false));
    let attack = async {
        let deaf = join_all((0..WATCHERS).map(|_| watch_deaf(&shop, &watched))).await;
        have_come(app, before, WATCHERS).await;
        all_gone(app, before).await;
        over.store(true, Ordering::Relaxed);
        // Only now do they go.
        drop(deaf);
    };
    let change = async {
        let mut turn = 0;
        while !over.load(Ordering::Relaxed) {
            let product = &products[turn % PRODUCTS];
            let body = json!({ "userId": format!("buyer{turn}"), "quantity": 1 });
            shop.call("POST", &reserve_path(product)).json(&body).send().await.is(201);
            turn += 1;
        }
        turn
    };
    let ((), changes, _) = tokio::join!(attack, change, be_served(&shop, &products[0], Arc::clone(&over)));
    let grown = peak_memory(app) - memory;
    assert!(changes > PRODUCTS, "only {changes} changes");
    // Each has a buffer of 32 KiB and a place in each feed; the rest is for what the reserves took.
    assert!(grown < 32_000, "it took {grown} KiB more after {changes} changes");
}
