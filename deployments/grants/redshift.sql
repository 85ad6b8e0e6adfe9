-- What the loader needs in Redshift, and nothing else. To be run by a superuser, with the names filled in, and the last
-- two statements once more with each further schema that tables are declared in.
-- The login itself is made by whoever makes logins: CREATE USER headgate_loader PASSWORD '...' NOCREATEDB NOCREATEUSER
-- Only members of a group, or a user, may have COPY assume a role.
REVOKE ASSUMEROLE ON ALL FROM PUBLIC FOR ALL;
GRANT ASSUMEROLE ON 'arn:aws:iam::123456789012:role/headgate-copy' TO headgate_loader FOR COPY;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE dw FROM PUBLIC;
-- Books, proofs and rows set aside are the loader's own: what is in them is believed.
CREATE SCHEMA IF NOT EXISTS ops AUTHORIZATION headgate_loader;
CREATE SCHEMA IF NOT EXISTS quarantine AUTHORIZATION headgate_loader;
-- Where another login has made them before.
ALTER SCHEMA ops OWNER TO headgate_loader;
ALTER SCHEMA quarantine OWNER TO headgate_loader;
-- Its tables, and the candidates beside them.
CREATE SCHEMA IF NOT EXISTS shop;
GRANT USAGE, CREATE ON SCHEMA shop TO headgate_loader;
