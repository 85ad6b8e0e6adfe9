-- What the loader needs in PostgreSQL, and nothing else. To be run by the database's owner or a superuser:
--   psql -v database=dw -v loader=headgate_loader -v schema=shop -f postgresql.sql
-- and once more with each further schema that tables are declared in. Running it again changes nothing.
-- The login itself is made by whoever makes logins:
--   CREATE ROLE headgate_loader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '...'
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"loader";
-- Books, proofs and rows set aside are the loader's own: what is in them is believed.
CREATE SCHEMA IF NOT EXISTS ops AUTHORIZATION :"loader";
CREATE SCHEMA IF NOT EXISTS quarantine AUTHORIZATION :"loader";
-- Where another login has made them before.
ALTER SCHEMA ops OWNER TO :"loader";
ALTER SCHEMA quarantine OWNER TO :"loader";
-- Its tables, and the candidates beside them.
CREATE SCHEMA IF NOT EXISTS :"schema";
GRANT USAGE, CREATE ON SCHEMA :"schema" TO :"loader";
