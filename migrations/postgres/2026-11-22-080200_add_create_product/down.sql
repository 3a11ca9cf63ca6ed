DROP FUNCTION create_product;
