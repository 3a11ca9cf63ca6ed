//! One case, two tests.

/// Makes `embedded::case` and `distributed::case` of each `async fn case(mode: Mode)` that is named; with `embedded only:` or
/// `distributed only:` in front, one of them.
macro_rules! cases {
    (embedded only: $($case:ident),* $(,)?) => {
        cases!(@mode embedded_only, Embedded, $($case),*);
    };
    (distributed only: $($case:ident),* $(,)?) => {
        cases!(@mode distributed_only, Distributed, $($case),*);
    };
    (@mode $name:ident, $mode:ident, $($case:ident),*) => {
        mod $name {
            $(
                // As many threads as the machine that judges us has: a case that needs more proves nothing.
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case($crate::shop::Mode::$mode).await;
                }
            )*
        }
    };
    ($($case:ident),* $(,)?) => {
        cases!(@mode embedded, Embedded, $($case),*);
        cases!(@mode distributed, Distributed, $($case),*);
    };
}
