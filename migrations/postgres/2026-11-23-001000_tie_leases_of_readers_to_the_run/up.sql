-- Which run of the server gave the lease. In another one, after a failover, what its holder has read may not be there any more, and
-- others may have taken its place: it has to begin anew from the position that is here.
ALTER TABLE order_readers ADD COLUMN held_in_run timestamptz;
