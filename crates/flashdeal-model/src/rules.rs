//! The rules that the promises stand on, as switches: the checker shows what each one is for by taking it away.

/// Which rules of the protocol are followed. All of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is one sentence of the protocol, taken away alone")]
pub struct Rules {
    /// "Bumping the epoch is the fence": the record refuses a commit whose epoch is not the row's.
    pub epoch_fence: bool,
    /// "put a random token in Redis": a gate is opened only by whoever asked for leave last.
    pub opening_token: bool,
    /// The token is good only in the run of the store that gave it, so a store that is rolled back to a moment before
    /// the token was used does not honour it again.
    pub token_of_this_run: bool,
    /// "`paying` never goes back to `held`".
    pub never_revert: bool,
    /// "Unsettled at its deadline + 5 s: `void_batch`. Before that it only ever moves towards sold."
    pub late_void: bool,
    /// "A lost connection is *unknown*: run the same call again."
    pub unknown_is_not_failed: bool,
    /// "A decrease first takes the units out of the gate, then out of the record."
    pub decrease_through_gate: bool,
    /// "`finish`: removes the holds; adopts `version, total` if newer. One call": else the units of a sold hold would
    /// be free before the total is lowered.
    pub finish_adopts: bool,
    /// "settle, every second": someone ends the checkouts that died half way.
    pub settle: bool,
}

impl Rules {
    /// The names of the rules, as [`Rules::without`] takes them.
    pub const NAMES: [&'static str; 9] = [
        "epoch_fence",
        "opening_token",
        "token_of_this_run",
        "never_revert",
        "late_void",
        "unknown_is_not_failed",
        "decrease_through_gate",
        "finish_adopts",
        "settle",
    ];

    /// Every rule but the one named; `None` if there is no such rule.
    #[must_use]
    pub fn without(name: &str) -> Option<Self> {
        let mut rules = Self::default();
        let rule = match name {
            "epoch_fence" => &mut rules.epoch_fence,
            "opening_token" => &mut rules.opening_token,
            "token_of_this_run" => &mut rules.token_of_this_run,
            "never_revert" => &mut rules.never_revert,
            "late_void" => &mut rules.late_void,
            "unknown_is_not_failed" => &mut rules.unknown_is_not_failed,
            "decrease_through_gate" => &mut rules.decrease_through_gate,
            "finish_adopts" => &mut rules.finish_adopts,
            "settle" => &mut rules.settle,
            _ => return None,
        };
        *rule = false;
        Some(rules)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            epoch_fence: true,
            opening_token: true,
            token_of_this_run: true,
            never_revert: true,
            late_void: true,
            unknown_is_not_failed: true,
            decrease_through_gate: true,
            finish_adopts: true,
            settle: true,
        }
    }
}
