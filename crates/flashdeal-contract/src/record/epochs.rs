//! The fence: epochs, and the sales they end.

use std::collections::BTreeSet;

use flashdeal_domain::ports::record::Commit;
use flashdeal_domain::{Epoch, RecordState, Version};

use crate::RecordFixture;
use crate::support::{at_once, create, create_with_state, ok, product_id, sale, some, state_of};

/// "Raises the epoch (and the version) by one and answers the new state".
pub async fn an_epoch_rises_by_one_with_the_version(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, mut state) = create_with_state(&record, 7).await;
    let (other, other_state) = create_with_state(&record, 7).await;
    for record in [fixture.record(), fixture.second_record()] {
        state = RecordState { epoch: Epoch(state.epoch.0 + 1), version: Version(state.version.0 + 1), ..state };
        assert_eq!(ok(record.open_epoch(product).await), Some(state));
        assert_eq!(state_of(&record, product).await, state);
    }
    assert_eq!(state_of(&record, other).await, other_state);
}

/// "`None` if no product has this id."
pub async fn an_epoch_of_an_unknown_product_is_none(fixture: &dyn RecordFixture) {
    assert_eq!(ok(fixture.record().open_epoch(product_id()).await), None);
}

/// Two who open at once never get the same epoch.
pub async fn openings_at_once_each_get_their_own_epoch(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let product = create(&record, 7).await;
    let states = at_once((0..24).map(|nth| {
        let record = if nth % 2 == 0 { fixture.record() } else { fixture.second_record() };
        async move { some(ok(record.open_epoch(product).await), "a new epoch") }
    }))
    .await;
    let epochs: BTreeSet<_> = states.iter().map(|state| state.epoch.0).collect();
    let versions: BTreeSet<_> = states.iter().map(|state| state.version.0).collect();
    assert_eq!(epochs, (1..=24).collect());
    assert_eq!(versions, (2..=25).collect());
}

/// "every commit under an older epoch is refused from now on", however the two race.
pub async fn no_sale_is_made_under_an_epoch_that_ended(fixture: &dyn RecordFixture) {
    let record = fixture.record();
    let (product, first) = create_with_state(&record, 1000).await;
    let opener = {
        let record = fixture.second_record();
        tokio::spawn(async move {
            for _ in 0..10 {
                ok(record.open_epoch(product).await);
                tokio::task::yield_now().await;
            }
        })
    };
    let answers = at_once((0..200).map(|nth| {
        let record = if nth % 2 == 0 { fixture.record() } else { fixture.second_record() };
        async move {
            let known = state_of(&record, product).await;
            let answer = ok(record.commit(sale(product, known.epoch, 1)).await);
            (known.epoch, answer)
        }
    }))
    .await;
    ok(opener.await);
    let mut sold = 0;
    for (epoch, answer) in answers {
        match answer {
            Commit::Sold { record, earlier: false, .. } => {
                assert_eq!(record.epoch, epoch, "sold under an epoch that had ended");
                sold += 1;
            }
            Commit::Fenced => {}
            other => panic!("expected a sale or the fence, got {other:?}"),
        }
    }
    let now = state_of(&record, product).await;
    assert_eq!(now.epoch, Epoch(first.epoch.0 + 10));
    assert_eq!(now.total.get(), 1000 - sold);
    for old in 0..now.epoch.0 {
        assert_eq!(ok(record.commit(sale(product, Epoch(old), 1)).await), Commit::Fenced);
    }
}
