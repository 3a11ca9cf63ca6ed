//! Cases of the gate: each promise of [`ReservationLedger`](flashdeal_domain::ReservationLedger), by name.

pub mod deadlines;
pub mod holds;
pub mod opening;

pub(crate) mod gate;

#[doc(hidden)]
#[macro_export]
macro_rules! __ledger_cases {
    ($then:ident $($fresh:path)?) => {
        $crate::$then! { $($fresh)?; ledger LedgerFixture
            opening {
                an_unknown_product_has_a_closed_gate
                a_gate_is_opened_with_a_leave
                a_leave_opens_once
                a_later_leave_takes_over
                a_leave_that_was_never_given_opens_nothing
                a_leave_of_another_product_opens_nothing
                an_epoch_the_gate_has_opens_nothing
                reopening_keeps_the_holds_with_their_states
                forgetting_closes_the_gate
                a_forgotten_gate_opens_without_its_holds
                the_gate_can_be_asked
            }
            holds {
                a_reservation_holds_units
                a_hold_is_seen_by_every_instance
                a_hold_can_be_set_larger_and_smaller_and_equal
                own_units_are_not_counted_when_set
                a_refusal_answers_the_level_that_was_not_enough
                a_hold_that_cannot_grow_stands_as_it_was
                all_units_can_be_held
                a_released_hold_is_gone
                a_released_hold_leaves_room_for_another
                who_holds_nothing_has_nothing_to_release
                users_and_products_do_not_mix
                odd_users_hold_as_anyone_does
            }
            deadlines {
                a_hold_lasts_as_long_as_was_said
                a_hold_lives_one_millisecond_before_its_deadline
                a_hold_is_over_at_its_deadline
                a_lapsed_hold_leaves_its_units_to_the_next_caller
                many_lapsed_holds_leave_their_units_in_one_call
                the_status_at_a_deadline_is_exact
                setting_a_quantity_never_moves_the_deadline
                a_checkout_may_begin_one_millisecond_before_the_deadline
                a_checkout_cannot_begin_at_the_deadline
                a_lapsed_hold_cannot_be_released
                after_a_lapse_a_new_hold_is_made
                a_clock_that_steps_back_lengthens_no_hold
                a_hold_ends_by_real_time
            }
        }
    };
}

crate::__ledger_cases! { __table }
