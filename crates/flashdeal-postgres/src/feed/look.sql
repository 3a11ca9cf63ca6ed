-- The newest entry that can be seen, and by the same snapshot: the oldest transaction that was seen running, and the one after the
-- last that was seen to end. If the newest entry is above $1, this takes a transaction's number of its own, which is above all that
-- were given before. And which run of the server says so. See horizon.rs.
SELECT
    newest,
    pg_snapshot_xmin(snapshot)::text::bigint AS oldest_running,
    pg_snapshot_xmax(snapshot)::text::bigint AS after_ended,
    CASE WHEN newest > $1 THEN pg_current_xact_id()::text::bigint END AS ours,
    pg_postmaster_start_time() AS run
FROM
    (SELECT coalesce(max(entry), 0) AS newest FROM stock_ledger) AS ledger,
    pg_current_snapshot() AS snapshot
