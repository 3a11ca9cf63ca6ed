//! The lists of cases, and the macros that make tests of them. A case that is not listed does not run; a test sees to it
//! that each one is.

/// One `#[test]` for each case of the record. `$fresh` is an `async fn() -> impl RecordFixture`.
#[macro_export]
macro_rules! record_tests {
    ($fresh:path) => {
        $crate::__record_cases! { __tests $fresh }
    };
}

/// One `#[test]` for each case of the waiting lists. `$fresh` is an `async fn() -> impl RecordFixture`.
#[macro_export]
macro_rules! waiting_tests {
    ($fresh:path) => {
        $crate::__waiting_cases! { __tests $fresh }
    };
}

/// One `#[test]` for each case of the feed. `$fresh` is an `async fn() -> impl FeedFixture`.
#[macro_export]
macro_rules! feed_tests {
    ($fresh:path) => {
        $crate::__feed_cases! { __tests $fresh }
    };
}

/// One `#[test]` for each case of the gate. `$fresh` is an `async fn() -> impl LedgerFixture`.
#[macro_export]
macro_rules! ledger_tests {
    ($fresh:path) => {
        $crate::__ledger_cases! { __tests $fresh }
    };
}

/// One `#[test]` for each case of a gate whose store restarts. `$fresh` is an `async fn() -> impl RestartFixture`.
#[macro_export]
macro_rules! restart_tests {
    ($fresh:path) => {
        $crate::__restart_cases! { __tests $fresh }
    };
}

/// One `#[test]` for each case of gate and record together. `$fresh` is an `async fn() -> impl LedgerFixture`.
#[macro_export]
macro_rules! sale_tests {
    ($fresh:path) => {
        $crate::__sale_cases! { __tests $fresh }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($fresh:path; $suite:ident $fixture:ident $($module:ident { $($case:ident)* })*) => {
        mod $suite {
            use super::*;
            $(mod $module {
                use super::*;
                $(#[test]
                fn $case() {
                    $crate::run($fresh, async |fixture| $crate::$suite::$module::$case(fixture).await);
                })*
            })*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    (; $suite:ident $fixture:ident $($module:ident { $($case:ident)* })*) => {
        /// Every case of this suite, for whoever runs them other than by the macro.
        pub const CASES: &[$crate::Case<dyn $crate::$fixture>] = &[
            $($($crate::Case {
                name: concat!(stringify!($module), "::", stringify!($case)),
                run: |fixture| Box::pin($crate::$suite::$module::$case(fixture)),
            },)*)*
        ];
    };
}
