-- name: mapping_request
SELECT mapping_on_request($1, $2::uuid, $3, $4::bytea, $5::integer * interval '1 second');

-- name: mapping_report
SELECT mapping_on_report($1, $2, $3::bytea, $4::boolean, $5::boolean, $6::integer, $7::bytea, $8::boolean);

-- name: mapping_state
SELECT CASE WHEN state = 'requested' AND expires_at <= clock_timestamp() THEN 'timedout' ELSE state END
FROM mapping_request WHERE request_id = $1 AND user_id = $2::uuid;

-- name: mapping_remove
DELETE FROM node_user WHERE user_id = $1::uuid AND node_id = $2;
