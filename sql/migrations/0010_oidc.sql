-- Sign-in with an OpenID Connect provider: who is who there, sign-ins under way, and the codes that apps turn into sessions.
-- Sources: OpenID Connect Core 1.0, RFC 6749, RFC 7636, threats.md section 6.

-- Whom a provider has made has no password until they set one.
ALTER TABLE account
	ADD COLUMN by_provider boolean NOT NULL DEFAULT false,
	DROP CONSTRAINT account_check,
	ADD CONSTRAINT account_confirmed_by CHECK (confirmed_at IS NULL OR password_hash IS NOT NULL OR by_provider);

-- A subject is the provider's name for an account: never given to another, unlike an e-mail address (OpenID Connect Core 5.7).
CREATE TABLE account_identity (
	issuer       text NOT NULL CHECK (octet_length(issuer) BETWEEN 1 AND 511),
	subject      text NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 255),
	user_id      uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	linked_at    timestamptz NOT NULL DEFAULT now(),
	last_used_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (issuer, subject),
	CONSTRAINT account_identity_one_each UNIQUE (user_id, issuer)
);

-- A sign-in that went to the provider and has not come back. Only hashes: what the database holds is no use to who reads it.
CREATE TABLE oidc_state (
	state_hash   bytea PRIMARY KEY CHECK (octet_length(state_hash) = 32),
	browser_hash bytea NOT NULL CHECK (octet_length(browser_hash) = 32),
	return_url   text NOT NULL CHECK (octet_length(return_url) BETWEEN 1 AND 511),
	challenge    text CHECK (challenge ~ '^[A-Za-z0-9_-]{43}$'),       -- of the app (RFC 7636), not ours to the provider
	app_state    text CHECK (octet_length(app_state) BETWEEN 1 AND 128),
	expires_at   timestamptz NOT NULL
);
CREATE INDEX oidc_state_by_age ON oidc_state (expires_at);

-- What the app gets in its address, and gives back for a session.
CREATE TABLE oidc_code (
	code_hash    bytea PRIMARY KEY CHECK (octet_length(code_hash) = 32),
	user_id      uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	return_url   text NOT NULL CHECK (octet_length(return_url) BETWEEN 1 AND 511),
	challenge    text CHECK (challenge ~ '^[A-Za-z0-9_-]{43}$'),
	expires_at   timestamptz NOT NULL
);
CREATE INDEX oidc_code_by_age ON oidc_code (expires_at);
CREATE INDEX oidc_code_by_user ON oidc_code (user_id);

-- A new password ends what was begun before it, like the sessions.
CREATE FUNCTION oidc_code_password_changed() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	DELETE FROM oidc_code WHERE user_id = NEW.user_id;
	RETURN NULL;
END
$$;
CREATE TRIGGER oidc_code_password_changed AFTER UPDATE OF password_hash ON account FOR EACH ROW
	WHEN (OLD.password_hash IS DISTINCT FROM NEW.password_hash) EXECUTE FUNCTION oidc_code_password_changed();

CREATE FUNCTION audit_identity() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('security', CASE TG_OP WHEN 'INSERT' THEN 'identity.linked' ELSE 'identity.unlinked' END, 'user',
			    CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END::text,
			    jsonb_build_object('issuer', CASE TG_OP WHEN 'DELETE' THEN OLD.issuer ELSE NEW.issuer END),
			    CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_identity AFTER INSERT OR DELETE ON account_identity FOR EACH ROW EXECUTE FUNCTION audit_identity();

-- The account of that address, made or confirmed if nobody has it: the provider says that the address is theirs. A sign-up
-- under way loses its code and with it its password, which a stranger may have set. NULL: somebody has it.
CREATE FUNCTION oidc_take_address(the_email text) RETURNS uuid LANGUAGE plpgsql AS
$$
DECLARE
	the_user uuid;
BEGIN
	INSERT INTO account AS a (user_name, by_provider, confirmed_at) VALUES (the_email, true, now())
	ON CONFLICT (user_name) DO UPDATE SET by_provider = true, confirmed_at = now(), password_hash = NULL WHERE a.confirmed_at IS NULL
	RETURNING user_id INTO the_user;
	DELETE FROM account_code WHERE user_id = the_user;
	RETURN the_user;
END
$$;

-- Whose identity this is: 'ok' and a code for the app, or 'taken': the address is that of an account that may not be linked. Staff is
-- never linked by address: their rights would be the provider's to give.
CREATE FUNCTION oidc_sign_in(the_issuer text, the_subject text, the_email text, may_link boolean, the_code bytea, the_return_url text,
			     the_challenge text, lifetime_s bigint) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	the_user uuid;
BEGIN
	-- two sign-ins of one identity make one account: the second waits here
	PERFORM pg_advisory_xact_lock(hashtextextended('oidc ' || the_issuer || ' ' || the_subject, 0));
	UPDATE account_identity SET last_used_at = now() WHERE issuer = the_issuer AND subject = the_subject RETURNING user_id INTO the_user;
	IF the_user IS NULL THEN
		the_user := oidc_take_address(the_email);
		IF the_user IS NULL AND may_link THEN
			SELECT user_id INTO the_user FROM account a WHERE user_name = the_email AND account_role(a) = 'user'
				AND NOT EXISTS (SELECT FROM account_identity i WHERE i.user_id = a.user_id AND i.issuer = the_issuer) FOR UPDATE;
		END IF;
		IF the_user IS NULL THEN
			RETURN 'taken';
		END IF;
		INSERT INTO account_identity (issuer, subject, user_id) VALUES (the_issuer, the_subject, the_user);
	END IF;
	DELETE FROM oidc_code WHERE expires_at < now();
	INSERT INTO oidc_code (code_hash, user_id, return_url, challenge, expires_at)
	VALUES (the_code, the_user, the_return_url, the_challenge, now() + lifetime_s * interval '1 second');
	RETURN 'ok';
END
$$;
