\set buyer random(1, 1000000000)
BEGIN;
UPDATE bench_product SET stock = stock - 1 WHERE id = 1 AND stock >= 1;
INSERT INTO bench_order (product_id, buyer, quantity, price_cents) VALUES (1, :buyer, 1, 999);
COMMIT;
