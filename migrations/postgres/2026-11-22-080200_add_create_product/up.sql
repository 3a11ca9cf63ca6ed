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
