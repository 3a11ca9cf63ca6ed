-- How far the readers $2 are (all, if it is null), and what waits behind the position of each, counted up to $1 orders.
SELECT
    reader,
    position,
    moved_at,
    coalesce(held_until > clock_timestamp(), false) AS held,
    failure,
    failed_at,
    waiting.orders,
    (extract(epoch FROM clock_timestamp() - waiting.since) * 1000)::bigint AS oldest
FROM order_readers
CROSS JOIN LATERAL (
    SELECT count(*) AS orders, (array_agg(at ORDER BY entry))[1] AS since
    FROM (
        SELECT entry, at
        FROM stock_ledger
        WHERE entry > order_readers.position AND kind = 'sold'
        ORDER BY entry
        LIMIT $1
    ) AS next_ones
) AS waiting
WHERE $2 IS NULL OR reader = any($2)
ORDER BY reader
