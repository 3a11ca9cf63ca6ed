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
