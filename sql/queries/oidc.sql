-- No row: too many are under way. The old ones go on the way.
-- name: oidc_begin
WITH gone AS (
	DELETE FROM oidc_state WHERE expires_at < now()
)
INSERT INTO oidc_state (state_hash, browser_hash, return_url, challenge, app_state, expires_at)
SELECT $1::bytea, $2::bytea, $3, $4, $5, now() + $6::bigint * interval '1 second'
WHERE (SELECT count(*) FROM (SELECT FROM oidc_state WHERE expires_at >= now() LIMIT $7::bigint) s) < $7::bigint
RETURNING true;

-- Once, and only by the browser that began it.
-- name: oidc_take_state
WITH taken AS (
	DELETE FROM oidc_state WHERE state_hash = $1::bytea AND browser_hash = $2::bytea RETURNING *
)
SELECT return_url, challenge, app_state FROM taken WHERE expires_at > now();

-- name: oidc_sign_in
SELECT oidc_sign_in($1, $2, $3, $4::boolean, $5::bytea, $6, $7, $8::bigint);

-- A code is gone after its first use, good or bad. Where the app bound it to a verifier there must be that one, and where it did
-- not there must be none (RFC 9700 2.1.1); where it names the address it must be the one that the code was sent to.
-- name: oidc_take_code
WITH taken AS (
	DELETE FROM oidc_code WHERE code_hash = $1::bytea RETURNING *
)
SELECT a.user_id, a.user_name FROM taken t JOIN account a USING (user_id)
WHERE t.expires_at > now() AND t.challenge IS NOT DISTINCT FROM $2::text AND ($3::text IS NULL OR t.return_url = $3);
