-- The record: what is left and what was sold, for ever. Instants are milliseconds since 1970 in UTC, money is in
-- hundredths, ids are the 16 bytes of a UUID.

CREATE TABLE products (
    id          BLOB   NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name        TEXT   NOT NULL,
    price       BIGINT NOT NULL CHECK (price BETWEEN 0 AND 999999999999),
    total_stock BIGINT NOT NULL CHECK (total_stock BETWEEN 0 AND 1000000000),
    -- Rises by one with every change of the row.
    version     BIGINT NOT NULL CHECK (version >= 1),
    -- The fence: rises by one whenever the gate is opened; sales promised under an older one are refused.
    epoch       BIGINT NOT NULL CHECK (epoch >= 0),
    created_at  BIGINT NOT NULL,
    description TEXT   NOT NULL
) WITHOUT ROWID;

-- Append-only: one row for each change of stock and each void. The deltas of a product always sum to its stock.
CREATE TABLE stock_ledger (
    id          INTEGER NOT NULL PRIMARY KEY,
    product     BLOB    NOT NULL REFERENCES products (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('allotment', 'sold', 'void', 'withdrawn', 'adjustment')),
    delta       BIGINT  NOT NULL,
    -- What the row settles (of an adjustment: its own id); at most once, over all products.
    reservation BLOB    UNIQUE CHECK (length(reservation) = 16),
    user_id     TEXT,
    -- Of a sale: the order it became.
    order_id    BLOB,
    created_at  BIGINT  NOT NULL,
    CHECK ((kind = 'allotment') = (reservation IS NULL)),
    CHECK ((kind = 'sold') = (order_id IS NOT NULL)),
    CHECK (CASE kind WHEN 'sold' THEN delta < 0 WHEN 'withdrawn' THEN delta <= 0 WHEN 'void' THEN delta = 0
           ELSE delta >= 0 END)
);

CREATE TRIGGER stock_ledger_is_never_changed BEFORE UPDATE ON stock_ledger
BEGIN
    SELECT RAISE(ABORT, 'the stock ledger is append-only');
END;

CREATE TRIGGER stock_ledger_is_never_shortened BEFORE DELETE ON stock_ledger
BEGIN
    SELECT RAISE(ABORT, 'the stock ledger is append-only');
END;

-- What a sale is to its buyer, with the price as it was. Found by reservation through the ledger's row.
CREATE TABLE orders (
    id          BLOB   NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    reservation BLOB   NOT NULL,
    product     BLOB   NOT NULL REFERENCES products (id),
    user_id     TEXT   NOT NULL,
    quantity    BIGINT NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    unit_price  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    -- The checkout's idempotency key, and the reservation its body named.
    key         TEXT,
    key_named   BLOB
) WITHOUT ROWID;

CREATE INDEX orders_of_a_user ON orders (user_id, id);
CREATE UNIQUE INDEX orders_by_key ON orders (product, user_id, key) WHERE key IS NOT NULL;
