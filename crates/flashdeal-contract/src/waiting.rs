//! Cases of the waiting lists: each promise of [`WaitingList`](flashdeal_domain::WaitingList), by name.

pub mod lines;
pub mod marks;

#[doc(hidden)]
#[macro_export]
macro_rules! __waiting_cases {
    ($then:ident $($fresh:path)?) => {
        $crate::$then! { $($fresh)?; waiting RecordFixture
            lines {
                who_joins_later_stands_behind
                who_joins_again_keeps_their_place
                a_join_repeated_is_the_same_join
                who_leaves_makes_room_for_those_behind
                who_comes_back_stands_at_the_end
                those_called_are_taken_out_together
                a_line_has_its_bound
                lines_do_not_disturb_each_other
                a_line_is_read_in_parts
                odd_users_and_quantities_come_back_as_they_went_in
                many_who_join_at_once_have_each_a_place
            }
            marks {
                the_first_to_join_and_the_last_to_leave_change_the_mark
                the_mark_is_in_every_state_of_the_record
                the_mark_outlives_every_other_change
                many_who_come_and_go_leave_the_mark_right
                what_is_waited_for_is_listed
                the_books_count_those_who_wait
            }
        }
    };
}

crate::__waiting_cases! { __table }
