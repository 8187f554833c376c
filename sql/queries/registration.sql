-- Registration in bulk: store/registration.c.

-- $1 node ids; one row each, in order. Live: the newest certificate that is neither superseded nor revoked.
-- name: registration_look
SELECT CASE WHEN n.node_id IS NOT NULL THEN node_state(n) END, k.key_hash, k.fingerprint, k.certificate
FROM unnest($1::text[]) WITH ORDINALITY r (node_id, at) LEFT JOIN node n USING (node_id)
LEFT JOIN LATERAL (SELECT * FROM node_certificate k WHERE k.node_id = n.node_id AND k.superseded_at IS NULL AND k.revoked_at IS NULL
                   ORDER BY k.issued_at DESC, k.serial LIMIT 1) k ON true
ORDER BY r.at;

-- One row after the other in one transaction: each sees what the ones before it did.
-- name: registration_import
SELECT node_import(node_id, serial, certificate, from_us, to_us, key, ca, fingerprint)
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[], $8::text[])
     WITH ORDINALITY r (node_id, serial, certificate, from_us, to_us, key, ca, fingerprint, at)
ORDER BY at;

-- A user's registrations are forgotten after a week; the newest hundred orders of them are enough for anybody.
-- name: registration_forget
DELETE FROM registration WHERE user_id = $1::uuid AND state <> 'in_progress' AND (changed_at < now() - interval '7 days'
	OR request_id IN (SELECT request_id FROM registration WHERE user_id = $1::uuid AND state <> 'in_progress'
	                  ORDER BY created_at DESC, request_id OFFSET 99));

-- name: registration_insert
INSERT INTO registration (request_id, user_id, kind, file_name, upload_hash, content, state, n_rows, n_done)
VALUES ($1, $2::uuid, $3, $4, $5::bytea, $6, $7, $8::bigint, $8::bigint);

-- An address is good for an hour.
-- name: registration_may_upload
SELECT 1 FROM registration WHERE request_id = $1 AND upload_hash = $2::bytea AND state IN ('upload', 'uploaded')
AND changed_at > now() - interval '1 hour';

-- name: registration_upload
UPDATE registration SET content = $3, state = 'uploaded' WHERE request_id = $1 AND upload_hash = $2::bytea
AND state IN ('upload', 'uploaded') AND changed_at > now() - interval '1 hour';

-- name: registration_download
SELECT CASE kind WHEN 'node_ids' THEN content ELSE failed_rows END FROM registration
WHERE request_id = $1 AND upload_hash = $2::bytea AND state IN ('success', 'failure') AND changed_at > now() - interval '1 hour';

-- The upload that is meant: by request id, or the newest of that name. MD5 as the client tells it, in hexadecimal or base64; it finds
-- a file that was cut on its way, nothing more.
-- name: registration_find
SELECT request_id, state, lower($4) = md5(content) OR $4 = encode(decode(md5(content), 'hex'), 'base64') OR $4 IS NULL
FROM registration WHERE user_id = $1::uuid AND kind = 'certificates' AND ($2::text IS NULL OR request_id = $2) AND file_name = $3
ORDER BY created_at DESC LIMIT 1;

-- The address that it came by is spent; the daemon's worker is told when this commits.
-- name: registration_begin
WITH begun AS (
	UPDATE registration SET state = 'in_progress', options = $2::json, upload_hash = NULL, changed_at = now()
	WHERE request_id = $1 AND state = 'uploaded' RETURNING request_id
)
SELECT pg_notify('cistern_registration', '') FROM begun;

-- name: registration_state
SELECT state, description, n_rows, n_done, failed_rows <> '', kind FROM registration WHERE request_id = $1 AND user_id = $2::uuid;

-- A new address for its file; the one before is no longer good.
-- name: registration_readdress
UPDATE registration SET upload_hash = $3::bytea, changed_at = now() WHERE request_id = $1 AND user_id = $2::uuid
AND state IN ('success', 'failure');

-- name: registration_next
SELECT request_id, content, n_done, n_failed FROM registration WHERE state = 'in_progress' ORDER BY created_at LIMIT 1;

-- Two daemons may have taken the same one: the rows do not mind, and only the first one's word counts.
-- name: registration_progress
UPDATE registration SET n_done = $2::bigint, n_rows = $2::bigint, n_failed = $3::bigint, failed_rows = failed_rows || $4, changed_at = now()
WHERE request_id = $1 AND state = 'in_progress' AND n_done < $2::bigint;

-- What was uploaded is not needed any more.
-- name: registration_end
UPDATE registration SET state = $2, description = $3, content = NULL, changed_at = now() WHERE request_id = $1 AND state = 'in_progress';
