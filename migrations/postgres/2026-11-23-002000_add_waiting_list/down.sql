-- Gates let nobody past those who wait at the version they know: without a line it is another one.
UPDATE products SET version = version + 1 WHERE queued;

DROP FUNCTION join_waiting_list;
DROP FUNCTION leave_waiting_list;
DROP TABLE waiting_list;
DROP FUNCTION commit_batch;
ALTER TABLE products DROP COLUMN queued;

-- Sells holds, or says why not, each exactly once; one answer per sale, in their order.
--
-- The arrays have one element per sale: its product, reservation, order id, epoch, quantity (1 or more), user, and the
-- checkout's idempotency key with the reservation it named (both may be null). No reservation and no (product, user,
-- key) may stand in one batch twice: then nothing is sold and a unique violation is raised.
--
-- `outcome` is one of
--     unknown_product  no product has this id
--     sold_earlier     by an earlier call: the order is in the columns from unit_price_cents on
--     void             voided or withdrawn before, or settled under another product
--     key_reused       the key belongs to another order of this user and product
--     fenced           the sale's epoch is not the record's
--     no_stock         more than is left after those before it
--     sold             by this call, at unit_price_cents and sold_at
-- and epoch, version, total and the terms of the sale (from starts_at on) are the product's after the batch.
CREATE FUNCTION commit_batch(
    sale_products uuid[],
    sale_reservations uuid[],
    sale_orders uuid[],
    sale_epochs bigint[],
    sale_quantities integer[],
    sale_users text[],
    sale_keys text[],
    sale_named uuid[]
) RETURNS TABLE (
    outcome text,
    epoch bigint,
    version bigint,
    total integer,
    unit_price_cents bigint,
    sold_at timestamptz,
    order_id uuid,
    user_id text,
    quantity integer,
    starts_at timestamptz,
    ends_at timestamptz,
    max_per_reservation integer
)
LANGUAGE plpgsql
-- One plan, made once: a walk over the sales with an index look-up each, whatever the statistics say today.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    now_at timestamptz;
BEGIN
    -- Every writer locks the products' rows first, in the order of their ids: so nobody deadlocks. The statement after
    -- this one has a snapshot of its own (READ COMMITTED), which sees all that was committed before the locks were ours.
    PERFORM FROM products WHERE id = ANY (sale_products) ORDER BY id FOR UPDATE;

    now_at := date_trunc('milliseconds', clock_timestamp());

    RETURN QUERY
    WITH sale AS (
        SELECT *
        FROM unnest(
            sale_products, sale_reservations, sale_orders, sale_epochs,
            sale_quantities, sale_users, sale_keys, sale_named
        ) WITH ORDINALITY AS given (
            product_id, reservation_id, order_id, epoch, quantity, user_id, idempotency_key, idempotency_named, place
        )
    ),

    judged AS (
        SELECT
            sale.*,
            product.price_cents,
            product.total_stock,
            product.version,
            product.epoch AS open_epoch,
            product.starts_at,
            product.ends_at,
            product.max_per_reservation,
            settled AS earlier,
            CASE
                WHEN product.id IS NULL THEN 'unknown_product'
                WHEN settled.kind = 'sold' AND settled.product_id = sale.product_id THEN 'sold_earlier'
                WHEN settled.kind IS NOT NULL THEN 'void'
                WHEN keyed.entry IS NOT NULL THEN 'key_reused'
                WHEN sale.epoch <> product.epoch THEN 'fenced'
            END AS verdict
        FROM sale
        LEFT JOIN products AS product ON product.id = sale.product_id
        LEFT JOIN stock_ledger AS settled ON settled.reservation_id = sale.reservation_id
        LEFT JOIN stock_ledger AS keyed
            ON keyed.product_id = sale.product_id
            AND keyed.user_id = sale.user_id
            AND keyed.idempotency_key = sale.idempotency_key
    ),

    counted AS (
        SELECT
            *,
            taken_in_order(quantity, total_stock) FILTER (WHERE verdict IS NULL) OVER in_order AS taken
        FROM judged
        WINDOW in_order AS (PARTITION BY product_id ORDER BY place ROWS UNBOUNDED PRECEDING)
    ),

    decided AS (
        SELECT
            *,
            max(taken) OVER (PARTITION BY product_id) AS taken_by_all,
            coalesce(verdict, CASE
                WHEN taken > lag(taken, 1, 0::bigint) OVER (PARTITION BY product_id ORDER BY place) THEN 'sold'
                ELSE 'no_stock'
            END) AS outcome
        FROM counted
    ),

    written AS (
        INSERT INTO stock_ledger (
            product_id, kind, delta, reservation_id, order_id, user_id, quantity, unit_price_cents,
            idempotency_key, idempotency_named, at
        )
        SELECT
            product_id, 'sold', -quantity, reservation_id, order_id, user_id, quantity, price_cents,
            idempotency_key, idempotency_named, now_at
        FROM decided
        WHERE outcome = 'sold'
        RETURNING product_id, delta
    ),

    taken_out AS (
        UPDATE products
        SET total_stock = total_stock + sold.delta, version = version + 1
        FROM (SELECT product_id, sum(delta) AS delta FROM written GROUP BY product_id) AS sold
        WHERE id = sold.product_id
    )

    SELECT
        decided.outcome,
        open_epoch,
        decided.version + (taken_by_all > 0)::integer,
        (total_stock - taken_by_all)::integer,
        CASE decided.outcome WHEN 'sold' THEN price_cents ELSE (earlier).unit_price_cents END,
        CASE decided.outcome WHEN 'sold' THEN now_at ELSE (earlier).at END,
        (earlier).order_id,
        (earlier).user_id,
        (earlier).quantity,
        decided.starts_at,
        decided.ends_at,
        decided.max_per_reservation
    FROM decided
    ORDER BY place;
END
$$;
