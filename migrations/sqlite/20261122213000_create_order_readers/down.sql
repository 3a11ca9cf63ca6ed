DROP TABLE order_readers;
