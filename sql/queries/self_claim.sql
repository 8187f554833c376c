-- The administrator's list.

-- name: self_claim_put
INSERT INTO self_claim_device (mac, secret)
SELECT DISTINCT ON (r.mac) r.mac, r.secret FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS r (mac, secret, n)
ORDER BY r.mac, r.n DESC
ON CONFLICT (mac) DO UPDATE SET secret = excluded.secret;

-- name: self_claim_list
SELECT mac, us_of(added_at) FROM self_claim_device WHERE mac > $1 ORDER BY mac LIMIT $2::bigint;

-- name: self_claim_remove
DELETE FROM self_claim_device WHERE mac = $1;

-- name: self_claim_secret
SELECT encode(secret, 'hex') FROM self_claim_device WHERE mac = $1;

-- Challenges. What is over goes, and of one MAC the oldest beyond $5 - 1 make room; $6 are kept in all.
-- name: self_claim_challenge_new
WITH over AS (
    DELETE FROM self_claim_challenge WHERE auth_id IN (
        SELECT auth_id FROM self_claim_challenge WHERE expires_at <= now() LIMIT 100 FOR UPDATE SKIP LOCKED)),
crowded AS (
    DELETE FROM self_claim_challenge WHERE auth_id IN (
        SELECT auth_id FROM self_claim_challenge WHERE mac = $2 AND expires_at > now()
        ORDER BY expires_at DESC OFFSET $5::bigint - 1 FOR UPDATE SKIP LOCKED))
INSERT INTO self_claim_challenge (auth_id, mac, challenge, expires_at)
SELECT $1, $2, $3, now() + $4::bigint * interval '1 second'
WHERE (SELECT count(*) FROM self_claim_challenge WHERE expires_at > now()) < $6::bigint;

-- Single use: looking at it takes it away.
-- name: self_claim_challenge_take
DELETE FROM self_claim_challenge WHERE auth_id = $1 RETURNING mac, challenge, expires_at > now();

-- May it have a certificate over this key? Nothing is signed otherwise.
-- name: self_claim_check
SELECT CASE WHEN EXISTS (SELECT FROM node n WHERE n.node_id = $1 AND node_state(n) <> 'active')
            THEN (SELECT node_state(n) FROM node n WHERE n.node_id = $1)
            WHEN EXISTS (SELECT FROM node_key WHERE key_hash = $2::bytea AND node_id <> $1) THEN 'key_taken' ELSE 'ok' END;

-- name: self_claim_complete
SELECT self_claim_complete($1, $2, $3, $4::bigint, $5::bigint, $6::bytea, $7);
