//! Cases of a gate whose store restarts under it: its memory may be an older one, so it must be opened again.

pub mod restarts;

#[doc(hidden)]
#[macro_export]
macro_rules! __restart_cases {
    ($then:ident $($fresh:path)?) => {
        $crate::$then! { $($fresh)?; restart RestartFixture
            restarts {
                a_restarted_gate_is_closed_with_its_state
                a_restarted_gate_keeps_its_holds_when_reopened
                a_leave_from_before_a_restart_opens_nothing
                a_restarted_gate_can_be_forgotten
                a_restarted_gate_is_still_looked_after
                a_restarted_gate_is_reopened_with_its_terms
            }
        }
    };
}

crate::__restart_cases! { __table }
