-- Settles reservations as void if they are not settled yet, also ones this record never heard of: a sale that is still on
-- its way then finds it so. One answer per reservation, in their order: how it is settled now.
--
-- The arrays have one element per reservation: the product, the reservation, and whose it is. No reservation may stand in
-- one batch twice.
--
-- `outcome` is 'unknown_product' or the kind of the row that settles the reservation: 'sold' (the order is in the columns
-- after it), 'void' or 'withdrawn'. Settled under another product, it is as good as void: it can never be sold here.
CREATE FUNCTION void_batch(
    void_products uuid[],
    void_reservations uuid[],
    void_users text[]
) RETURNS TABLE (
    outcome text,
    order_id uuid,
    user_id text,
    quantity integer,
    unit_price_cents bigint,
    sold_at timestamptz
)
LANGUAGE plpgsql
-- One plan, made once: a walk over the reservations with an index look-up each, whatever the statistics say today.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    -- The same locks in the same order as every other writer; see commit_batch.
    PERFORM FROM products WHERE id = ANY (void_products) ORDER BY id FOR UPDATE;

    RETURN QUERY
    WITH given AS (
        SELECT *
        FROM unnest(void_products, void_reservations, void_users)
            WITH ORDINALITY AS given (product_id, reservation_id, user_id, place)
    ),

    judged AS (
        SELECT
            given.*,
            settled AS earlier,
            CASE
                WHEN product.id IS NULL THEN 'unknown_product'
                WHEN settled.product_id <> given.product_id THEN 'void'
                ELSE settled.kind
            END AS verdict
        FROM given
        LEFT JOIN products AS product ON product.id = given.product_id
        LEFT JOIN stock_ledger AS settled ON settled.reservation_id = given.reservation_id
    ),

    voided AS (
        INSERT INTO stock_ledger (product_id, kind, delta, reservation_id, user_id, at)
        SELECT product_id, 'void', 0, reservation_id, user_id, date_trunc('milliseconds', clock_timestamp())
        FROM judged
        WHERE verdict IS NULL
    )

    SELECT
        coalesce(verdict, 'void'),
        (earlier).order_id,
        (earlier).user_id,
        (earlier).quantity,
        (earlier).unit_price_cents,
        (earlier).at
    FROM judged
    ORDER BY place;
END
$$;
