-- What nodes reported, a column of values for each batch. Times are microseconds since 1970.

-- name: report_known_nodes
SELECT node_id FROM node WHERE node_id = ANY ($1::text[]);

-- A report merges per parameter; the version counts changes, so a redelivery counts nothing.
-- name: report_params
INSERT INTO node_param AS p (node_id, device, param, value, received_at)
SELECT r.node_id, r.device, r.param, r.value::json, time_us(r.at)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS r (node_id, device, param, value, at)
ORDER BY r.node_id, r.device, r.param
ON CONFLICT (node_id, device, param) DO UPDATE
SET value = excluded.value, received_at = excluded.received_at,
    version = p.version + (p.value::text IS DISTINCT FROM excluded.value::text)::integer;

-- The nodes of which a full report (at its time) or a configuration (0) is in this batch. Before anything else, so that of the two
-- whichever is committed second sees the first.
-- name: report_full
INSERT INTO node_full_report AS f (node_id, received_at)
SELECT u.node_id, time_us(max(nullif(u.at, 0)))
FROM unnest($1::text[], $2::bigint[]) AS u (node_id, at)
GROUP BY u.node_id ORDER BY u.node_id
ON CONFLICT (node_id) DO UPDATE SET received_at = greatest(f.received_at, excluded.received_at);

-- After a full report or a configuration, whichever is committed second: what the report did not name goes, if the node's configuration
-- does not name it either (mqtt.md 4.2). Without a configuration nothing goes. Rows are locked in the order of report_params.
-- name: report_params_sweep
DELETE FROM node_param p USING (
    SELECT q.node_id, q.device, q.param
    FROM node_param q JOIN node_full_report f ON f.node_id = q.node_id JOIN node_config c ON c.node_id = q.node_id
    WHERE q.node_id = ANY ($1::text[]) AND q.received_at < f.received_at
    AND NOT EXISTS (
        SELECT FROM json_array_elements(CASE json_typeof(c.config->'devices') WHEN 'array' THEN c.config->'devices' ELSE '[]' END) d,
                    json_array_elements(CASE json_typeof(d->'params') WHEN 'array' THEN d->'params' ELSE '[]' END) n
        WHERE d->>'name' = q.device AND n->>'name' = q.param)
    AND NOT EXISTS (
        SELECT FROM json_array_elements(CASE json_typeof(c.config->'services') WHEN 'array' THEN c.config->'services' ELSE '[]' END) d,
                    json_array_elements(CASE json_typeof(d->'params') WHEN 'array' THEN d->'params' ELSE '[]' END) n
        WHERE d->>'name' = q.device AND n->>'name' = q.param)
    ORDER BY q.node_id, q.device, q.param FOR UPDATE OF q) gone
WHERE p.node_id = gone.node_id AND p.device = gone.device AND p.param = gone.param;

-- name: report_config
INSERT INTO node_config (node_id, config, node_name, node_type, model, fw_version, received_at)
SELECT r.node_id, r.config::json, r.node_name, r.node_type, r.model, r.fw_version, time_us(r.at)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
     AS r (node_id, config, node_name, node_type, model, fw_version, at)
ORDER BY r.node_id
ON CONFLICT (node_id) DO UPDATE
SET config = excluded.config, node_name = excluded.node_name, node_type = excluded.node_type, model = excluded.model,
    fw_version = excluded.fw_version, received_at = excluded.received_at;

-- The broker $3 (re)started: every session there before its first is over. A number from the future is of a clock that was set back since;
-- it would hide every new session.
-- name: report_broker_started
UPDATE node SET connected = false, presence_at = time_us($2::bigint),
                session_no = CASE WHEN session_no > $2::bigint + 60000000 THEN 0 ELSE session_no END
WHERE broker = $3 AND ((connected AND session_no < $1::bigint) OR session_no > $2::bigint + 60000000);

-- The newest session wins; within one session the disconnect is the last word. When the broker was started within this batch
-- (number $6, time $7, else 0), older sessions are over, although the statement before this one could not know of them yet.
-- The numbers are times, so they tell also which of two brokers ($8 is this batch's) has the node.
-- name: report_presence
UPDATE node n SET connected = r.connected, session_no = r.session_no, presence_at = time_us(r.at), broker = $8::text,
                  address = coalesce(r.address, CASE n.session_no WHEN r.session_no THEN n.address END)
FROM (SELECT DISTINCT ON (node_id) node_id, session_no, max(address) AS address,
             bool_and(connected) AND session_no >= $6::bigint AS connected,
             CASE WHEN bool_and(connected) AND session_no < $6 THEN $7::bigint
                  ELSE coalesce(max(at) FILTER (WHERE NOT connected), max(at)) END AS at
      FROM unnest($1::text[], $2::boolean[], $3::bigint[], $4::bigint[], $5::text[]) AS u (node_id, connected, session_no, at, address)
      GROUP BY node_id, session_no
      ORDER BY node_id, session_no DESC) r
WHERE n.node_id = r.node_id
AND (r.session_no > n.session_no OR (r.session_no = n.session_no AND n.connected AND NOT r.connected AND n.broker = $8));

-- Two brokers' clocks are never quite the same. A node that left the one for the other within that difference ended with the higher
-- number and lives with the lower: off line here, its newest session at another broker is looked for. After the history is written.
-- name: report_presence_elsewhere
UPDATE node n SET connected = true, session_no = o.session_no, presence_at = o.connected_at, address = o.address, broker = o.broker
FROM (SELECT DISTINCT ON (c.node_id) c.node_id, c.session_no, c.connected_at, c.address, c.broker
      FROM node m JOIN node_connection c ON c.node_id = m.node_id AND c.broker <> m.broker
      WHERE m.node_id = ANY ($1::text[]) AND NOT m.connected AND c.ended_at IS NULL AND c.connected_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM node_connection l WHERE l.node_id = c.node_id AND l.broker = c.broker AND l.session_no > c.session_no)
      ORDER BY c.node_id, c.session_no DESC) o
