//! Cases of the feed: each promise of [`OrderFeed`](flashdeal_domain::OrderFeed), by name.

pub mod leases;
pub mod orders;
pub mod rewinds;
pub mod standings;

#[doc(hidden)]
#[macro_export]
macro_rules! __feed_cases {
    ($then:ident $($fresh:path)?) => {
        $crate::$then! { $($fresh)?; feed FeedFixture
            orders {
                a_new_reader_begins_at_the_end
                every_order_is_given_whole_and_in_order
                what_is_no_sale_is_passed_by
                the_order_is_the_same_for_every_reader_and_instance
                what_is_sold_at_once_is_all_given
                many_products_at_once_are_all_given
            }
            leases {
                one_holds_a_lease_and_the_others_are_told_so
                a_lease_that_lapsed_goes_to_the_next
                a_lease_from_before_the_clock_was_set_back_goes_to_the_next
                a_lease_is_renewed_by_its_holder
                nobody_renews_a_lease_they_have_not
                a_lease_given_back_is_free_at_once
                nobody_gives_back_the_lease_of_another
                of_many_who_ask_at_once_one_gets_it
                a_position_moves_under_its_lease_alone
                a_position_never_moves_back
                readers_do_not_disturb_each_other
            }
            rewinds {
                a_rewind_gives_again_what_was_sold_since
                a_rewind_takes_the_lease_away
                a_rewind_never_moves_forward
                a_rewind_of_a_new_reader_gives_it_what_was_sold_before
            }
            standings {
                a_standing_tells_what_waits
                a_standing_is_told_of_those_who_are_asked_for
                the_last_failure_is_told
                a_failure_of_somebody_without_the_lease_is_not_noted
            }
        }
    };
}

crate::__feed_cases! { __table }
