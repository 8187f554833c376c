-- Accounts: roles, codes for every purpose, sessions that can be looked at, a user's own data.
-- Sources: rest.md sections 3 and 11, threats.md section 6.

-- The role is super_admin, or else staff_role, or else user. Two columns, so that the release before this one still runs.
ALTER TABLE account
	ADD COLUMN staff_role text CHECK (staff_role IN ('operator', 'viewer')),
	ADD COLUMN locale text NOT NULL DEFAULT '' CHECK (locale ~ '^[A-Za-z0-9_-]{0,35}$'),
	-- what an app filed its user under; in order, none twice
	ADD COLUMN tags text[] NOT NULL DEFAULT '{}' CHECK (cardinality(tags) <= 32 AND octet_length(tags::text) <= 8192),
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
	ADD COLUMN end_reason text CHECK (end_reason IN ('logout', 'revoked', 'replaced', 'password_changed', 'stolen',
		'role_changed'));

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

-- What strangers do with an account is told under its id, and of a name that is no account's nothing: people type passwords there.
-- The row is written in both cases, so that both take as long.
CREATE FUNCTION account_event(the_name text, the_action text, the_detail jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('security', the_action, 'user', coalesce((SELECT user_id::text FROM account WHERE user_name = the_name), ''), the_detail);
END
$$;

-- One try of a code: the account whose code it is, or NULL; a wrong one costs a try. Tries at once wait for each other on the account's row.
-- Every function that changes an account's secrets takes that row first.
CREATE FUNCTION code_spend(the_name text, the_purpose text, the_hash bytea, OUT the_user uuid, OUT the_password text) LANGUAGE plpgsql AS
$$
DECLARE
	owner uuid;
	code account_code;
BEGIN
	SELECT user_id INTO owner FROM account
		WHERE user_name = the_name AND (confirmed_at IS NULL) = (the_purpose = 'signup') FOR NO KEY UPDATE;
	SELECT * INTO code FROM account_code
		WHERE user_id = owner AND purpose = the_purpose AND tries_left > 0 AND expires_at > clock_timestamp();
	IF code.code_hash = the_hash THEN
		DELETE FROM account_code WHERE user_id = owner AND purpose = the_purpose;
		the_user := owner;
		the_password := code.password_hash;
		RETURN;
	END IF;
	UPDATE account_code SET tries_left = tries_left - 1 WHERE user_id = code.user_id AND purpose = code.purpose;
	PERFORM account_event(the_name, 'code.wrong', jsonb_build_object('purpose', the_purpose));
END
$$;

CREATE FUNCTION account_confirm(the_name text, the_hash bytea) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
	spent record;
BEGIN
	SELECT * INTO spent FROM code_spend(the_name, 'signup', the_hash);
	UPDATE account SET password_hash = spent.the_password, confirmed_at = now() WHERE user_id = spent.the_user;
	RETURN FOUND;
END
$$;

-- Whoever knows the former password, or stole a session, is out.
CREATE FUNCTION account_reset(the_name text, the_hash bytea, new_password text) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
	spent record;
BEGIN
	SELECT * INTO spent FROM code_spend(the_name, 'forgot', the_hash);
	UPDATE account SET password_hash = new_password WHERE user_id = spent.the_user;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	DELETE FROM account_code WHERE user_id = spent.the_user;
	UPDATE session SET ended_at = now(), end_reason = 'password_changed' WHERE user_id = spent.the_user AND ended_at IS NULL;
	RETURN true;
END
$$;

-- By a session that lives, in the place of the very password that was checked; the session stays and the others end.
CREATE FUNCTION account_change_password(the_user uuid, the_session uuid, old_password text, new_password text) RETURNS boolean
	LANGUAGE plpgsql AS
$$
BEGIN
	-- the row first: what ends sessions with a new password holds it too
	PERFORM FROM account WHERE user_id = the_user AND password_hash = old_password FOR NO KEY UPDATE;
	IF NOT FOUND OR NOT EXISTS (SELECT FROM session WHERE session_id = the_session AND user_id = the_user AND ended_at IS NULL) THEN
		RETURN false;
	END IF;
	UPDATE account SET password_hash = new_password WHERE user_id = the_user;
	DELETE FROM account_code WHERE user_id = the_user;
	UPDATE session SET ended_at = now(), end_reason = 'password_changed'
		WHERE user_id = the_user AND session_id <> the_session AND ended_at IS NULL;
	RETURN true;
END
$$;

-- Is this the only administrator left? Holds the administrators' rows, in one order, so that two cannot go at once.
CREATE FUNCTION account_is_last_admin(the_user uuid) RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
	IF NOT EXISTS (SELECT FROM account WHERE user_id = the_user AND super_admin) THEN
		RETURN false;
	END IF;
	PERFORM FROM account WHERE super_admin AND confirmed_at IS NOT NULL ORDER BY user_id FOR NO KEY UPDATE;
	RETURN NOT EXISTS (SELECT FROM account WHERE super_admin AND confirmed_at IS NOT NULL AND user_id <> the_user);
END
$$;

-- `ok`, `code` or `last_admin`. Mappings, groups, shares, sessions, keys and data go with the account's row.
CREATE FUNCTION account_delete(the_name text, the_hash bytea) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	spent record;
BEGIN
	IF account_is_last_admin((SELECT user_id FROM account WHERE user_name = the_name)) THEN
		RETURN 'last_admin';
	END IF;
	SELECT * INTO spent FROM code_spend(the_name, 'delete', the_hash);
	DELETE FROM account WHERE user_id = spent.the_user;
	RETURN CASE WHEN FOUND THEN 'ok' ELSE 'code' END;
END
$$;

-- What counts as one place in the net: what a household, an office or a mobile carrier's gateway usually has.
CREATE FUNCTION network_of(source inet) RETURNS inet LANGUAGE sql IMMUTABLE AS
$$ SELECT network(set_masklen(source, CASE family(source) WHEN 4 THEN 24 ELSE 48 END))::inet $$;

-- The newest 32 are kept: more than can be met within the hour that counts.
CREATE FUNCTION session_note_network(the_session uuid, the_source inet) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	IF the_source IS NULL THEN
		RETURN;
	END IF;
	INSERT INTO session_network (session_id, network, seen_at) VALUES (the_session, network_of(the_source), clock_timestamp())
		ON CONFLICT (session_id, network) DO UPDATE SET seen_at = EXCLUDED.seen_at;
	DELETE FROM session_network WHERE session_id = the_session AND network IN (
		SELECT network FROM session_network WHERE session_id = the_session ORDER BY seen_at DESC, network OFFSET 32);
END
$$;

-- A new session, or NULL when the account or the password that was checked is no more (a NULL password: checked by other means). The longest
-- unused beyond keep_max end. Those that have ended are kept for a while: their refresh tokens would betray a thief, and their networks
-- tell the owner from strangers.
CREATE FUNCTION session_open(the_user uuid, the_password text, the_hash bytea, lifetime interval, keep_max bigint, the_source inet,
			     the_client text) RETURNS uuid LANGUAGE plpgsql AS
$$
DECLARE
	made uuid;
BEGIN
	PERFORM FROM account WHERE user_id = the_user AND confirmed_at IS NOT NULL AND (the_password IS NULL OR password_hash = the_password) FOR SHARE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	DELETE FROM session WHERE session_id IN (
		SELECT session_id FROM session WHERE user_id = the_user AND (ended_at IS NOT NULL OR expires_at <= now())
		ORDER BY coalesce(ended_at, expires_at) DESC, session_id OFFSET keep_max)
		OR (user_id = the_user AND coalesce(ended_at, expires_at) < now() - interval '90 days');
	UPDATE session SET ended_at = now(), end_reason = 'replaced' WHERE session_id IN (
		SELECT session_id FROM session WHERE user_id = the_user AND ended_at IS NULL AND expires_at > now()
		ORDER BY last_used_at DESC, session_id OFFSET keep_max - 1);
	INSERT INTO session (user_id, refresh_hash, expires_at, source, client)
		VALUES (the_user, the_hash, now() + lifetime, the_source, the_client) RETURNING session_id INTO made;
	PERFORM session_note_network(made, the_source);
	RETURN made;
END
$$;

-- `ok`, `unknown`, `ended` (somebody has a token that is worth nothing any more: told to the audit), or `stolen`: it came from more than
-- networks_max networks within the window, so the session ends here.
CREATE FUNCTION session_refresh(the_hash bytea, the_source inet, networks_max bigint, networks_window interval, OUT outcome text,
				OUT the_session uuid, OUT the_user uuid, OUT the_name text) LANGUAGE plpgsql AS
$$
DECLARE
	held session;
BEGIN
	SELECT * INTO held FROM session WHERE refresh_hash = the_hash FOR NO KEY UPDATE;
	IF held.session_id IS NULL THEN
		outcome := 'unknown';
		RETURN;
	END IF;
	SELECT user_name INTO the_name FROM account WHERE user_id = held.user_id;
	the_session := held.session_id;
	the_user := held.user_id;
	IF held.ended_at IS NOT NULL OR held.expires_at <= clock_timestamp() THEN
		PERFORM audit_write('security', 'session.refresh_refused', 'session', held.session_id::text,
				    jsonb_build_object('reason', coalesce(held.end_reason, 'expired'), 'user', held.user_id));
		outcome := 'ended';
		RETURN;
	END IF;
	PERFORM session_note_network(held.session_id, the_source);
	IF (SELECT count(*) FROM session_network WHERE session_id = held.session_id AND seen_at > clock_timestamp() - networks_window) > networks_max THEN
		UPDATE session SET ended_at = now(), end_reason = 'stolen' WHERE session_id = held.session_id;
		outcome := 'stolen';
		RETURN;
	END IF;
	UPDATE session SET last_used_at = now() WHERE session_id = held.session_id;
	outcome := 'ok';
END
$$;

-- JSON Merge Patch (RFC 7396) of two levels: an entry is merged into its like, and what stands inside is taken whole. null deletes.
CREATE FUNCTION data_merge(data jsonb, patch jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$
	SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM (
		SELECT key, value FROM jsonb_each(data) WHERE NOT patch ? key
		UNION ALL
		SELECT p.key, CASE WHEN jsonb_typeof(p.value) = 'object' THEN (
			SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}')
			FROM jsonb_each(CASE WHEN jsonb_typeof(data->p.key) = 'object' THEN data->p.key ELSE '{}' END || p.value) m
			WHERE jsonb_typeof(m.value) <> 'null') ELSE p.value END
		FROM jsonb_each(patch) p WHERE jsonb_typeof(p.value) <> 'null') merged
$$;
