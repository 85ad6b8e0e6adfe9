-- What a source's login needs in PostgreSQL: to read the tables that declarations name, and nothing else. Run by their owner:
--   psql -v database=production -v reader=headgate_reader -v schema=public -v table=session_transaction -f source.sql
-- Sessions of headgate are read only whatever a login may do; a login that may do nothing else holds where that fails.
GRANT CONNECT ON DATABASE :"database" TO :"reader";
GRANT USAGE ON SCHEMA :"schema" TO :"reader";
GRANT SELECT ON :"schema".:"table" TO :"reader";
ALTER ROLE :"reader" SET default_transaction_read_only = on;
