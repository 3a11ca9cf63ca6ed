-- Two roles with no more rights than their work needs:
--
--   flashdeal_migrator  owns the tables and functions and changes the schema;
--   flashdeal_app       what the running server uses: it can read, add, and change products, and call the functions. It
--                       cannot change or delete a line of the ledger, nor create, alter or drop anything.
--
-- Run it as a superuser in flashdeal's own database, before the first migration; running it again is harmless:
--
--     psql -v migrator_password=… -v app_password=… -f docker/postgres/roles.sql flashdeal
\set ON_ERROR_STOP on

BEGIN;

SELECT format('CREATE ROLE %I NOINHERIT', name)
FROM unnest(ARRAY['flashdeal_migrator', 'flashdeal_app']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE flashdeal_migrator LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'migrator_password';
ALTER ROLE flashdeal_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'app_password';

-- The database and the schema are for these two.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database())
\gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO flashdeal_migrator, flashdeal_app', current_database())
\gexec
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO flashdeal_migrator;
GRANT USAGE ON SCHEMA public TO flashdeal_app;

-- What the migrator will create: tables can be read, functions can be called, and by nobody else.
ALTER DEFAULT PRIVILEGES FOR ROLE flashdeal_migrator REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE flashdeal_migrator IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO flashdeal_app;
ALTER DEFAULT PRIVILEGES FOR ROLE flashdeal_migrator IN SCHEMA public GRANT SELECT ON TABLES TO flashdeal_app;

COMMIT;
