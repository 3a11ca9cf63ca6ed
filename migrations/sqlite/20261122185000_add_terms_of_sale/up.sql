-- The terms of a sale: from when, until before when, and how many units one hold may have. Null: no such term. Instants from
-- 1970 to the end of 9998.
ALTER TABLE products ADD COLUMN starts_at BIGINT CHECK (starts_at BETWEEN 0 AND 253370764799999);
ALTER TABLE products ADD COLUMN ends_at BIGINT CHECK (ends_at BETWEEN 0 AND 253370764799999 AND ends_at > starts_at);
ALTER TABLE products ADD COLUMN max_per_reservation BIGINT CHECK (max_per_reservation BETWEEN 1 AND 1000000);
