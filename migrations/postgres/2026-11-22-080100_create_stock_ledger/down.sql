DROP TABLE stock_ledger;
DROP FUNCTION refuse_to_rewrite_the_ledger();
