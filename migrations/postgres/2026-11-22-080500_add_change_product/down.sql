DROP FUNCTION change_product;
