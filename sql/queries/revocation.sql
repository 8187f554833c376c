-- Whom the broker must refuse, and what it has said of that.

-- What is wanted, and the last saying of one broker.
-- name: revocation_look
SELECT s.epoch, s.version, coalesce(b.revocation_epoch, ''), coalesce(b.revocation_version, 0), coalesce(b.n_said, 0)
FROM revocation_state s LEFT JOIN broker_state b ON b.broker = $1::text AND b.n_said > 0;

-- Versions become visible in their order, so what is up to $2 is all there.
-- name: revocation_changes
SELECT kind = 'node', value, node_id, reason, lifted, version FROM revocation
WHERE version > $1::bigint AND version <= $2::bigint
ORDER BY version LIMIT $3::bigint;

-- All of it, in pages. Without an upper end: what changes between two pages moves to the end, and is met there.
-- name: revocation_set
SELECT kind = 'node', value, node_id, reason, lifted, version FROM revocation
WHERE version > $1::bigint AND NOT lifted AND (not_after IS NULL OR not_after > now())
ORDER BY version LIMIT $2::bigint;

-- Nothing has to refuse an expired certificate; a day of grace for clocks.
-- name: revocation_prune
DELETE FROM revocation WHERE kind = 'certificate' AND not_after < now() - interval '1 day';
