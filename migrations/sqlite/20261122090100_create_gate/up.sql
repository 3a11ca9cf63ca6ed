-- The gate: who holds what, until when. The server keeps all of it in memory as well and answers from there; these rows
-- are what it starts from, so they are written for appending and have no index beside their row number: one by user would
-- touch a page of its own with every hold. That a user has one hold per product is seen to in memory.

CREATE TABLE gates (
    product    BLOB   NOT NULL PRIMARY KEY CHECK (length(product) = 16),
    epoch      BIGINT NOT NULL,
    -- The record's state when the gate was opened; a newer one is taken from products at start.
    version    BIGINT NOT NULL,
    total      BIGINT NOT NULL,
    -- Rows of holds and hold_keys below this are from before the gate was last forgotten: they are over.
    first_hold BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE holds (
    -- Rises; never used twice while a hold lives.
    id          INTEGER NOT NULL PRIMARY KEY,
    product     BLOB    NOT NULL,
    user_id     TEXT    NOT NULL,
    reservation BLOB    NOT NULL,
    quantity    BIGINT  NOT NULL,
    deadline    BIGINT  NOT NULL,
    -- Milliseconds; kept so that a clock that steps back can be seen to lengthen nothing.
    ttl         BIGINT  NOT NULL
);

-- Idempotency keys of reserve with the answer they got, until the hold would lapse.
CREATE TABLE hold_keys (
    id          INTEGER NOT NULL PRIMARY KEY,
    product     BLOB    NOT NULL,
    user_id     TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    reservation BLOB    NOT NULL,
    quantity    BIGINT  NOT NULL,
    deadline    BIGINT  NOT NULL,
    ttl         BIGINT  NOT NULL
);
