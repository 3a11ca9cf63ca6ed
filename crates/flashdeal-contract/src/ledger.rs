//! Cases of the gate: each promise of [`ReservationLedger`](flashdeal_domain::ReservationLedger), by name.

pub mod adoption;
pub mod books;
pub mod checkouts;
pub mod contention;
pub mod deadlines;
pub mod holds;
pub mod keys;
pub mod opening;
pub mod queues;
pub mod terms;
pub mod views;

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
                a_crowd_opens_each_gate_of_its_own
                a_leave_that_was_never_given_opens_nothing
                a_leave_of_another_product_opens_nothing
                a_leave_lapses_after_five_seconds
                an_epoch_the_gate_has_opens_nothing
                reopening_keeps_the_holds_with_their_states
                forgetting_closes_the_gate
                a_forgotten_gate_opens_without_its_holds
                the_gate_can_be_asked
            }
            queues {
                nobody_is_let_past_those_who_wait
                a_hold_that_stands_may_only_become_less
                the_terms_come_before_the_queue
                where_nobody_waits_any_more_everybody_is_let_in
                a_queue_outlives_a_reopening
                a_replay_is_answered_while_others_wait
                a_gate_learns_of_a_queue_at_the_version_it_has
                a_queue_is_in_the_books
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
                the_holder_of_a_withdrawal_holds_as_anyone_does
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
            checkouts {
                a_checkout_begins_with_all_of_the_hold
                a_checkout_may_begin_again
                only_the_hold_that_is_named_begins
                without_a_hold_no_checkout_begins
                a_paying_hold_cannot_be_set
                a_paying_hold_cannot_be_released
                a_paying_hold_never_lapses
                a_finished_sale_is_out_of_hold_and_total
                a_finished_void_gives_its_units_back
                a_held_hold_can_be_finished
                finishing_leaves_another_hold_of_the_user_alone
                finishing_an_unknown_hold_is_fine
            }
            adoption {
                a_newer_total_is_adopted
                an_older_total_is_not_adopted
                finishing_adopts_a_newer_total_only
                a_total_below_what_is_held_is_never_negative
                adopting_leaves_the_epoch_alone
            }
            terms {
                a_sale_starts_at_its_millisecond
                a_sale_ends_at_its_millisecond
                a_hold_outlives_the_end_of_its_sale
                a_hold_outlives_a_start_that_is_put_off
                a_limit_is_on_each_hold
                terms_come_before_the_stock
                terms_come_after_keys_and_checkouts
                terms_are_adopted_by_their_version
                terms_survive_a_reopening
                an_unbound_call_is_under_no_terms
            }
            keys {
                a_key_repeated_answers_the_first_hold
                a_key_with_another_quantity_is_reused
                a_key_repeated_does_not_set_the_hold_back
                a_key_repeated_after_a_release_makes_no_ghost_hold
                a_key_repeated_after_a_sale_makes_no_ghost_hold
                a_key_is_gone_at_the_deadline
                a_key_of_a_paying_hold_is_gone_at_the_deadline
                a_key_of_a_set_quantity_is_remembered
                a_key_is_scoped_to_user_and_product
                a_refused_call_keeps_no_key
                a_key_used_at_once_makes_one_hold
            }
            views {
                a_view_shows_how_long_a_hold_is_paying
                beginning_again_does_not_make_a_checkout_younger
                a_view_shows_the_oldest_64
                a_view_answers_for_every_product
                a_view_ends_only_what_is_due
                products_come_in_order_and_in_pages
                no_product_with_a_paying_hold_is_missing
            }
            books {
                the_books_of_a_gate_count_its_holds
                books_tell_the_terms_of_their_version
                books_tell_what_is_unsettled
                a_closed_gate_has_no_books
                the_books_of_a_gate_balance_after_a_storm
            }
            contention {
                fifty_units_are_held_by_fifty_of_five_hundred
                one_user_at_once_has_one_hold
                mixed_quantities_never_sum_above_the_total
                a_checkout_racing_a_release_has_one_outcome
                sold_units_are_never_seen_as_available
                after_a_storm_the_books_balance
                a_caller_who_stops_waiting_takes_no_answer_away
                reopening_under_load_keeps_the_books
            }
        }
    };
}

crate::__ledger_cases! { __table }
