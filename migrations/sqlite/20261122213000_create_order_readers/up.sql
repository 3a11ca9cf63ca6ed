-- Who reads the ledger's orders in order, to pass them on (webhooks), and how far each of them is. Sales do not write here. Who
-- may move a reader is kept in memory: one process at a time has this file.
CREATE TABLE order_readers (
    reader    TEXT   NOT NULL PRIMARY KEY CHECK (length(reader) BETWEEN 1 AND 300),
    -- The last row of stock_ledger that needs nothing more of this reader.
    position  BIGINT NOT NULL CHECK (position >= 0),
    moved_at  BIGINT NOT NULL,
    -- The last thing that went wrong.
    failure   TEXT,
    failed_at BIGINT,
    CHECK ((failure IS NULL) = (failed_at IS NULL))
) WITHOUT ROWID;
