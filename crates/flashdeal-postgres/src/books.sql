-- The books of a page of products, all by one snapshot: the products after $1 (null: from the first), at most $2, and what the
-- ledger has of them and of ids between them that no product has.
--
-- It reads the whole ledger: an index by product would cost every sale of every flash sale more than an audit now and then.
WITH page AS MATERIALIZED (
    SELECT id, epoch, version, total_stock, starts_at, ends_at, max_per_reservation, queued
    FROM products
    WHERE $1 IS NULL OR id > $1
    ORDER BY id
    LIMIT $2
),

-- Where the page ends: nowhere, if there are no products beyond it.
bounds AS (
    SELECT CASE WHEN count(*) = $2 THEN (SELECT id FROM page ORDER BY id DESC LIMIT 1) END AS last
    FROM page
),

ledger AS (
    SELECT
        product_id,
        sum(delta) AS deltas,
        count(*) FILTER (WHERE kind = 'sold') AS sales,
        -coalesce(sum(delta) FILTER (WHERE kind = 'sold'), 0) AS units_sold,
        count(order_id) AS orders,
        coalesce(sum(quantity) FILTER (WHERE order_id IS NOT NULL), 0) AS units_ordered,
        -- What the table's constraints refuse, in case it was written around them.
        count(*) FILTER (WHERE NOT coalesce(
            CASE kind
                WHEN 'allotment' THEN delta >= 0 AND num_nonnulls(reservation_id, user_id, quantity) = 0
                WHEN 'adjustment' THEN delta >= 0 AND reservation_id IS NOT NULL AND num_nonnulls(user_id, quantity) = 0
                WHEN 'sold' THEN quantity > 0 AND delta = -quantity AND num_nulls(reservation_id, user_id) = 0
                WHEN 'withdrawn' THEN delta = -quantity AND quantity >= 0 AND reservation_id IS NOT NULL
                WHEN 'void' THEN delta = 0 AND quantity IS NULL AND reservation_id IS NOT NULL
            END
            AND num_nonnulls(order_id, unit_price_cents) = CASE kind WHEN 'sold' THEN 2 ELSE 0 END,
            false
        )) AS contradictions,
        count(*) FILTER (WHERE kind = 'allotment') AS allotments
    FROM stock_ledger
    WHERE ($1 IS NULL OR product_id > $1)
        AND product_id <= coalesce((SELECT last FROM bounds), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    GROUP BY product_id
),

waiting AS (
    SELECT page.id, (SELECT count(*) FROM waiting_list WHERE waiting_list.product_id = page.id) AS waiting
    FROM page
)

SELECT
    coalesce(page.id, ledger.product_id) AS product,
    page.epoch,
    page.version,
    page.total_stock AS total,
    page.starts_at,
    page.ends_at,
    page.max_per_reservation,
    coalesce(page.queued, false) AS queued,
    coalesce(ledger.deltas, 0)::bigint AS deltas,
    coalesce(ledger.sales, 0) AS sales,
    coalesce(ledger.units_sold, 0)::bigint AS units_sold,
    coalesce(ledger.orders, 0) AS orders,
    coalesce(ledger.units_ordered, 0)::bigint AS units_ordered,
    coalesce(ledger.contradictions, 0) + abs(1 - coalesce(ledger.allotments, 0)) AS contradictions,
    coalesce(waiting.waiting, 0) AS waiting
FROM page
FULL JOIN ledger ON ledger.product_id = page.id
LEFT JOIN waiting ON waiting.id = page.id
ORDER BY product
LIMIT $2
