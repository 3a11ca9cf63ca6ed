-- What flashdeal_app may write, table by table. Run it as flashdeal_migrator after the first migration, and again after one that
-- adds a table or a column that changes; reading tables and calling functions needs nothing more than roles.sql.
\set ON_ERROR_STOP on

BEGIN;

-- An id and a time of creation are for ever; rows are locked for a change, which takes the right to change.
GRANT INSERT, UPDATE (
    name, description, price_cents, total_stock, version, epoch, starts_at, ends_at, max_per_reservation,
    queued
) ON products TO flashdeal_app;
-- The ledger grows and is never rewritten.
GRANT INSERT ON stock_ledger TO flashdeal_app;
-- Who passes orders on, and how far they are.
GRANT INSERT, UPDATE (
    position, moved_at, holder, held_until, held_in_run, failure, failed_at
) ON order_readers TO flashdeal_app;
-- Who waits comes and goes.
GRANT INSERT, DELETE, UPDATE (quantity) ON waiting_list TO flashdeal_app;

COMMIT;
