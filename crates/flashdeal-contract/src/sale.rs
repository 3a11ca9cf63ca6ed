//! Cases of the two ports together: a sale from the hold to the order, as the protocol has it.

pub mod audits;
pub mod checkouts;
pub mod contention;
pub mod crowds;
pub mod kill_points;
pub mod refusals;
pub mod reopenings;
pub mod terms;
pub mod use_cases;
pub mod waiting;

mod shop;

#[doc(hidden)]
#[macro_export]
macro_rules! __sale_cases {
    ($then:ident $($fresh:path)?) => {
        $crate::$then! { $($fresh)?; sale LedgerFixture
            checkouts {
                a_hold_is_sold_in_two_steps
                a_checkout_cut_off_before_the_commit_is_begun_again
                a_checkout_cut_off_after_the_commit_is_one_order
                a_checkout_that_died_is_voided_and_its_ghost_sells_nothing
                a_gate_that_forgot_cannot_sell_a_unit_twice
                a_gate_that_forgot_promises_nothing_that_was_sold
                a_fenced_checkout_begins_again_and_sells
                a_decrease_goes_through_the_gate
                a_lapsed_hold_is_not_sold
            }
            contention {
                two_hundred_buyers_share_fifty_units
                doubled_checkouts_are_one_order
                a_gate_that_keeps_forgetting_never_oversells
                restocked_units_are_sold_once_adopted
            }
            use_cases {
                a_product_is_created_held_and_sold
                a_product_made_again_stays_as_it_is
                a_product_asked_for_too_early_is_found
                a_refusal_says_whether_to_come_back
                a_released_hold_is_free_at_once
                a_paying_hold_is_released_through_the_record
                a_checkout_repeated_answers_the_same_order
                a_reserve_repeated_with_its_key_is_replayed
                unknown_things_are_not_found
                stock_comes_and_goes
                a_forgotten_gate_is_opened_by_the_next_call
                a_checkout_outlives_a_reopening
                the_background_ends_a_sold_checkout
                the_background_voids_a_dead_checkout
                the_background_adopts_what_the_record_says
                a_checkout_goes_on_without_its_caller
            }
            crowds {
                a_crowd_buys_everything_once
                a_double_click_is_one_order
                a_crowd_before_a_closed_gate_is_let_in
                a_forgetful_gate_sells_nothing_twice
            }
            terms {
                a_buyer_is_told_what_the_terms_are
                changed_terms_bind_the_next_buyer
                a_hold_is_paid_for_after_the_end
                stock_is_taken_off_sale_under_any_terms
                an_end_before_the_start_is_refused
                the_background_adopts_terms
            }
            waiting {
                who_waits_is_called_in_their_turn
                a_walk_in_gets_nothing_while_somebody_waits
                who_waits_is_told_where_they_stand
                the_first_keeps_their_turn_until_enough_is_there
                the_last_units_go_to_the_first_who_waits
                who_waits_for_a_start_is_called_at_the_start
                what_can_never_be_granted_is_not_waited_for
                a_limit_that_was_lowered_binds_who_is_called
                who_holds_already_is_done
                who_was_called_is_not_called_again
                a_line_of_a_sale_that_ended_is_dropped
                a_long_line_is_served_in_order
                two_ushers_call_nobody_twice
                walk_ins_by_the_dozen_take_nothing_from_those_who_wait
                a_full_line_is_refused
                a_call_dies_anywhere
            }
            reopenings {
                a_checkout_outlives_many_reopenings
                an_increase_during_a_reopening_is_seen
                an_increase_overtaken_by_an_opening_is_seen
                an_increase_that_the_gate_misses_at_first_is_seen
                a_sale_that_the_gate_misses_at_first_is_seen
            }
            refusals {
                a_decrease_the_record_refuses_gives_its_units_back
                a_decrease_made_before_it_was_refused_stands
                a_refused_decrease_that_cannot_be_settled_is_left_to_the_background
            }
            audits {
                a_sale_in_full_swing_is_no_finding
                a_dead_checkout_is_found_until_it_is_settled
                a_gate_is_rebuilt_while_it_sells
            }
            kill_points {
                a_reserve_dies_anywhere
                a_checkout_dies_anywhere
                a_release_dies_anywhere
                a_release_of_a_paying_hold_dies_anywhere
                a_load_dies_anywhere
                a_settle_dies_anywhere
                a_decrease_dies_anywhere
                an_increase_dies_anywhere
            }
        }
    };
}

crate::__sale_cases! { __table }
