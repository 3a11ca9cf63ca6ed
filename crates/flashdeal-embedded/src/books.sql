-- The books of a page of products, all by one snapshot: the products after ?1 (an empty blob: from the first), at most ?2, and
-- what the ledger and the orders have of them and of ids between them that no product has. It reads the whole ledger.
WITH page AS MATERIALIZED (
    SELECT id, epoch, version, total_stock, starts_at, ends_at, max_per_reservation, queued FROM products WHERE id > ?1 ORDER BY id LIMIT ?2
),

-- Where the page ends: beyond every id, if there are no products beyond it. Blobs compare byte by byte.
bounds AS MATERIALIZED (
    SELECT CASE WHEN count(*) = ?2 THEN max(id) ELSE x'ffffffffffffffffffffffffffffffffff' END AS last FROM page
),

ledger AS MATERIALIZED (
    SELECT
        row.product,
        sum(row.delta) AS deltas,
        sum(row.kind = 'sold') AS sales,
        -sum(CASE row.kind WHEN 'sold' THEN row.delta ELSE 0 END) AS units_sold,
        sum(row.kind = 'allotment') AS allotments,
        -- What the table's checks refuse, in case it was written around them; and a sale whose order is another's or not there.
        sum(NOT coalesce(
            (row.kind = 'allotment') = (row.reservation IS NULL)
            AND (row.kind = 'sold') = (row.order_id IS NOT NULL)
            AND CASE row.kind
                WHEN 'sold' THEN row.delta < 0
                WHEN 'withdrawn' THEN row.delta <= 0
                WHEN 'void' THEN row.delta = 0
                ELSE row.delta >= 0
            END
            AND (row.order_id IS NULL OR (
                placed.product = row.product AND placed.reservation = row.reservation AND placed.quantity = -row.delta
            )),
            0
        )) AS contradictions
    FROM stock_ledger AS row
    LEFT JOIN orders AS placed ON placed.id = row.order_id
    WHERE row.product > ?1 AND row.product <= (SELECT last FROM bounds)
    GROUP BY row.product
),

placed AS MATERIALIZED (
    SELECT product, count(*) AS orders, sum(quantity) AS units_ordered
    FROM orders
    WHERE product > ?1 AND product <= (SELECT last FROM bounds)
    GROUP BY product
),

known AS (
    SELECT id FROM page UNION SELECT product FROM ledger UNION SELECT product FROM placed
)

SELECT
    known.id AS product,
    page.epoch,
    page.version,
    page.total_stock AS total,
    page.starts_at,
    page.ends_at,
    page.max_per_reservation,
    coalesce(page.queued, 0) AS queued,
    coalesce(ledger.deltas, 0) AS deltas,
    coalesce(ledger.sales, 0) AS sales,
    coalesce(ledger.units_sold, 0) AS units_sold,
    coalesce(placed.orders, 0) AS orders,
    coalesce(placed.units_ordered, 0) AS units_ordered,
    coalesce(ledger.contradictions, 0) + abs(1 - coalesce(ledger.allotments, 0)) AS contradictions,
    (SELECT count(*) FROM waiting_list WHERE waiting_list.product = known.id) AS waiting
FROM known
LEFT JOIN page ON page.id = known.id
LEFT JOIN ledger ON ledger.product = known.id
LEFT JOIN placed ON placed.product = known.id
ORDER BY known.id
LIMIT ?2
