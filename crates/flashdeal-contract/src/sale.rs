//! Cases of the two ports together: a sale from the hold to the order, as the protocol has it.

pub mod checkouts;

#[doc(hidden)]
#[macro_export]
macro_rules! __sale_cases {
    ($then:ident $($fresh:path)?) => {
        $crate::$then! { $($fresh)?; sale LedgerFixture
            checkouts {
                a_hold_is_sold_in_two_steps
            }
        }
    };
}

crate::__sale_cases! { __table }
