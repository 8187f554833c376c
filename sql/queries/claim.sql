-- name: claim_initiate
SELECT claim_initiate($1::uuid, $2, $3, $4, $5::bigint, $6::bigint * interval '1 second');

-- name: claim_count
SELECT claim_count($1::uuid);

-- A key that serves another node is told here already, so that nothing is signed for it.
-- name: claim_check
SELECT CASE WHEN c.said = 'ok' AND EXISTS (SELECT FROM node_key WHERE key_hash = $3::bytea AND node_id <> $2) THEN 'key_taken'
       ELSE c.said END
FROM (SELECT claim_check($1::uuid, $2) AS said) c;

-- Held by the connection, not by a transaction: signerd is asked between the check and the record.
-- name: claim_lock
SELECT pg_try_advisory_lock(4, hashtext($1));

-- name: claim_unlock
SELECT pg_advisory_unlock(4, hashtext($1));

-- name: claim_complete
SELECT claim_complete($1::uuid, $2, $3, $4, $5, $6::bigint, $7::bigint, $8::bytea, $9);
