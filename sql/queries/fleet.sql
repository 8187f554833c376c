-- What an administrator sees and does to any node: store/fleet.c.

-- The newest live certificate is the one that the node uses or is about to use.
-- Columns: node_from_row() in store/fleet.c. $3 state, $4 online, $5..$7 of the configuration, $8 days in which the certificate ends, $9 one node
-- Whose certificate ends is asked twice: of the index of ends, which leaves few nodes, and of the one certificate that counts.
-- The second c.node_id > $1 says nothing new, but where in its index a merge begins.
-- name: fleet_list
SELECT n.node_id, us_of(n.registered_at), n.connected AND n.broker <> ALL (ARRAY(SELECT name FROM broker WHERE lost_at IS NOT NULL)),
       us_of(n.presence_at), n.session_no, n.address, node_state(n),
       c.node_name, c.node_type, c.model, c.fw_version,
       (SELECT count(*) FROM node_user u WHERE u.node_id = n.node_id), k.state, k.serial, us_of(k.not_after)
FROM node n LEFT JOIN node_config c ON c.node_id = n.node_id AND c.node_id > $1
LEFT JOIN LATERAL (SELECT certificate_state(k) AS state, k.serial, k.not_after FROM node_certificate k WHERE k.node_id = n.node_id AND k.superseded_at IS NULL AND k.revoked_at IS NULL
                   ORDER BY k.issued_at DESC, k.serial LIMIT 1) k ON true
WHERE n.node_id > $1 AND ($3::text IS NULL OR node_state(n) = $3) AND ($4::boolean IS NULL OR (n.connected AND n.broker <> ALL (ARRAY(SELECT name FROM broker WHERE lost_at IS NOT NULL))) = $4)
  AND ($5::text IS NULL OR c.fw_version = $5) AND ($6::text IS NULL OR c.model = $6) AND ($7::text IS NULL OR c.node_type = $7)
  AND ($8::bigint IS NULL OR n.node_id IN (
      SELECT e.node_id FROM node_certificate e WHERE e.superseded_at IS NULL AND e.revoked_at IS NULL
      AND e.not_after > now() AND e.not_after <= now() + $8 * interval '1 day'))
  AND ($8::bigint IS NULL OR (k.not_after > now() AND k.not_after <= now() + $8 * interval '1 day'))
  AND ($9::text IS NULL OR n.node_id = $9)
ORDER BY n.node_id LIMIT $2::bigint;

-- name: fleet_count
SELECT count(*)
FROM node n LEFT JOIN node_config c USING (node_id)
WHERE ($1::text IS NULL OR node_state(n) = $1) AND ($2::boolean IS NULL OR (n.connected AND n.broker <> ALL (ARRAY(SELECT name FROM broker WHERE lost_at IS NOT NULL))) = $2)
  AND ($3::text IS NULL OR c.fw_version = $3) AND ($4::text IS NULL OR c.model = $4) AND ($5::text IS NULL OR c.node_type = $5)
  AND ($6::bigint IS NULL OR n.node_id IN (
      SELECT e.node_id FROM node_certificate e WHERE e.superseded_at IS NULL AND e.revoked_at IS NULL
      AND e.not_after > now() AND e.not_after <= now() + $6 * interval '1 day'))
  AND ($6::bigint IS NULL OR EXISTS (
      SELECT FROM (SELECT not_after FROM node_certificate k WHERE k.node_id = n.node_id AND k.superseded_at IS NULL AND k.revoked_at IS NULL
                   ORDER BY k.issued_at DESC, k.serial LIMIT 1) k
      WHERE k.not_after > now() AND k.not_after <= now() + $6 * interval '1 day'))
  AND ($7::text IS NULL OR n.node_id = $7);

-- Columns of the next two: certificate_from_row() in store/fleet.c.
-- name: fleet_certificates
SELECT c.node_id, c.serial, certificate_state(c), c.fingerprint, c.ca_key_id, us_of(c.not_before), us_of(c.not_after), us_of(c.issued_at),
       us_of(c.activated_at), us_of(c.superseded_at), us_of(c.revoked_at), c.revoked_reason, c.certificate
FROM node n LEFT JOIN node_certificate c USING (node_id)
WHERE n.node_id = $1 ORDER BY c.issued_at DESC, c.serial LIMIT $2::bigint;

-- Live ones by the time they end: behind (not_after, serial), ended or not ended and ending within $4 days.
-- name: fleet_certificates_ending
SELECT c.node_id, c.serial, certificate_state(c), c.fingerprint, c.ca_key_id, us_of(c.not_before), us_of(c.not_after), us_of(c.issued_at),
       us_of(c.activated_at), us_of(c.superseded_at), us_of(c.revoked_at), c.revoked_reason, c.certificate
FROM node_certificate c
WHERE c.superseded_at IS NULL AND c.revoked_at IS NULL AND (c.not_after, c.serial) > (time_us($1::bigint), $2)
  AND CASE WHEN $3::boolean THEN c.not_after <= now() ELSE c.not_after > now() AND c.not_after <= now() + $4::bigint * interval '1 day' END
ORDER BY c.not_after, c.serial LIMIT $5::bigint;

-- A row without a session number: the node is there, its history is empty.
-- name: fleet_connections
SELECT c.session_no, us_of(c.connected_at), c.address, us_of(c.ended_at), c.reason
FROM node n LEFT JOIN node_connection c ON c.node_id = n.node_id AND c.session_no < $2::bigint
WHERE n.node_id = $1 ORDER BY c.session_no DESC LIMIT $3::bigint;

-- name: fleet_suspend
SELECT node_suspend($1, $2::boolean);

-- name: fleet_revoke
SELECT node_revoke($1, $2);

-- name: fleet_delete
SELECT node_delete($1);

-- name: fleet_transfer
SELECT node_transfer($1, $2);

-- name: fleet_renew
SELECT certificate_record($1, $2, $3, $4::bigint, $5::bigint, $6::bytea, $7, 'renew');

-- What the broker must have taken in for everything that was committed until now to be in force.
-- name: fleet_mark
SELECT epoch, version FROM revocation_state;

-- name: fleet_in_force
SELECT coalesce(bool_and(coalesce(s.revocation_epoch = $1 AND s.revocation_version >= $2::bigint, false)), false)
FROM broker_state s FULL JOIN broker b ON b.name = s.broker WHERE b.state IS DISTINCT FROM 'gone';

-- name: fleet_brokers
SELECT k.name, coalesce(b.revocation_epoch = s.epoch AND b.revocation_version >= s.version, false), coalesce(b.revocation_version, 0), s.version,
       b.revocation, us_of(b.revocation_at), b.counters, us_of(b.counters_at), k.mqtt_host, k.service_host, k.service_port, k.state,
       us_of(k.lost_at), (SELECT count(*) FROM node n WHERE n.connected AND n.broker = k.name)
FROM revocation_state s, broker k LEFT JOIN broker_state b ON b.broker = k.name WHERE k.state <> 'gone' ORDER BY k.name;

-- name: fleet_state
SELECT node_state(n) FROM node n WHERE n.node_id = $1;
