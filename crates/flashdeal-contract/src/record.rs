//! Cases of the record: each promise of [`StockRepository`](flashdeal_domain::StockRepository), by name.

pub mod books;
pub mod changes;
pub mod contention;
pub mod epochs;
pub mod keys;
pub mod listings;
pub mod products;
pub mod sales;
pub mod terms;
pub mod voids;
pub mod withdrawals;

#[doc(hidden)]
#[macro_export]
macro_rules! __record_cases {
    ($then:ident $($fresh:path)?) => {
        $crate::$then! { $($fresh)?; record RecordFixture
            products {
                creation_is_idempotent_by_id
                creation_after_changes_answers_the_product_as_it_is
                a_new_product_is_at_version_1_and_epoch_0
                a_product_without_stock_can_be_created
                odd_texts_come_back_as_they_went_in
                extreme_values_come_back_as_they_went_in
                an_unknown_product_is_none
                the_record_can_be_asked
            }
            listings {
                products_come_newest_first_in_pages
                the_last_page_has_no_next
                an_empty_listing_is_one_empty_page
                orders_come_newest_first_in_pages
                orders_of_one_user_are_theirs_alone
                orders_of_one_product_are_of_it_alone
                orders_of_one_user_and_product_are_both
                orders_come_oldest_first_after_any_order
                states_are_read_together_and_unknown_ones_left_out
                a_thousand_states_at_once
            }
            changes {
                fields_change_together_in_one_version
                a_change_of_nothing_leaves_the_version
                an_increase_is_added_to_the_stock
                an_increase_repeated_adds_once
                an_increase_repeated_at_once_adds_once
                an_increase_above_the_most_changes_nothing
                an_increase_to_the_most_and_its_repeat_are_fine
                an_unknown_product_is_not_changed
            }
            terms {
                terms_come_back_as_they_went_in
                terms_change_one_by_one
                terms_that_contradict_change_nothing
                a_repeat_is_not_refused_for_its_terms
                every_state_has_its_terms
            }
            withdrawals {
                a_withdrawal_takes_units_without_an_order
                a_withdrawal_repeated_takes_once
                a_withdrawal_under_an_old_epoch_changes_nothing
                a_withdrawal_of_too_much_changes_nothing
                a_withdrawal_of_a_void_hold_changes_nothing
                a_withdrawn_hold_is_never_sold
                the_books_balance
            }
            sales {
                a_sale_writes_an_order_and_lowers_the_stock
                a_sale_repeated_answers_the_same_order
                a_sale_of_an_unknown_product
                a_sale_of_more_than_is_left_changes_nothing
                the_last_unit_can_be_sold
                a_sale_under_an_old_epoch_changes_nothing
                a_sale_under_an_epoch_to_come_changes_nothing
                a_settled_hold_is_answered_before_any_other_check
                a_price_is_the_one_at_the_sale
                odd_users_buy_as_anyone_does
                one_hold_is_not_sold_under_two_products
            }
            voids {
                a_void_settles_a_hold_never_heard_of
                a_void_hold_is_never_sold
                a_void_of_a_sold_hold_answers_its_order
                a_void_of_an_unknown_product_is_none
                a_void_changes_no_stock_and_is_no_order
                a_settlement_belongs_to_its_product
                an_unsettled_hold_has_no_settlement
            }
            keys {
                a_key_is_kept_with_its_order
                a_key_is_kept_with_what_was_named
                a_key_for_another_hold_is_reused
                a_key_is_scoped_to_user_and_product
                a_reused_key_is_told_before_fence_and_stock
                a_settled_hold_is_told_before_its_key
                a_refused_sale_keeps_no_key
                keys_differ_by_case_and_length
                a_key_used_at_once_makes_one_order
            }
            books {
                books_come_in_order_and_in_pages
                the_books_of_every_change_balance
                books_balance_in_the_midst_of_a_storm
            }
            epochs {
                an_epoch_rises_by_one_with_the_version
                an_epoch_of_an_unknown_product_is_none
                openings_at_once_each_get_their_own_epoch
                no_sale_is_made_under_an_epoch_that_ended
            }
            contention {
                fifty_units_are_sold_to_fifty_of_four_hundred
                one_hold_committed_64_times_is_one_order
                a_sale_racing_a_void_has_one_outcome
                mixed_quantities_never_sum_above_the_stock
                increases_withdrawals_and_sales_at_once_balance
                two_products_at_once_do_not_mix
                a_caller_who_stops_waiting_leaves_nothing_half_done
            }
        }
    };
}

crate::__record_cases! { __table }
