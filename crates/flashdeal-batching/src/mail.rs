//! Answers on their way to their callers.

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

/// Where one answer goes.
pub(crate) struct Sender<A> {
    /// The runtime of the caller.
    pub(crate) home: Id,
    pub(crate) answer: oneshot::Sender<A>,
}

/// Hands out the answers of a lane. To wake a task of another runtime is a system call, so those of one runtime go there together,
/// in a task of its own that wakes them on the spot.
pub(crate) struct Mail<A> {
    /// The runtime of the lane.
    here: Id,
    elsewhere: Vec<Round<A>>,
}

/// The answers for one runtime.
struct Round<A> {
    runtime: Handle,
    answers: Vec<(oneshot::Sender<A>, A)>,
}

impl<A: Send + 'static> Mail<A> {
    /// Of a lane that is drained on this runtime.
    pub(crate) fn from(here: Id) -> Self {
        Self { here, elsewhere: Vec::new() }
    }

    /// Learns of the runtimes that came to the lane since; `all` begins with that of the lane and only ever grows.
    pub(crate) fn know(&mut self, all: &[Handle]) {
        let new = all.iter().skip(1 + self.elsewhere.len());
        self.elsewhere.extend(new.map(|runtime| Round { runtime: runtime.clone(), answers: Vec::new() }));
    }

    pub(crate) fn deliver(&mut self, answers: impl Iterator<Item = (Sender<A>, A)>) {
        for (sender, answer) in answers {
            let Sender { home, answer: sender } = sender;
            let round = self.elsewhere.iter_mut().find(|round| home != self.here && round.runtime.id() == home);
            match round {
                Some(round) => round.answers.push((sender, answer)),
                None => hand_out(sender, answer),
            }
        }
        for round in self.elsewhere.iter_mut().filter(|round| !round.answers.is_empty()) {
            let answers = std::mem::take(&mut round.answers);
            // If that runtime has ended, so have they who waited there.
            round.runtime.spawn(async move {
                for (sender, answer) in answers {
                    hand_out(sender, answer);
                }
            });
        }
    }
}

fn hand_out<A>(sender: oneshot::Sender<A>, answer: A) {
    // A caller who hung up has dropped the receiver: nobody is left to tell.
    let _ = sender.send(answer);
}
