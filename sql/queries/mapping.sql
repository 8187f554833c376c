-- name: mapping_request
SELECT mapping_on_request($1, $2::uuid, $3, $4::bytea, $5::integer * interval '1 second', $6::text[], $7::jsonb, $8);

-- name: mapping_report
SELECT mapping_on_report($1, $2, $3::bytea, $4::boolean, $5::boolean, $6::integer, $7::bytea, $8::boolean);

-- name: mapping_state
SELECT CASE WHEN state = 'requested' AND expires_at <= clock_timestamp() THEN 'timedout' ELSE state END, left_out
FROM mapping_request WHERE request_id = $1 AND user_id = $2::uuid;

-- name: mapping_remove
SELECT mapping_remove($1::uuid, $2);

-- name: challenge_new
SELECT challenge_new($1, $2::uuid, $3, $4::integer * interval '1 second');

-- No row: no such challenge of this user, or the node has no certificate to answer with.
-- name: challenge_get
SELECT h.challenge, c.serial, c.certificate
FROM node_challenge h, challenge_certificate($3) c
WHERE h.request_id = $1 AND h.user_id = $2::uuid AND h.expires_at > clock_timestamp() AND c.serial IS NOT NULL;

-- name: challenge_settle
SELECT challenge_settle($1, $2::uuid, $3, $4, $5::text[], $6::jsonb);