WHERE n.node_id = o.node_id AND NOT n.connected;

-- The history: a session's row takes what each message knows of it, in any order and any number of times. The broker's own word about
-- an end replaces what was only concluded from its restart.
-- name: report_connections
INSERT INTO node_connection AS c (node_id, session_no, broker, connected_at, address, ended_at, reason)
SELECT r.node_id, r.session_no, $9::text, time_us(min(r.at) FILTER (WHERE r.connected)), max(r.address),
       time_us(coalesce(max(r.at) FILTER (WHERE NOT r.connected), CASE WHEN r.session_no < $7::bigint THEN $8::bigint END)),
       coalesce(max(r.reason), CASE WHEN bool_and(r.connected) AND r.session_no < $7 THEN 'broker_restarted' END)
FROM unnest($1::text[], $2::boolean[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
     AS r (node_id, connected, session_no, at, address, reason) JOIN node USING (node_id)
GROUP BY r.node_id, r.session_no
ORDER BY r.node_id, r.session_no
ON CONFLICT (node_id, session_no) DO UPDATE
SET connected_at = coalesce(c.connected_at, excluded.connected_at), address = coalesce(c.address, excluded.address),
    ended_at = CASE WHEN c.ended_at IS NULL OR c.reason = 'broker_restarted' THEN coalesce(excluded.ended_at, c.ended_at) ELSE c.ended_at END,
    reason = CASE WHEN c.ended_at IS NULL OR c.reason = 'broker_restarted' THEN coalesce(excluded.reason, c.reason) ELSE c.reason END
WHERE (c.connected_at IS NULL AND excluded.connected_at IS NOT NULL)
OR (excluded.ended_at IS NOT NULL AND (c.ended_at IS NULL OR (c.reason = 'broker_restarted' AND excluded.reason <> 'broker_restarted')));

-- The newest hundred of each node that this batch is about stay.
-- name: report_connections_prune
DELETE FROM node_connection c USING (SELECT DISTINCT node_id FROM unnest($1::text[]) AS u (node_id)) r
WHERE c.node_id = r.node_id
AND c.session_no < (SELECT o.session_no FROM node_connection o WHERE o.node_id = r.node_id ORDER BY o.session_no DESC OFFSET 99 LIMIT 1);

-- As report_broker_started, for the history.
-- name: report_connections_over
UPDATE node_connection SET ended_at = time_us($2::bigint), reason = 'broker_restarted'
WHERE ended_at IS NULL AND broker = $3 AND (session_no < $1::bigint OR session_no > $2::bigint + 60000000);

-- A pending certificate becomes active with its first connection. All nodes are locked before the first certificate is touched, as
-- elsewhere: a node's lock comes before that of the revocations' version.
-- name: report_certificates_connected
SELECT certificate_connected(u.node_id, u.fingerprint)
FROM (SELECT array_agg(p.node_id) AS node_ids, array_agg(p.fingerprint) AS fingerprints
      FROM (SELECT n.node_id, c.fingerprint
            FROM unnest($1::text[], $2::text[]) AS r (node_id, fingerprint)
            JOIN node_certificate c ON c.node_id = r.node_id AND c.fingerprint = r.fingerprint
                 AND c.activated_at IS NULL AND c.superseded_at IS NULL AND c.revoked_at IS NULL
            JOIN node n ON n.node_id = r.node_id
            ORDER BY n.node_id FOR UPDATE OF n) p) a,
     unnest(a.node_ids, a.fingerprints) AS u (node_id, fingerprint);

-- What a broker's plugin said of itself. The thread that keeps it up to date is woken.
-- name: report_broker_revocation
WITH said AS (
    INSERT INTO broker_state AS b (broker, revocation_epoch, revocation_version, revocation, revocation_at, n_said)
    VALUES ($1::text, $2::text, $3::bigint, convert_from($4::bytea, 'UTF8')::json, time_us($5::bigint), 1)
    ON CONFLICT (broker) DO UPDATE
    SET revocation_epoch = excluded.revocation_epoch, revocation_version = excluded.revocation_version,
        revocation = excluded.revocation, revocation_at = excluded.revocation_at, n_said = b.n_said + 1
    RETURNING broker)
SELECT pg_notify('cistern_revocation', '') FROM said;

-- name: report_broker_counters
INSERT INTO broker_state (broker, counters, counters_at)
VALUES ($1::text, convert_from($2::bytea, 'UTF8')::json, time_us($3::bigint))
ON CONFLICT (broker) DO UPDATE SET counters = excluded.counters, counters_at = excluded.counters_at;

-- name: report_ota_fetch
INSERT INTO ota_fetch (node_id, fw_version, network_id, received_at)
SELECT r.node_id, r.fw_version, r.network_id, time_us(r.at)
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS r (node_id, fw_version, network_id, at)
ORDER BY r.node_id
ON CONFLICT (node_id) DO UPDATE
SET fw_version = excluded.fw_version, network_id = excluded.network_id, received_at = excluded.received_at;

-- The node's last request counts. The same one again only opens it, so that its answer is sent again.
-- name: report_certificate_request
WITH written AS (
    INSERT INTO certificate_request AS c (node_id, csr, digest, received_at)
    SELECT DISTINCT ON (r.node_id) r.node_id, r.csr, r.digest, time_us(r.at)
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[]) WITH ORDINALITY AS r (node_id, csr, digest, at, n)
    ORDER BY r.node_id, r.n DESC
    ON CONFLICT (node_id) DO UPDATE
    SET csr = excluded.csr, digest = excluded.digest, received_at = excluded.received_at, answered_at = NULL,
        answer = CASE WHEN c.digest = excluded.digest THEN c.answer END
    RETURNING node_id)
SELECT pg_notify('cistern_certificate_request', '') FROM written LIMIT 1;

-- The next three add rows, so each knows a redelivery: it has the message id and digest of a row before it in the same batch, or it may
-- be one and has those of a row of the last week. A message without id (QoS 0) is never sent again.
-- name: report_ota_status
INSERT INTO ota_status (node_id, ota_job_id, status, additional_info, node_ts, received_at, delivery_mid, digest)
SELECT r.node_id, r.ota_job_id, r.status, r.additional_info, r.node_ts, time_us(r.at), r.mid, r.digest
FROM (SELECT *, row_number() OVER (PARTITION BY node_id, mid, digest ORDER BY n) AS copy
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[], $9::boolean[])
           WITH ORDINALITY AS u (node_id, ota_job_id, status, additional_info, node_ts, at, mid, digest, may_repeat, n)) r
