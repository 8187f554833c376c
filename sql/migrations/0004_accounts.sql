-- Accounts: roles, codes for every purpose, sessions that can be looked at, a user's own data.
-- Sources: rest.md sections 3 and 11, threats.md section 6.

-- The role is super_admin, or else staff_role, or else user. Two columns, so that the release before this one still runs.
ALTER TABLE account
	ADD COLUMN staff_role text CHECK (staff_role IN ('operator', 'viewer')),
	ADD COLUMN locale text NOT NULL DEFAULT '' CHECK (locale ~ '^[A-Za-z0-9_-]{0,35}$'),
	ADD CONSTRAINT account_one_role CHECK (NOT (super_admin AND staff_role IS NOT NULL));

CREATE FUNCTION account_role(a account) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN a.super_admin THEN 'admin' ELSE coalesce(a.staff_role, 'user') END $$;

ALTER TABLE account_code
	DROP CONSTRAINT account_code_purpose_check,
	ADD CONSTRAINT account_code_purpose_check CHECK (purpose IN ('signup', 'forgot', 'delete')),
	ALTER COLUMN password_hash DROP NOT NULL,
	-- a new password comes with the code in every case but the first
	ADD CONSTRAINT account_code_purpose_password CHECK ((purpose = 'signup') = (password_hash IS NOT NULL));

-- From where and by which program a session was opened, as its owner sees it; why it ended.
ALTER TABLE session
	ADD COLUMN source inet,
	ADD COLUMN client text NOT NULL DEFAULT '' CHECK (octet_length(client) <= 200),
	ADD COLUMN end_reason text CHECK (end_reason IN ('logout', 'revoked', 'password_changed', 'stolen', 'role_changed'));

-- The networks that a session's refresh token came from lately: too many of them at once, and it is in more than one hand.
CREATE TABLE session_network (
	session_id uuid NOT NULL REFERENCES session ON DELETE CASCADE,
	network    inet NOT NULL,
	seen_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (session_id, network)
);

-- What an app keeps for its user (rest.md section 11).
CREATE TABLE account_data (
	user_id uuid PRIMARY KEY REFERENCES account ON DELETE CASCADE,
	data    jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object' AND octet_length(data::text) <= 408576)
);
