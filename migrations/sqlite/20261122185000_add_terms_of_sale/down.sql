ALTER TABLE products DROP COLUMN max_per_reservation;
ALTER TABLE products DROP COLUMN ends_at;
ALTER TABLE products DROP COLUMN starts_at;
