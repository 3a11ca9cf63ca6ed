//! `flashdeal backup`, the real binary: a copy that a shop can start from.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use flashdeal_tests::folder::Folder;
use futures_util::future::{join, join_all};
use serde_json::json;

use crate::processes::Processes;
use crate::shop::{Mode, checkout_path, reserve_path, settled};

cases!(embedded only:
    a_copy_made_while_the_sale_goes_on_is_a_shop,
    a_copy_that_cannot_be_made_is_not_there,
    what_another_copy_left_is_not_touched
);

const STOCK: u64 = 100_000;

async fn buy(shop: &Processes, product: &str, user: &str) -> String {
    let (reserve, checkout) = (reserve_path(product), checkout_path(product));
    let body = json!({ "userId": user, "quantity": 1 });
    let held = settled(async || shop.call("POST", &reserve).json(&body).try_send().await).await;
    held.check(matches!(held.status(), 200 | 201), "it is held");
    let body = json!({ "userId": user, "reservationId": held.text("reservationId") });
    let sold = settled(async || shop.call("POST", &checkout).json(&body).try_send().await).await;
    sold.check(matches!(sold.status(), 200 | 201), "it is sold");
    sold.id("orderId")
}

async fn a_copy_made_while_the_sale_goes_on_is_a_shop(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    let (shop, folder) = (&shop, Folder::new("backup").unwrap());
    let product = &shop.product(STOCK).await;
    let holds = json!({ "userId": "holder", "quantity": 7 });
    settled(async || shop.call("POST", &reserve_path(product)).json(&holds).try_send().await).await.is(201);
    let (sold, closed) = (&Mutex::new(vec![buy(shop, product, "first").await]), &AtomicBool::new(false));
    let crowd = join_all((0..8).map(|buyer| async move {
        while !closed.load(Ordering::Relaxed) {
            let order = buy(shop, product, &format!("buyer-{buyer}")).await;
            sold.lock().unwrap().push(order);
        }
    }));
    let copies = async {
        let mut copies = Vec::new();
        for nth in 0..3 {
            let before = sold.lock().unwrap().clone();
            let data = folder.path().join(nth.to_string());
            fs::create_dir(&data).unwrap();
            let copy = data.join("flashdeal.db");
            let (status, said) = shop.command(&["backup", copy.to_str().unwrap()]).await;
            assert_eq!(status, Some(0), "{said}");
            let there: Vec<_> = fs::read_dir(&data).unwrap().map(|file| file.unwrap().file_name()).collect();
            assert_eq!(there, ["flashdeal.db"]);
            copies.push((data, before));
        }
        closed.store(true, Ordering::Relaxed);
        copies
    };
    let ((), copies) = join(async { drop(crowd.await) }, copies).await;
    for (data, before) in copies {
        let data = data.to_str().unwrap();
        let (status, said) = shop.command(&["verify", "--data-dir", data]).await;
        assert_eq!(status, Some(0), "{said}");
        let restored = Processes::start(mode, &[("FLASHDEAL_DATA_DIR", data)]).await;
        let get = async |path: &str| settled(async || restored.call("GET", path).try_send().await).await.is(200);
        for order in &before {
            get(&format!("/api/orders/{order}")).await;
        }
        assert_eq!(get(&format!("{}?userId=holder", reserve_path(product))).await.count("quantity"), 7);
        let left = get(&format!("/api/products/{product}/status")).await.count("totalStock");
        assert!(left <= STOCK - u64::try_from(before.len()).unwrap(), "{left} are left after {} orders", before.len());
        buy(&restored, product, "later").await;
    }
}

async fn a_copy_that_cannot_be_made_is_not_there(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    let folder = Folder::new("backup").unwrap();
    let taken = folder.path().join("taken.db");
    fs::write(&taken, "somebody's").unwrap();
    let (status, said) = shop.command(&["backup", taken.to_str().unwrap()]).await;
    assert!(status == Some(1) && said.contains("is there already"), "{status:?} {said}");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "somebody's");
    let nowhere = folder.path().join("nowhere/copy.db");
    let (status, said) = shop.command(&["backup", nowhere.to_str().unwrap()]).await;
    assert!(status == Some(1) && said.contains("cannot be written"), "{status:?} {said}");
    let copy = folder.path().join("copy.db");
    let (status, said) = shop.command(&["backup", "--data-dir", "/nowhere", copy.to_str().unwrap()]).await;
    assert!(status == Some(1) && said.contains("there is no embedded store in /nowhere"), "{status:?} {said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Another run may be at it; or somebody who may write in that folder wants to have what a backup writes elsewhere.
async fn what_another_copy_left_is_not_touched(mode: Mode) {
    let shop = Processes::start(mode, &[]).await;
    let folder = Folder::new("backup").unwrap();
    let (copy, partial, elsewhere) =
        (folder.path().join("copy.db"), folder.path().join("copy.db.partial"), folder.path().join("elsewhere"));
    fs::write(&partial, "half a copy").unwrap();
    fs::write(&elsewhere, "").unwrap();
    let refused = async || {
        let (status, said) = shop.command(&["backup", copy.to_str().unwrap()]).await;
        assert!(status == Some(1) && said.contains("copy.db.partial is there already"), "{status:?} {said}");
        assert!(!copy.exists());
    };
    refused().await;
    assert_eq!(fs::read_to_string(&partial).unwrap(), "half a copy");
    fs::remove_file(&partial).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &partial).unwrap();
    refused().await;
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "");
    fs::remove_file(&partial).unwrap();
    let (status, said) = shop.command(&["backup", copy.to_str().unwrap()]).await;
    assert!(status == Some(0) && copy.exists() && !partial.exists(), "{said}");
}
