DROP FUNCTION commit_batch;
DROP AGGREGATE taken_in_order (integer, integer);
DROP FUNCTION take_if_it_fits;
