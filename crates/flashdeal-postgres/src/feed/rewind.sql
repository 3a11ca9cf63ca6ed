-- Takes reader $1 back to before the first order of $2 or later, if it is further, and its lease away.
UPDATE order_readers
SET
    position = least(
        position,
        (SELECT min(entry) - 1 FROM stock_ledger WHERE kind = 'sold' AND at >= $2)
    ),
    moved_at = clock_timestamp(),
    holder = NULL,
    held_until = NULL
WHERE reader = $1
RETURNING position
