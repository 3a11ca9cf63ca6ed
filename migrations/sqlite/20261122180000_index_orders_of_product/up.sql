-- The orders of one product, in either direction: what a shop packs and books after a sale.
CREATE INDEX orders_of_a_product ON orders (product, id);
