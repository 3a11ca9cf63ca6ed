//! Who shares a call of the script.

use std::collections::HashSet;
use std::sync::Arc;

use flashdeal_batching::Run;
use flashdeal_domain::ProductId;
use flashdeal_domain::ports::LedgerError;

use super::decode::Garbled;
use super::{Gate, Op, Reply};

/// Callers of one lane share calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Everyone: one server has all products.
    Everyone,
    /// Those who call one product: in a cluster a script must not touch two slots.
    Product(ProductId),
}

type Answer = Result<Reply, LedgerError>;

/// Operations of buyers: any number on one product in one call.
pub(crate) struct Together(pub(crate) Arc<Gate>);

impl Run for Together {
    type Key = Lane;
    type Item = Op;
    type Answer = Answer;

    async fn run(&self, _lane: &Lane, items: Vec<Op>) -> Vec<Answer> {
        self.0.run_all(items).await
    }
}

/// Operations that need their product to themselves in a call, such as those of an opening: a sale of ten thousand products
/// begins with ten thousand of them.
pub(crate) struct Alone(pub(crate) Arc<Gate>);

impl Run for Alone {
    type Key = Lane;
    type Item = Op;
    type Answer = Answer;

    async fn run(&self, _lane: &Lane, items: Vec<Op>) -> Vec<Answer> {
        let mut answers: Vec<Option<Answer>> = Vec::new();
        answers.resize_with(items.len(), || None);
        let mut waiting: Vec<(usize, Op)> = items.into_iter().enumerate().collect();
        while !waiting.is_empty() {
            let mut called = HashSet::new();
            let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, op)| called.insert(op.product()));
            let (places, ops): (Vec<_>, Vec<_>) = now.into_iter().unzip();
            let answered = self.0.run_all(ops).await;
            let failed = answered.iter().find(|answer| matches!(answer, Err(LedgerError::Store(_)))).cloned();
            for (place, answer) in places.into_iter().zip(answered) {
                fill(&mut answers, place, answer);
            }
            waiting = later;
            if let Some(failed) = failed {
                // Those who stood behind would each wait for as long once more.
                for (place, _) in waiting.drain(..) {
                    fill(&mut answers, place, failed.clone());
                }
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(Garbled.into()))).collect()
    }
}

fn fill(answers: &mut [Option<Answer>], place: usize, answer: Answer) {
    if let Some(answered) = answers.get_mut(place) {
        *answered = Some(answer);
    }
}
