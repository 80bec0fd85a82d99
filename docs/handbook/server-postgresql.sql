-- Two roles for one registry, so that not even the server can take its own guards away:
--   towpath_owner   owns every table, trigger and function; makes and upgrades them, and is used for nothing else
--   towpath_server  is what the server signs in as: it reads and writes MLflow's tables, and only adds to the ledger
--
-- 1. As the administrator of PostgreSQL, once:
--      CREATE ROLE towpath_owner LOGIN;  CREATE ROLE towpath_server LOGIN;
--      CREATE DATABASE towpath OWNER towpath_owner;
-- 2. As towpath_owner: start the server once, so that it makes the tables, and stop it.
-- 3. As the administrator: psql -d towpath -f server-postgresql.sql
-- 4. From now on as towpath_server.
-- After each upgrade, steps 2 to 4 again. It does no harm to run this file twice.

\set ON_ERROR_STOP on
BEGIN;

-- What the server made while it was the owner changes hands.
DO $$
DECLARE made record;
BEGIN
 FOR made IN SELECT c.oid::regclass AS name FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' LOOP
  EXECUTE format('ALTER TABLE %s OWNER TO towpath_owner', made.name);
 END LOOP;
 FOR made IN SELECT p.oid::regprocedure AS name FROM pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace AND starts_with(p.proname, 'towpath_') LOOP
  EXECUTE format('ALTER FUNCTION %s OWNER TO towpath_owner', made.name);
 END LOOP;
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC, towpath_server;
GRANT ALL ON SCHEMA public TO towpath_owner;
GRANT USAGE ON SCHEMA public TO towpath_server;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, towpath_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO towpath_server;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO towpath_server;

REVOKE UPDATE, DELETE ON
 towpath_ledger, towpath_policies, towpath_evidence, towpath_authors, towpath_checkpoints FROM towpath_server;
REVOKE INSERT, UPDATE, DELETE ON towpath_schema, alembic_version FROM towpath_server;

COMMIT;
