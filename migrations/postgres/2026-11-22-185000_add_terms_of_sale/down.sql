-- Gates hold buyers to the terms of the version they know: without them it is another one.
UPDATE products SET version = version + 1 WHERE num_nonnulls(starts_at, ends_at, max_per_reservation) > 0;

DROP FUNCTION change_product;
DROP FUNCTION commit_batch;
DROP FUNCTION create_product;

ALTER TABLE products
    DROP COLUMN max_per_reservation,
    DROP COLUMN ends_at,
    DROP COLUMN starts_at;

-- Writes a new product and its allotment. A repeat with the same id changes nothing; both answer the product as it is.
CREATE FUNCTION create_product(
    new_id uuid,
    new_name text,
    new_description text,
    new_price_cents bigint,
    new_total_stock integer,
    new_created_at timestamptz
) RETURNS SETOF products
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO products (id, name, description, price_cents, total_stock, created_at)
    VALUES (new_id, new_name, new_description, new_price_cents, new_total_stock, new_created_at)
    ON CONFLICT (id) DO NOTHING;

    IF FOUND THEN
        INSERT INTO stock_ledger (product_id, kind, delta, at)
        VALUES (new_id, 'allotment', new_total_stock, date_trunc('milliseconds', clock_timestamp()));
    END IF;

    RETURN QUERY SELECT * FROM products WHERE id = new_id;
END
$$;

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
-- and epoch, version and total are the product's after the batch.
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
    quantity integer
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
        (earlier).quantity
    FROM decided
    ORDER BY place;
END
$$;

-- Changes a product, all of the change or nothing of it. Null leaves a field as it is.
--
-- An increase has its id and its units; a decrease has the reservation that took the units out of the gate, the epoch of
-- that gate, and the units. At most one of them. A change of stock that was made before changes nothing again.
--
-- `outcome` is one of
--     unknown_product  no product has this id
--     void             the decrease's reservation was settled otherwise before, or under another product
--     fenced           the decrease's epoch is not the record's
--     no_stock         the decrease wants more than there is
--     too_much         the increase would take the stock above its bound
--     changed          the product is as asked, by this call or an earlier one
-- and `product` is the product after it.
CREATE FUNCTION change_product(
    changed_id uuid,
    new_name text,
    new_description text,
    new_price_cents bigint,
    increase_id uuid,
    increase_units integer,
    decrease_reservation uuid,
    decrease_epoch bigint,
    decrease_units integer,
    OUT outcome text,
    OUT product products
)
LANGUAGE plpgsql AS $$
DECLARE
    settled_by text;
    difference integer := coalesce(increase_units, -decrease_units, 0);
BEGIN
    -- The same lock as every other writer; see commit_batch.
    SELECT * INTO product FROM products WHERE id = changed_id FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown_product';
        RETURN;
    END IF;

    SELECT CASE WHEN product_id = changed_id THEN kind ELSE 'another product' END INTO settled_by
    FROM stock_ledger
    WHERE reservation_id = coalesce(increase_id, decrease_reservation);

    outcome := CASE
        WHEN settled_by IN ('adjustment', 'withdrawn') THEN 'changed'
        WHEN settled_by IS NOT NULL THEN 'void'
        WHEN decrease_epoch <> product.epoch THEN 'fenced'
        WHEN product.total_stock + difference::bigint < 0 THEN 'no_stock'
        WHEN product.total_stock + difference::bigint > 1000000000 THEN 'too_much'
    END;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    outcome := 'changed';

    IF increase_id IS NOT NULL OR decrease_reservation IS NOT NULL THEN
        INSERT INTO stock_ledger (product_id, kind, delta, reservation_id, quantity, at)
        VALUES (
            changed_id,
            CASE WHEN increase_id IS NOT NULL THEN 'adjustment' ELSE 'withdrawn' END,
            difference,
            coalesce(increase_id, decrease_reservation),
            decrease_units,
            date_trunc('milliseconds', clock_timestamp())
        );
    ELSIF num_nonnulls(new_name, new_description, new_price_cents) = 0 THEN
        RETURN;
    END IF;

    UPDATE products
    SET
        name = coalesce(new_name, name),
        description = coalesce(new_description, description),
        price_cents = coalesce(new_price_cents, price_cents),
        total_stock = total_stock + difference,
        version = version + 1
    WHERE id = changed_id
    RETURNING * INTO product;
END
$$;
