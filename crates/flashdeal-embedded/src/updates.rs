//! The hot updates, written out: diesel prepares its own `UPDATE` anew each time, since it may leave out columns.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::{Sqlite, SqliteConnection};

/// A hold's new quantity.
#[derive(QueryId)]
pub(crate) struct SetQuantity {
    pub(crate) row: i64,
    pub(crate) quantity: i64,
}

impl QueryFragment<Sqlite> for SetQuantity {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE holds SET quantity = ");
        out.push_bind_param::<BigInt, _>(&self.quantity)?;
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<BigInt, _>(&self.row)
    }
}

impl diesel::RunQueryDsl<SqliteConnection> for SetQuantity {}

/// A product's new stock.
#[derive(QueryId)]
pub(crate) struct SetStock {
    /// 16 bytes.
    pub(crate) product: [u8; 16],
    pub(crate) total: i64,
    pub(crate) version: i64,
    pub(crate) epoch: i64,
}

impl QueryFragment<Sqlite> for SetStock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE products SET total_stock = ");
        out.push_bind_param::<BigInt, _>(&self.total)?;
        out.push_sql(", version = ");
        out.push_bind_param::<BigInt, _>(&self.version)?;
        out.push_sql(", epoch = ");
        out.push_bind_param::<BigInt, _>(&self.epoch)?;
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<Binary, _>(&self.product)
    }
}

impl diesel::RunQueryDsl<SqliteConnection> for SetStock {}
