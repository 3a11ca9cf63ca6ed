DROP TABLE orders;
DROP TABLE stock_ledger;
DROP TABLE products;
