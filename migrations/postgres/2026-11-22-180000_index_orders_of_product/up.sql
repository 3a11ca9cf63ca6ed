-- The orders of one product, in either direction: what a shop packs and books after a sale. Sales wait while it is built, about a
-- second for each million orders that are there already.
CREATE INDEX stock_ledger_orders_of_product ON stock_ledger (product_id, order_id DESC)
WHERE kind = 'sold';
