-- name: ping
SELECT 1;

-- Held until the connection ends, and a server process ends only when the commit under way is done. Class 3: see mapping.sql, operator.sql.
-- name: sole_take
SELECT pg_try_advisory_lock(3, hashtext($1::text));

-- Who holds it and waits for its client to speak, or to listen, has nothing under way: the client has gone without a word. Who waits
-- for a disk, a lock or a standby is left alone, since its commit may still come.
-- name: sole_evict
SELECT pg_terminate_backend(a.pid)
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (l.classid, l.objid::bigint, l.objsubid) = (3, hashtext($1::text)::bigint & 4294967295, 2)
AND a.wait_event_type = 'Client' AND pg_has_role(a.usesysid, 'USAGE');

-- Told by revocation_next_version(), and by ingest when the broker's plugin has said its state.
-- name: listen_revocation
LISTEN cistern_revocation;

-- Told by ingest when a node asks for its next certificate.
-- name: listen_certificate_request
LISTEN cistern_certificate_request;

-- Told by registration_begin.
-- name: listen_registration
LISTEN cistern_registration;

-- Told by every change of a broker's row.
-- name: listen_broker
LISTEN cistern_broker;

-- Until the end of the transaction; audit_write() reads it.
-- name: act_as
SELECT set_config('cistern.actor', $1, true);

-- Around a statement with filters that may be left out. One plan for every choice of filters walks the whole table (1.8 s of 300 000 nodes); a plan for the filters that
-- are given walks the index up to the page's end (1 ms). PostgreSQL would choose the former after five calls.
-- name: plan_each
SELECT set_config('plan_cache_mode', 'force_custom_plan', false);

-- name: plan_once
SELECT set_config('plan_cache_mode', 'auto', false);
