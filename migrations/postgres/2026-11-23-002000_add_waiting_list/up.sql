-- Who waits for units of a product, in line. Sales do not write here.
--
-- Whether anybody waits stands in the product's row, too: the gate has it from there, with the version and the terms of the sale, and
-- lets nobody past those who wait. Whoever puts the first in line or takes the last out changes it in the same transaction.
CREATE TABLE waiting_list (
    product_id uuid NOT NULL,
    -- Counted for each product, under the lock of its row: a later place is a later join. Without a foreign key, which would lock
    -- that row once more with each join; products are never deleted.
    place bigint NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    quantity integer NOT NULL,
    -- The hold that will be made for them: it names this wait.
    reservation_id uuid NOT NULL,
    joined_at timestamptz (3) NOT NULL,

    PRIMARY KEY (product_id, place),
    CONSTRAINT waiting_list_user UNIQUE (product_id, user_id),
    CONSTRAINT user_has_1_to_128_characters CHECK (char_length(user_id) BETWEEN 1 AND 128),
    CONSTRAINT quantity_is_1_to_1000000 CHECK (quantity BETWEEN 1 AND 1000000)
);

ALTER TABLE products ADD COLUMN queued boolean NOT NULL DEFAULT false;
CREATE INDEX products_queued ON products (id) WHERE queued;

-- Puts users in line, or sets the quantity of those who wait, who keep their places; one answer each, in their order.
--
-- The arrays have one element per user: the product, the reservation, the user, the quantity, and how many places those in line may
-- span at most. `outcome` is one of
--     unknown_product  no product has this id
--     full             the places in line span as many already
--     waits            they did before; the quantity is set
--     joined           by this call, or an earlier one with the same reservation
-- place, reservation_id and joined_at are the wait; those after them the product's after all of the batch.
CREATE FUNCTION join_waiting_list(
    join_products uuid[],
    join_reservations uuid[],
    join_users text[],
    join_quantities integer[],
    join_most bigint[]
) RETURNS TABLE (
    outcome text,
    place bigint,
    reservation_id uuid,
    joined_at timestamptz,
    epoch bigint,
    version bigint,
    total integer,
    starts_at timestamptz,
    ends_at timestamptz,
    max_per_reservation integer,
    queued boolean
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    outcomes text[] := '{}';
    wait waiting_list;
    last_place bigint;
    first_place bigint;
BEGIN
    -- The same locks in the same order as every other writer; see commit_batch.
    PERFORM FROM products WHERE id = ANY (join_products) ORDER BY id FOR UPDATE;

    FOR nth IN 1 .. cardinality(join_products) LOOP
        IF NOT EXISTS (SELECT FROM products WHERE id = join_products[nth]) THEN
            outcomes := array_append(outcomes, 'unknown_product');
            CONTINUE;
        END IF;

        UPDATE waiting_list
        SET quantity = join_quantities[nth]
        WHERE product_id = join_products[nth] AND user_id = join_users[nth]
        RETURNING * INTO wait;
        IF FOUND THEN
            outcomes := array_append(
                outcomes,
                CASE WHEN wait.reservation_id = join_reservations[nth] THEN 'joined' ELSE 'waits' END
            );
            CONTINUE;
        END IF;

        SELECT max(waiting_list.place), min(waiting_list.place)
        INTO last_place, first_place
        FROM waiting_list
        WHERE product_id = join_products[nth];
        IF last_place - first_place + 1 >= join_most[nth] THEN
            outcomes := array_append(outcomes, 'full');
            CONTINUE;
        END IF;

        INSERT INTO waiting_list (product_id, place, user_id, quantity, reservation_id, joined_at)
        VALUES (
            join_products[nth],
            coalesce(last_place, 0) + 1,
            join_users[nth],
            join_quantities[nth],
            join_reservations[nth],
            date_trunc('milliseconds', clock_timestamp())
        );
        UPDATE products
        SET queued = true, version = products.version + 1
        WHERE id = join_products[nth] AND NOT products.queued;
        outcomes := array_append(outcomes, 'joined');
    END LOOP;

    RETURN QUERY
    SELECT
        given.outcome,
        line.place,
        line.reservation_id,
        line.joined_at,
        product.epoch,
        product.version,
        product.total_stock,
        product.starts_at,
        product.ends_at,
        product.max_per_reservation,
        product.queued
    FROM unnest(join_products, join_users, outcomes) WITH ORDINALITY AS given (product_id, user_id, outcome, nth)
    LEFT JOIN products AS product ON product.id = given.product_id
    LEFT JOIN waiting_list AS line ON line.product_id = given.product_id AND line.user_id = given.user_id
    ORDER BY given.nth;
END
$$;

-- Takes out of the line of a product a user, or those who are named by place and reservation (two arrays of one length), and sees to it
-- that the product's row says whether anybody waits, whatever it said before. Answers the product after it and the user's wait, with a
-- null place if they did not wait; nothing if there is no such product.
CREATE FUNCTION leave_waiting_list(
    left_product uuid,
    left_user text,
    left_places bigint[],
    left_reservations uuid[]
) RETURNS TABLE (
    place bigint,
    quantity integer,
    reservation_id uuid,
    joined_at timestamptz,
    epoch bigint,
    version bigint,
    total integer,
    starts_at timestamptz,
    ends_at timestamptz,
    max_per_reservation integer,
    queued boolean
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    wait waiting_list;
BEGIN
    -- The same lock as every other writer; see commit_batch.
    PERFORM FROM products WHERE id = left_product FOR UPDATE;

    DELETE FROM waiting_list
    WHERE product_id = left_product AND user_id = left_user
    RETURNING * INTO wait;

    DELETE FROM waiting_list
    USING unnest(left_places, left_reservations) AS gone (place, reservation_id)
    WHERE waiting_list.product_id = left_product
        AND waiting_list.place = gone.place
        AND waiting_list.reservation_id = gone.reservation_id;

    UPDATE products
    SET queued = NOT products.queued, version = products.version + 1
    WHERE id = left_product
        AND products.queued <> EXISTS (SELECT FROM waiting_list WHERE product_id = left_product);

    RETURN QUERY
    SELECT
        wait.place,
        wait.quantity,
        wait.reservation_id,
        wait.joined_at,
        product.epoch,
        product.version,
        product.total_stock,
        product.starts_at,
        product.ends_at,
        product.max_per_reservation,
        product.queued
    FROM products AS product
    WHERE product.id = left_product;
END
$$;

-- The function that follows is the one there was, with whether somebody waits. An instance from before calls it as it did: what it does
-- not ask for it does not get.
DROP FUNCTION commit_batch;

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
-- and epoch, version, total and the terms of the sale (from starts_at on, and whether somebody waits) are the product's after
-- the batch.
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
    max_per_reservation integer,
    queued boolean
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
            product.queued,
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
        decided.max_per_reservation,
        decided.queued
    FROM decided
    ORDER BY place;
END
$$;
