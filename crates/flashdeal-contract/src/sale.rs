//! Cases of the two ports together: a sale from the hold to the order, as the protocol has it.

pub mod checkouts;
pub mod contention;

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
        }
    };
}

crate::__sale_cases! { __table }
