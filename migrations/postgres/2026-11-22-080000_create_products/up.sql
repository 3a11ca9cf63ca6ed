-- What is on sale. The row of a product is also the lock that all writers of its stock take first.
CREATE TABLE products (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL,
    price_cents bigint NOT NULL,
    -- What is left to sell: always the sum of the product's deltas in the ledger.
    total_stock integer NOT NULL,
    -- Rises by one with every change of the row.
    version bigint NOT NULL DEFAULT 1,
    -- The fence: rises by one whenever a gate is opened from this record.
    epoch bigint NOT NULL DEFAULT 0,
    created_at timestamptz (3) NOT NULL,

    CONSTRAINT name_has_1_to_200_characters CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT description_has_at_most_5000_characters CHECK (char_length(description) <= 5000),
    CONSTRAINT price_is_0_to_9999999999_99 CHECK (price_cents BETWEEN 0 AND 999999999999),
    CONSTRAINT total_stock_is_0_to_1000000000 CHECK (total_stock BETWEEN 0 AND 1000000000),
    CONSTRAINT version_is_positive CHECK (version >= 1),
    CONSTRAINT epoch_is_not_negative CHECK (epoch >= 0)
) WITH (
    -- A row on sale changes thousands of times a minute. With room on its page, and none of the changing columns in an
    -- index, each new version stays beside the old one and touches no index (HOT); vacuum comes by early.
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02
);
