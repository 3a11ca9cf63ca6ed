-- The products after $1 (null: from the first) for which somebody waits or which are marked so, at most $2. One step in the index for each
-- of them, however long its line is.
WITH RECURSIVE lines AS (
    (
        SELECT product_id AS id
        FROM waiting_list
        WHERE product_id > coalesce($1, '00000000-0000-0000-0000-000000000000')
        ORDER BY product_id
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT next.product_id FROM waiting_list AS next WHERE next.product_id > lines.id ORDER BY next.product_id LIMIT 1
    )
    FROM lines
    WHERE lines.id IS NOT NULL
),

marked AS (
    SELECT id FROM products WHERE queued AND ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2
)

SELECT id FROM (SELECT id FROM lines WHERE id IS NOT NULL LIMIT $2) AS waited_for
UNION
SELECT id FROM marked
ORDER BY id
LIMIT $2
