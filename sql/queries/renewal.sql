-- The node's own requests for its next certificate: written by report_certificate_request (report.sql).

-- The oldest open ones. An answer that is there already is sent again, unless it carries a certificate that is none any more; then
-- the request counts as new. Columns: request_from_row() in store/renewal.c.
-- name: renewal_open
SELECT r.node_id, r.csr, encode(r.digest, 'hex'), us_of(r.received_at),
       (SELECT r.answer WHERE EXISTS (
            SELECT FROM node_certificate c WHERE c.node_id = r.node_id AND c.certificate = r.answer::json->>'certificate'
            AND c.superseded_at IS NULL AND c.revoked_at IS NULL)),
       node_state(n), coalesce(r.renewed_at > now() - $2::bigint * interval '1 second', false)
FROM certificate_request r JOIN node n USING (node_id)
WHERE r.answered_at IS NULL ORDER BY r.received_at, r.node_id LIMIT $1::bigint;

-- name: renewal_key_is_taken
SELECT EXISTS (SELECT FROM node_key WHERE key_hash = $2::bytea AND node_id <> $1);

-- name: renewal_record
SELECT certificate_renew($1, decode($2, 'hex'), $3, $4, $5, $6::bigint, $7::bigint, $8::bytea, $9);

-- A failure is not kept: the node that asks again is looked at again. One that has asked again since ($4) waits for another answer.
-- name: renewal_answered
UPDATE certificate_request SET answered_at = now(), answer = CASE WHEN $3::boolean THEN answer END
WHERE node_id = $1 AND digest = decode($2, 'hex') AND received_at = time_us($4::bigint) AND answered_at IS NULL;
