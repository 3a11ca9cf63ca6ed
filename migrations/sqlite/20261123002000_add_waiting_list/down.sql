DROP TABLE waiting_list;
DROP INDEX products_queued;
ALTER TABLE products DROP COLUMN queued;
