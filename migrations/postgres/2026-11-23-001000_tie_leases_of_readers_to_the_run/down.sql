ALTER TABLE order_readers DROP COLUMN held_in_run;
