//! Calls of the functions in `migrations/postgres`, each a type of its own.
//!
//! `diesel::sql_query` is parsed and planned anew for every call; a type with a static id is prepared once a connection.

pub(crate) mod change_product;
pub(crate) mod commit_batch;
pub(crate) mod create_product;
pub(crate) mod join_waiting_list;
pub(crate) mod leave_waiting_list;
pub(crate) mod void_batch;

/// Declares a type to be a call of a function: `SELECT columns FROM function(arguments…)`.
macro_rules! function_call {
    (
        $query:ident as $id:ident:
        SELECT $columns:literal FROM $function:literal ($($argument:ident: $argument_type:ty),* $(,)?)
        RETURNS ($($returned:ty),* $(,)?)
    ) => {
        /// The query's identity for the cache of prepared statements.
        pub(crate) struct $id;

        impl diesel::query_builder::QueryId for $query {
            type QueryId = $id;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $query {
            type SqlType = ($($returned,)*);
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $query {
            fn walk_ast<'ast>(
                &'ast self,
                mut pass: diesel::query_builder::AstPass<'_, 'ast, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                pass.push_sql(concat!("SELECT ", $columns, " FROM ", $function, "("));
                let mut separator = "";
                $(
                    pass.push_sql(separator);
                    separator = ", ";
                    pass.push_bind_param::<$argument_type, _>(&self.$argument)?;
                )*
                let _ = separator;
                pass.push_sql(")");
                Ok(())
            }
        }
    };
}
pub(crate) use function_call;
