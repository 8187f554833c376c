-- A code of a sign-up belongs to the account's name; a confirmed account gets none.
-- name: user_sign_up
WITH known AS (
	INSERT INTO account (user_name) VALUES ($1)
	ON CONFLICT (user_name) DO UPDATE SET created_at = CASE WHEN account.confirmed_at IS NULL THEN now() ELSE account.created_at END
	RETURNING user_id, confirmed_at IS NOT NULL AS confirmed
), code AS (
	INSERT INTO account_code (user_id, purpose, code_hash, password_hash, tries_left, expires_at)
	SELECT user_id, 'signup', $2::bytea, $3, $4::integer, now() + $5::integer * interval '1 second' FROM known WHERE NOT confirmed
	ON CONFLICT (user_id, purpose) DO UPDATE SET code_hash = EXCLUDED.code_hash, password_hash = EXCLUDED.password_hash,
		tries_left = EXCLUDED.tries_left, expires_at = EXCLUDED.expires_at
)
SELECT confirmed FROM known;

-- name: user_forget_stale
DELETE FROM account WHERE confirmed_at IS NULL AND user_id IN (
	SELECT user_id FROM account WHERE confirmed_at IS NULL AND created_at < now() - interval '1 day'
	ORDER BY created_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED);

-- One try. Two at once wait for each other on the code's row, and the second sees what the first left of it.
-- name: user_confirm
WITH live AS (
	SELECT c.user_id, c.code_hash = $2::bytea AS fits, c.password_hash
	FROM account a JOIN account_code c USING (user_id)
	WHERE a.user_name = $1 AND a.confirmed_at IS NULL AND c.purpose = 'signup' AND c.tries_left > 0 AND c.expires_at > now()
	FOR UPDATE OF c
), missed AS (
	UPDATE account_code c SET tries_left = c.tries_left - 1 FROM live
	WHERE c.user_id = live.user_id AND c.purpose = 'signup' AND NOT live.fits
), used AS (
	DELETE FROM account_code c USING live WHERE c.user_id = live.user_id AND c.purpose = 'signup' AND live.fits
)
UPDATE account a SET password_hash = live.password_hash, confirmed_at = now() FROM live
WHERE a.user_id = live.user_id AND live.fits;

-- A sign-up that nobody confirmed gives way to the operator's word.
-- name: user_add
WITH added AS (
	INSERT INTO account (user_name, password_hash, super_admin, confirmed_at) VALUES ($1, $2, $3::boolean, now())
	ON CONFLICT (user_name) DO UPDATE SET password_hash = EXCLUDED.password_hash, super_admin = EXCLUDED.super_admin,
		confirmed_at = EXCLUDED.confirmed_at WHERE account.confirmed_at IS NULL
	RETURNING user_id
), pending AS (
	DELETE FROM account_code c USING added WHERE c.user_id = added.user_id
)
SELECT user_id FROM added;

-- name: user_login
SELECT a.user_id, a.confirmed_at IS NOT NULL, coalesce(a.password_hash, c.password_hash)
FROM account a LEFT JOIN account_code c ON c.user_id = a.user_id AND c.purpose = 'signup'
WHERE a.user_name = $1;

-- Columns: user_from_row() in store/user.c.
-- name: user_by_id
SELECT a.user_id, a.user_name, a.display_name, a.super_admin, a.confirmed_at IS NOT NULL, us_of(a.created_at),
       (SELECT count(*) FROM node_user n WHERE n.user_id = a.user_id)
FROM account a WHERE a.user_id = $1::uuid;
