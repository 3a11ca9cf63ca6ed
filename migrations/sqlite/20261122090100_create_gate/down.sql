DROP TABLE hold_keys;
DROP TABLE holds;
DROP TABLE gates;
