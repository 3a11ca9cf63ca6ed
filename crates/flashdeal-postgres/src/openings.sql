WITH locked AS (
    SELECT id
    FROM products
    WHERE id = ANY ($1)
    FOR UPDATE SKIP LOCKED
)
UPDATE products
SET epoch = products.epoch + 1, version = products.version + 1
FROM locked
WHERE products.id = locked.id
RETURNING products.id, products.epoch, products.version, products.total_stock,
    products.starts_at, products.ends_at, products.max_per_reservation, products.queued