WHERE r.mid = 0 OR r.copy = 1 AND NOT (r.may_repeat AND EXISTS (SELECT FROM ota_status o WHERE o.node_id = r.node_id AND o.delivery_mid = r.mid
                             AND o.digest = r.digest AND o.received_at > time_us(r.at) - interval '7 days'))
ORDER BY r.n;

-- name: report_alert
INSERT INTO alert (node_id, kind, body, salvaged, received_at, delivery_mid, digest)
SELECT r.node_id, r.kind, r.body::json, r.salvaged, time_us(r.at), r.mid, r.digest
FROM (SELECT *, row_number() OVER (PARTITION BY node_id, mid, digest ORDER BY n) AS copy
      FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[], $7::bytea[], $8::boolean[])
           WITH ORDINALITY AS u (node_id, kind, body, salvaged, at, mid, digest, may_repeat, n)) r
WHERE r.mid = 0 OR r.copy = 1 AND NOT (r.may_repeat AND EXISTS (SELECT FROM alert a WHERE a.node_id = r.node_id AND a.delivery_mid = r.mid
                             AND a.digest = r.digest AND a.received_at > time_us(r.at) - interval '7 days'))
ORDER BY r.n;

-- name: report_dead_letter
INSERT INTO dead_letter (topic, reason, payload, payload_bytes, received_at, delivery_mid, digest)
SELECT r.topic, r.reason, r.payload, r.payload_bytes, time_us(r.at), r.mid, r.digest
FROM (SELECT *, row_number() OVER (PARTITION BY topic, mid, digest ORDER BY n) AS copy
      FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::boolean[])
           WITH ORDINALITY AS u (topic, reason, payload, payload_bytes, at, mid, digest, may_repeat, n)) r
WHERE r.mid = 0 OR r.copy = 1 AND NOT (r.may_repeat AND EXISTS (SELECT FROM dead_letter l WHERE l.topic = r.topic AND l.delivery_mid = r.mid
                             AND l.digest = r.digest AND l.received_at > time_us(r.at) - interval '7 days'))
ORDER BY r.n;

-- Something to commit in every batch. A repetition may find all of its rows there, from a commit that no standby has yet (the primary was
-- restarted meanwhile); a transaction that writes nothing would not wait for the standby, and it would be acknowledged.
-- name: report_written
SELECT pg_logical_emit_message(true, 'cistern', '');
