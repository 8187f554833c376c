-- A code of a sign-up belongs to the account's name; a confirmed account gets none.
-- name: user_sign_up
WITH known AS (
	INSERT INTO account (user_name, locale) VALUES ($1, coalesce($6, ''))
	ON CONFLICT (user_name) DO UPDATE SET
		created_at = CASE WHEN account.confirmed_at IS NULL THEN now() ELSE account.created_at END,
		locale = CASE WHEN account.confirmed_at IS NULL THEN EXCLUDED.locale ELSE account.locale END
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

-- name: user_confirm
SELECT account_confirm($1, $2::bytea);

-- The event is written for every name, so that a commit is waited for in any case.
-- name: user_send_code
WITH known AS (
	SELECT user_id FROM account WHERE user_name = $1 AND confirmed_at IS NOT NULL
), code AS (
	INSERT INTO account_code (user_id, purpose, code_hash, tries_left, expires_at)
	SELECT user_id, $2, $3::bytea, $4::integer, now() + $5::integer * interval '1 second' FROM known
	ON CONFLICT (user_id, purpose) DO UPDATE SET code_hash = EXCLUDED.code_hash, tries_left = EXCLUDED.tries_left,
		expires_at = EXCLUDED.expires_at
)
SELECT EXISTS (SELECT FROM known), account_event($1, 'code.sent', jsonb_build_object('purpose', $2::text));

-- name: user_reset
SELECT account_reset($1, $2::bytea, $3);

-- name: user_change_password
SELECT account_change_password($1::uuid, $2::uuid, $3, $4);

-- name: user_delete
SELECT account_delete($1, $2::bytea);

-- name: user_event
SELECT account_event($1, $2);

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

-- Columns of the next two: user_from_row() in store/user.c.
-- name: user_by_id
SELECT a.user_id, a.user_name, a.display_name, a.super_admin, a.confirmed_at IS NOT NULL, us_of(a.created_at),
       (SELECT count(*) FROM node_user n WHERE n.user_id = a.user_id)
FROM account a WHERE a.user_id = $1::uuid;

-- name: user_list
SELECT a.user_id, a.user_name, a.display_name, a.super_admin, a.confirmed_at IS NOT NULL, us_of(a.created_at),
       (SELECT count(*) FROM node_user n WHERE n.user_id = a.user_id)
FROM account a WHERE a.user_name > $1 ORDER BY a.user_name LIMIT $2::bigint;
