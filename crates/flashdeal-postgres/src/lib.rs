//! StockRepository on PostgreSQL through diesel-async.
