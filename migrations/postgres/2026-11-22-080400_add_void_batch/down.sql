DROP FUNCTION void_batch;
