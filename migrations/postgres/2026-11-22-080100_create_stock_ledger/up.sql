-- Every change of stock and every void, one row each, for ever. The deltas of a product sum to its stock.
-- Orders are the rows of kind 'sold'.
CREATE TABLE stock_ledger (
    entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Deliberately no foreign key: whoever writes here holds the lock of the product's row, products are never deleted,
    -- and checking the same key again for every sale of a batch adds a fifth to the cost of its row.
    product_id uuid NOT NULL,
    kind text NOT NULL COLLATE "C",
    delta integer NOT NULL,
    -- What was settled: a hold that was sold, voided or withdrawn. Of an adjustment: the id of the increase. Unique over
    -- all products, so that nothing is settled twice and no increase is added twice. Never partition that away.
    reservation_id uuid UNIQUE,
    order_id uuid UNIQUE,
    -- Whose hold it was. Compared byte by byte: "ada" and "Ada" are two users in every locale.
    user_id text COLLATE "C",
    quantity integer,
    -- The price when the order was written.
    unit_price_cents bigint,
    -- The idempotency key of the checkout, and the reservation its body named, if it named one.
    idempotency_key text COLLATE "C",
    idempotency_named uuid,
    at timestamptz (3) NOT NULL,

    CONSTRAINT kind_fits_its_columns CHECK (CASE kind
        WHEN 'allotment' THEN delta >= 0 AND num_nonnulls(reservation_id, user_id, quantity) = 0
        WHEN 'adjustment' THEN delta >= 0 AND reservation_id IS NOT NULL AND num_nonnulls(user_id, quantity) = 0
        WHEN 'sold' THEN quantity > 0 AND delta = -quantity AND num_nulls(reservation_id, user_id, quantity) = 0
        WHEN 'withdrawn' THEN quantity >= 0 AND delta = -quantity AND num_nulls(reservation_id, quantity) = 0
        WHEN 'void' THEN delta = 0 AND quantity IS NULL AND num_nulls(reservation_id, user_id) = 0
        ELSE false
    END),
    CONSTRAINT an_order_is_a_sale CHECK (
        num_nonnulls(order_id, unit_price_cents) = CASE kind WHEN 'sold' THEN 2 ELSE 0 END
    ),
    CONSTRAINT a_key_belongs_to_an_order CHECK (
        CASE WHEN kind = 'sold' AND idempotency_key IS NOT NULL
            THEN char_length(idempotency_key) BETWEEN 1 AND 255
            ELSE num_nonnulls(idempotency_key, idempotency_named) = 0
        END
    ),
    CONSTRAINT quantity_is_at_most_1000000000 CHECK (quantity <= 1000000000),
    CONSTRAINT unit_price_is_0_to_9999999999_99 CHECK (unit_price_cents BETWEEN 0 AND 999999999999),
    CONSTRAINT user_id_has_1_to_200_characters CHECK (char_length(user_id) BETWEEN 1 AND 200)
) WITH (
    -- Plans for a table that grows by a sale at a time must not be made from yesterday's size.
    autovacuum_analyze_scale_factor = 0.02
);

CREATE UNIQUE INDEX stock_ledger_one_order_per_key ON stock_ledger (product_id, user_id, idempotency_key)
WHERE idempotency_key IS NOT NULL;

CREATE INDEX stock_ledger_orders_of_user ON stock_ledger (user_id, order_id DESC)
WHERE kind = 'sold';

CREATE FUNCTION refuse_to_rewrite_the_ledger() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the stock ledger is append-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER stock_ledger_is_append_only BEFORE UPDATE OR DELETE ON stock_ledger
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();
