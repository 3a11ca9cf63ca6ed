-- Who reads the ledger's orders in order, to pass them on (webhooks), and how far each of them is. Sales do not write here.
CREATE TABLE order_readers (
    reader text COLLATE "C" PRIMARY KEY,
    -- The last entry of stock_ledger that needs nothing more of this reader.
    position bigint NOT NULL,
    moved_at timestamptz (3) NOT NULL DEFAULT clock_timestamp(),
    -- The lease: whoever has this token moves the reader, until then. Anybody may take a lease that has lapsed.
    holder uuid,
    held_until timestamptz (3),
    -- The last thing that went wrong.
    failure text,
    failed_at timestamptz (3),

    CONSTRAINT reader_has_1_to_300_characters CHECK (char_length(reader) BETWEEN 1 AND 300),
    CONSTRAINT position_is_not_negative CHECK (position >= 0),
    CONSTRAINT a_lease_ends CHECK (num_nulls(holder, held_until) <> 1),
    CONSTRAINT a_failure_has_its_time CHECK (num_nulls(failure, failed_at) <> 1)
);
