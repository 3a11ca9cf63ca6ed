//! One case, three tests.

/// Makes `embedded::case`, `distributed::case` and `cluster::case` of each `async fn case(mode: Mode)` that is named. In front of
/// the names, `embedded only:` makes the first of them alone, `distributed only:` the two over PostgreSQL and Redis, and
/// `cluster only:` the last.
macro_rules! cases {
    (embedded only: $($case:ident),* $(,)?) => {
        cases!(@mode embedded_only, Embedded, $($case),*);
    };
    (distributed only: $($case:ident),* $(,)?) => {
        cases!(@mode distributed_only, Distributed, $($case),*);
        cases!(@mode on_cluster_too, Cluster, $($case),*);
    };
    (cluster only: $($case:ident),* $(,)?) => {
        cases!(@mode cluster_only, Cluster, $($case),*);
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
        cases!(@mode cluster, Cluster, $($case),*);
    };
}
