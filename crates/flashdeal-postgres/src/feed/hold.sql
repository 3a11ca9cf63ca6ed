-- Takes the lease of reader $1 for the token $2 and $3 milliseconds, or renews it. `position` is null if somebody else has it, or if
-- there is no such reader (`known`). A lease that ends later than it can was taken before the clock was set back.
WITH held AS (
    UPDATE order_readers
    SET
        holder = $2,
        held_until = clock_timestamp() + $3 * interval '1 millisecond',
        held_in_run = pg_postmaster_start_time()
    WHERE
        reader = $1
        AND (
            holder = $2
            OR holder IS NULL
            OR held_until <= clock_timestamp()
            OR held_until > clock_timestamp() + interval '1 minute' + 2 * $3 * interval '1 millisecond'
        )
    RETURNING position
)

SELECT
    (SELECT position FROM held) AS position,
    EXISTS (SELECT FROM order_readers WHERE reader = $1) AS known
