-- Who waits for units of a product, in line; and in the product's row, whether anybody does: the gate has it from there.
CREATE TABLE waiting_list (
    product BLOB NOT NULL,
    place BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    reservation BLOB NOT NULL,
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (product, place),
    UNIQUE (product, user_id)
) WITHOUT ROWID;

ALTER TABLE products ADD COLUMN queued BOOLEAN NOT NULL DEFAULT 0 CHECK (queued IN (0, 1));
CREATE INDEX products_queued ON products (id) WHERE queued;
