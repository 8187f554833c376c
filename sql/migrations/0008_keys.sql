-- Keys for machines: they act for the account that made them, within their scopes, until they expire. Source: threats.md section 6.
CREATE TABLE api_key (
	key_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id      uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	key_name     text NOT NULL CHECK (octet_length(key_name) BETWEEN 1 AND 64),
	key_hash     bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),  -- SHA-256
	-- bits of enum scope in model/permission.h
	scopes       integer NOT NULL CHECK (scopes BETWEEN 1 AND 63),
	created_at   timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz NOT NULL,
	last_used_at timestamptz,
	revoked_at   timestamptz
);
CREATE INDEX api_key_by_user ON api_key (user_id, key_id);

-- A new key, or no row when the account has keys_max that live, or is gone. Those that are dead make room; what they were is in the audit.
CREATE FUNCTION api_key_add(the_user uuid, the_name text, the_hash bytea, the_scopes integer, lifetime interval, keys_max bigint)
	RETURNS SETOF api_key LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM FROM account WHERE user_id = the_user FOR NO KEY UPDATE;  -- two at once are counted one after the other
	IF NOT FOUND THEN
		RETURN;
	END IF;
	DELETE FROM api_key WHERE user_id = the_user AND (revoked_at IS NOT NULL OR expires_at <= now());
	IF (SELECT count(*) FROM api_key WHERE user_id = the_user) >= keys_max THEN
		RETURN;
	END IF;
	RETURN QUERY INSERT INTO api_key (user_id, key_name, key_hash, scopes, expires_at)
		VALUES (the_user, the_name, the_hash, the_scopes, now() + lifetime) RETURNING *;
END
$$;

-- --- roles ---

-- There is always an administrator once there is one, whoever changes or deletes accounts. Two who go at once wait for each other here, and
-- the second sees that the first is gone.
CREATE FUNCTION account_keep_admin() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM pg_advisory_xact_lock(4, 0);
	IF NOT EXISTS (SELECT FROM account WHERE super_admin AND confirmed_at IS NOT NULL AND user_id <> OLD.user_id) THEN
		RAISE EXCEPTION 'the last administrator' USING ERRCODE = 'check_violation', CONSTRAINT = 'account_last_admin';
	END IF;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER account_keep_admin_deleted BEFORE DELETE ON account FOR EACH ROW
	WHEN (OLD.super_admin AND OLD.confirmed_at IS NOT NULL) EXECUTE FUNCTION account_keep_admin();
CREATE TRIGGER account_keep_admin_demoted BEFORE UPDATE OF super_admin ON account FOR EACH ROW
	WHEN (OLD.super_admin AND OLD.confirmed_at IS NOT NULL AND NOT NEW.super_admin) EXECUTE FUNCTION account_keep_admin();

-- A changed role ends the account's sessions (threats.md section 6). Keys go on, with what the new role leaves of their scopes: it is
-- asked with each request.
CREATE FUNCTION account_role_changed() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	UPDATE session SET ended_at = now(), end_reason = 'role_changed' WHERE user_id = NEW.user_id AND ended_at IS NULL;
	RETURN NULL;
END
$$;
CREATE TRIGGER account_role_changed AFTER UPDATE OF super_admin, staff_role ON account FOR EACH ROW
	WHEN (account_role(OLD) <> account_role(NEW)) EXECUTE FUNCTION account_role_changed();
