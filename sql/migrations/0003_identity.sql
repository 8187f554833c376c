-- Claims, the life of a certificate, suspension and revocation, history of connections.
-- Sources: claiming.md sections 1, 5, 6; threats.md sections 2 and 5.

-- --- nodes and certificates ---

ALTER TABLE node ADD COLUMN suspended_at timestamptz, ADD COLUMN revoked_at timestamptz;

CREATE FUNCTION node_state(n node) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN n.revoked_at IS NOT NULL THEN 'revoked' WHEN n.suspended_at IS NOT NULL THEN 'suspended' ELSE 'active' END $$;

-- A certificate is pending until it has connected once; then active. It ends as superseded (a newer one has connected, or took
-- its place before it ever did) or revoked. The times are the state, so that no two columns can disagree.
-- fingerprint: SHA-256 of the DER form, what the broker's plugin knows a certificate by.
ALTER TABLE node_certificate
	ADD COLUMN activated_at timestamptz,
	ADD COLUMN revoked_at timestamptz,
	ADD COLUMN revoked_reason text CHECK (length(revoked_reason) <= 64),
	ADD COLUMN key_hash bytea CHECK (octet_length(key_hash) = 32),  -- SHA-256 of the SubjectPublicKeyInfo
	ADD COLUMN ca_key_id text CHECK (ca_key_id ~ '^[0-9a-f]{40}$'), -- subjectKeyIdentifier of the CA that signed it; NULL: not ours
	ADD COLUMN fingerprint text NOT NULL GENERATED ALWAYS AS
		(encode(sha256(decode(regexp_replace(certificate, '-----[A-Z ]+-----|[[:space:]]', '', 'g'), 'base64')), 'hex')) STORED;
-- until now there was no telling whether one had connected
UPDATE node_certificate SET activated_at = issued_at;
DROP INDEX node_certificate_live;
CREATE UNIQUE INDEX node_certificate_active ON node_certificate (node_id)
	WHERE activated_at IS NOT NULL AND superseded_at IS NULL AND revoked_at IS NULL;
CREATE UNIQUE INDEX node_certificate_pending ON node_certificate (node_id)
	WHERE activated_at IS NULL AND superseded_at IS NULL AND revoked_at IS NULL;
CREATE UNIQUE INDEX node_certificate_fingerprint ON node_certificate (fingerprint);
CREATE INDEX node_certificate_by_node ON node_certificate (node_id, issued_at);
CREATE INDEX node_certificate_expiry ON node_certificate (not_after) WHERE superseded_at IS NULL AND revoked_at IS NULL;

CREATE FUNCTION certificate_state(c node_certificate) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT CASE WHEN c.revoked_at IS NOT NULL THEN 'revoked' WHEN c.superseded_at IS NOT NULL THEN 'superseded'
               WHEN c.not_after <= now() THEN 'expired' WHEN c.activated_at IS NULL THEN 'pending' ELSE 'active' END $$;

-- One key serves one node, for ever: also when the node is deleted.
CREATE TABLE node_key (
	key_hash bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
	node_id  text NOT NULL
);

-- --- revocation: what the broker must refuse ---

-- One row for each node id or certificate that is or once was refused. Only the triggers below write it; a certificate's row outlives
-- its node. A lifted row stays, so that the broker can be told what is new since a version, in either direction.
CREATE TABLE revocation (
	kind       text NOT NULL CHECK (kind IN ('node', 'certificate')),
	value      text NOT NULL CHECK (CASE kind WHEN 'node' THEN value ~ '^[A-Za-z0-9_-]{1,64}$' WHEN 'certificate' THEN value ~ '^[0-9a-f]{64}$' ELSE true END),
	node_id    text NOT NULL,
	version    bigint NOT NULL,
	lifted     boolean NOT NULL DEFAULT false,
	since      timestamptz NOT NULL DEFAULT now(),
	serial     text,                    -- of a certificate, for the CRL of its CA
	ca_key_id  text,
	not_after  timestamptz,             -- of a certificate: after it nothing has to be refused any more
	reason     text NOT NULL,
	PRIMARY KEY (kind, value)
);
CREATE UNIQUE INDEX revocation_by_version ON revocation (version);

-- Its one row is locked by every change until that commits, so versions become visible in their order.
-- epoch tells this database from any other that a broker may have followed before.
CREATE TABLE revocation_state (
	one             boolean PRIMARY KEY DEFAULT true CHECK (one),
	epoch           text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
	version         bigint NOT NULL DEFAULT 1
);
INSERT INTO revocation_state DEFAULT VALUES;

-- The listener on channel cistern_revocation is woken when the change commits.
CREATE FUNCTION revocation_next_version() RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
	the_version bigint;
BEGIN
	UPDATE revocation_state SET version = version + 1 RETURNING version INTO the_version;
	PERFORM pg_notify('cistern_revocation', '');
	RETURN the_version;
END
$$;

CREATE FUNCTION revocation_lift(the_node text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM FROM revocation WHERE kind = 'node' AND value = the_node AND NOT lifted FOR UPDATE;
	IF FOUND THEN
		UPDATE revocation SET lifted = true, version = revocation_next_version(), since = now() WHERE kind = 'node' AND value = the_node;
	END IF;
END
$$;

CREATE FUNCTION revocation_on_node() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	IF NEW.revoked_at IS NOT NULL OR NEW.suspended_at IS NOT NULL THEN
		INSERT INTO revocation (kind, value, node_id, version, reason)
			VALUES ('node', NEW.node_id, NEW.node_id, revocation_next_version(), node_state(NEW))
			ON CONFLICT (kind, value) DO UPDATE SET reason = excluded.reason, version = excluded.version, since = now(), lifted = false;
	ELSE
		PERFORM revocation_lift(NEW.node_id);
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER revocation_on_node AFTER UPDATE OF suspended_at, revoked_at ON node FOR EACH ROW
	WHEN (OLD.suspended_at IS DISTINCT FROM NEW.suspended_at OR OLD.revoked_at IS DISTINCT FROM NEW.revoked_at)
	EXECUTE FUNCTION revocation_on_node();

CREATE FUNCTION revocation_on_certificate() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
	c node_certificate := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
	IF c.not_after > now() THEN
		INSERT INTO revocation (kind, value, node_id, version, serial, ca_key_id, not_after, reason)
			VALUES ('certificate', c.fingerprint, c.node_id, revocation_next_version(), c.serial, c.ca_key_id, c.not_after,
				CASE WHEN c.revoked_at IS NOT NULL THEN coalesce(c.revoked_reason, 'revoked')
				     WHEN TG_OP = 'DELETE' THEN 'node deleted' ELSE 'superseded' END)
			ON CONFLICT DO NOTHING;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER revocation_on_certificate AFTER UPDATE OF superseded_at, revoked_at ON node_certificate FOR EACH ROW
	WHEN (NEW.superseded_at IS NOT NULL OR NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION revocation_on_certificate();
CREATE TRIGGER revocation_on_certificate_gone AFTER DELETE ON node_certificate FOR EACH ROW EXECUTE FUNCTION revocation_on_certificate();
-- Certificates that were superseded before this migration.
INSERT INTO revocation (kind, value, node_id, version, serial, not_after, reason)
SELECT 'certificate', fingerprint, node_id, revocation_next_version(), serial, not_after, 'superseded' FROM node_certificate
WHERE superseded_at IS NOT NULL AND not_after > now();

-- Our CAs as signerd has them, each with its newest CRL; served over HTTP.
CREATE TABLE crl (
	ca_key_id   text PRIMARY KEY,
	certificate text NOT NULL,          -- of the CA, PEM
	issues      boolean NOT NULL,       -- new certificates come from it
	version     bigint NOT NULL,        -- of revocation_state when it was made; also its CRL number
	der         bytea NOT NULL,
	made_at     timestamptz NOT NULL DEFAULT now(),
	next_update timestamptz NOT NULL
);

-- What each broker's plugin last said of itself. revocation_*: what it refuses by now (model/revocation.h); n_said counts the sayings.
CREATE TABLE broker_state (
	broker              text PRIMARY KEY,
	revocation_epoch    text NOT NULL DEFAULT '',
	revocation_version  bigint NOT NULL DEFAULT 0,
	revocation          json,
	revocation_at       timestamptz,
	n_said              bigint NOT NULL DEFAULT 0,
	counters            json,
	counters_at         timestamptz
);

-- --- what may happen to a certificate ---

-- Records a new certificate as pending. `how` decides about the others:
--   claim   a stated reissue: every other live certificate of the node is revoked at once (claiming.md section 2)
--   renew   the active one stays good until the new one has connected; one that never connected is superseded
-- Returns: ok | revoked | suspended | key_taken | no_node.
CREATE FUNCTION certificate_record(the_node text, the_serial text, the_certificate text, from_us bigint, to_us bigint, the_key bytea,
				   the_ca text, how text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	n node;
BEGIN
	SELECT * INTO n FROM node WHERE node_id = the_node FOR UPDATE;
	IF n.node_id IS NULL THEN
		RETURN 'no_node';
	ELSIF node_state(n) <> 'active' THEN
		RETURN node_state(n);
	END IF;
	INSERT INTO node_key (key_hash, node_id) VALUES (the_key, the_node) ON CONFLICT DO NOTHING;
	IF NOT EXISTS (SELECT FROM node_key WHERE key_hash = the_key AND node_id = the_node) THEN
		RETURN 'key_taken';
	END IF;
	IF how = 'claim' THEN
		UPDATE node_certificate SET revoked_at = now(), revoked_reason = 'claimed again'
			WHERE node_id = the_node AND superseded_at IS NULL AND revoked_at IS NULL;
	ELSE
		UPDATE node_certificate SET superseded_at = now()
			WHERE node_id = the_node AND activated_at IS NULL AND superseded_at IS NULL AND revoked_at IS NULL;
	END IF;
	INSERT INTO node_certificate (node_id, serial, certificate, not_before, not_after, key_hash, ca_key_id)
		VALUES (the_node, the_serial, the_certificate, time_us(from_us), time_us(to_us), the_key, the_ca);
	RETURN 'ok';
END
$$;

-- By the operator: the node if it is new, and a certificate. Returns what certificate_record returns.
CREATE FUNCTION node_register(the_node text, the_serial text, the_certificate text, from_us bigint, to_us bigint, the_key bytea,
			      the_ca text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
	IF EXISTS (SELECT FROM node_key WHERE key_hash = the_key AND node_id <> the_node) THEN
		RETURN 'key_taken';
	END IF;
	INSERT INTO node (node_id) VALUES (the_node) ON CONFLICT DO NOTHING;
	RETURN certificate_record(the_node, the_serial, the_certificate, from_us, to_us, the_key, the_ca, 'claim');
END
$$;

-- A node has connected with this certificate: a pending one becomes active, and the one before it is superseded.
CREATE FUNCTION certificate_connected(the_node text, the_fingerprint text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM FROM node WHERE node_id = the_node FOR UPDATE;
	-- asked behind the lock: who held it may have said the same, and then the certificate would supersede itself
	PERFORM FROM node_certificate WHERE fingerprint = the_fingerprint AND node_id = the_node
		AND activated_at IS NULL AND superseded_at IS NULL AND revoked_at IS NULL;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	UPDATE node_certificate SET superseded_at = now()
		WHERE node_id = the_node AND activated_at IS NOT NULL AND superseded_at IS NULL AND revoked_at IS NULL;
	UPDATE node_certificate SET activated_at = now()
		WHERE fingerprint = the_fingerprint AND activated_at IS NULL AND superseded_at IS NULL AND revoked_at IS NULL;
END
$$;

-- The node and every certificate of it, for good. Returns: ok | revoked (it was already) | no_node.
CREATE FUNCTION node_revoke(the_node text, the_reason text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	was timestamptz;
BEGIN
	SELECT revoked_at INTO was FROM node WHERE node_id = the_node FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 'no_node';
	ELSIF was IS NOT NULL THEN
		RETURN 'revoked';
	END IF;
	UPDATE node SET revoked_at = now() WHERE node_id = the_node;
	UPDATE node_certificate SET revoked_at = now(), revoked_reason = the_reason
		WHERE node_id = the_node AND superseded_at IS NULL AND revoked_at IS NULL;
	RETURN 'ok';
END
$$;

-- Suspends or resumes. Returns: ok | revoked | no_node. Doing it again changes nothing.
CREATE FUNCTION node_suspend(the_node text, is_suspended boolean) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	n node;
BEGIN
	SELECT * INTO n FROM node WHERE node_id = the_node FOR UPDATE;
	IF n.node_id IS NULL THEN
		RETURN 'no_node';
	ELSIF n.revoked_at IS NOT NULL THEN
		RETURN 'revoked';
	END IF;
	UPDATE node SET suspended_at = CASE WHEN is_suspended THEN coalesce(suspended_at, now()) END WHERE node_id = the_node;
	RETURN 'ok';
END
$$;

-- With mapping, reports, claims and pending requests; its certificates stay refused. Returns whether there was one.
CREATE FUNCTION node_delete(the_node text) RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM mapping_lock(the_node);
	UPDATE mapping_request SET state = 'discarded' WHERE node_id = the_node AND state = 'requested';
	-- its certificates are refused one by one, so that the id itself may be registered again
	PERFORM revocation_lift(the_node);
	DELETE FROM node WHERE node_id = the_node;
	RETURN FOUND;
END
$$;

-- To another owner: what tied it to the former ones goes, among it their claim and its place in their quota.
-- Returns: ok | no_node | no_user.
CREATE FUNCTION node_transfer(the_node text, the_user_name text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	owner uuid;
BEGIN
	PERFORM mapping_lock(the_node);
	PERFORM FROM node WHERE node_id = the_node FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 'no_node';
	END IF;
	SELECT user_id INTO owner FROM account WHERE user_name = the_user_name AND confirmed_at IS NOT NULL;
	IF owner IS NULL THEN
		RETURN 'no_user';
	END IF;
	UPDATE mapping_request SET state = 'discarded' WHERE node_id = the_node AND state = 'requested';
	DELETE FROM node_user WHERE node_id = the_node;
	INSERT INTO node_user (node_id, user_id, role) VALUES (the_node, owner, 'primary');
	UPDATE claim SET user_id = owner WHERE node_id = the_node AND user_id <> owner
		AND NOT EXISTS (SELECT FROM claim c WHERE c.user_id = owner AND c.mac = claim.mac);
	DELETE FROM claim WHERE node_id = the_node AND user_id <> owner;
	RETURN 'ok';
END
$$;

-- One row of a registration in bulk. A node that is there keeps what it has; saying the same once more changes nothing.
-- Returns: added | present | differs (it has another certificate) | refused (the certificate was revoked) | serial_taken | key_taken |
-- revoked | suspended.
CREATE FUNCTION node_import(the_node text, the_serial text, the_certificate text, from_us bigint, to_us bigint, the_key bytea,
			    the_ca text, the_fingerprint text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	n node;
	said text;
BEGIN
	SELECT * INTO n FROM node WHERE node_id = the_node FOR UPDATE;
	IF n.node_id IS NOT NULL AND node_state(n) <> 'active' THEN
		RETURN node_state(n);
	ELSIF EXISTS (SELECT FROM node_certificate WHERE fingerprint = the_fingerprint AND node_id = the_node
		      AND superseded_at IS NULL AND revoked_at IS NULL) THEN
		RETURN 'present';
	ELSIF EXISTS (SELECT FROM revocation WHERE kind = 'certificate' AND value = the_fingerprint) THEN
		RETURN 'refused';
	ELSIF EXISTS (SELECT FROM node_certificate WHERE node_id = the_node) THEN
		RETURN 'differs';
	ELSIF EXISTS (SELECT FROM node_certificate WHERE serial = the_serial) THEN
		RETURN 'serial_taken';
	ELSIF EXISTS (SELECT FROM node_key WHERE key_hash = the_key AND node_id <> the_node) THEN
		RETURN 'key_taken';
	END IF;
	INSERT INTO node (node_id) VALUES (the_node) ON CONFLICT DO NOTHING;
	said := certificate_record(the_node, the_serial, the_certificate, from_us, to_us, the_key, the_ca, 'renew');
	IF said <> 'ok' THEN
		RAISE EXCEPTION 'certificate_record: %', said;  -- cannot be, after the checks above; takes the node back too
	END IF;
	RETURN 'added';
END
$$;

-- --- claims ---

-- What initiate promised: this node id for this user's device. Pending until expires_at; a verify uses it up.
-- One row for each user and MAC (claiming.md section 6: a MAC is guessable, so nobody gets an id by somebody else's).
CREATE TABLE claim (
	user_id    uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	mac        text NOT NULL CHECK (mac ~ '^[0-9A-F]{12}$'),
	node_id    text NOT NULL UNIQUE CHECK (node_id ~ '^[A-Za-z0-9]{13,46}$'),  -- never looks like a MAC
	platform   text NOT NULL CHECK (length(platform) <= 32),
	policies   text NOT NULL DEFAULT '' CHECK (length(policies) <= 256),  -- node_policies as the app gave them, for cameras
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz,             -- NULL: nothing pending
	claimed_at timestamptz,             -- of the last certificate
	PRIMARY KEY (user_id, mac)
);
CREATE INDEX claim_pending ON claim (user_id, expires_at) WHERE expires_at IS NOT NULL;

-- Returns the node id, or NULL: the user has `quota` nodes and pending claims already.
-- A node that has come to belong to somebody else, or was deleted or revoked, gives its place to new_id.
CREATE FUNCTION claim_initiate(the_user uuid, the_mac text, the_platform text, new_id text, quota bigint, hold interval)
	RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	old claim;
	keeps boolean;
BEGIN
	PERFORM pg_advisory_xact_lock(3, hashtext(the_user::text));
	SELECT * INTO old FROM claim WHERE user_id = the_user AND mac = the_mac;
	keeps := old.node_id IS NOT NULL
		AND (old.claimed_at IS NULL OR EXISTS (SELECT FROM node WHERE node_id = old.node_id AND revoked_at IS NULL))
		AND (NOT EXISTS (SELECT FROM node_user WHERE node_id = old.node_id)
		     OR EXISTS (SELECT FROM node_user WHERE node_id = old.node_id AND user_id = the_user));
	IF NOT keeps OR (old.claimed_at IS NULL AND old.expires_at <= now()) THEN
		IF claim_count(the_user) >= quota THEN
			RETURN NULL;
		END IF;
	END IF;
	INSERT INTO claim (user_id, mac, node_id, platform, expires_at) VALUES (the_user, the_mac, new_id, the_platform, now() + hold)
		ON CONFLICT (user_id, mac) DO UPDATE SET expires_at = excluded.expires_at, platform = excluded.platform,
			node_id = CASE WHEN keeps THEN claim.node_id ELSE excluded.node_id END,
			claimed_at = CASE WHEN keeps THEN claim.claimed_at END;
	RETURN CASE WHEN keeps THEN old.node_id ELSE new_id END;
END
$$;

-- Live nodes that the user claimed, and claims that are pending for a node that is not there yet.
CREATE FUNCTION claim_count(the_user uuid) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT count(*) FROM claim c LEFT JOIN node n USING (node_id)
   WHERE c.user_id = the_user AND ((n.node_id IS NOT NULL AND n.revoked_at IS NULL) OR (n.node_id IS NULL AND c.expires_at > now())) $$;

-- May this user have a certificate for this node id now? ok | no_claim (never issued, another's, used or expired) | suspended | revoked.
CREATE FUNCTION claim_check(the_user uuid, the_node text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce((SELECT CASE WHEN n.node_id IS NULL OR node_state(n) = 'active' THEN
                                CASE WHEN EXISTS (SELECT FROM node_user u WHERE u.node_id = the_node)
                                      AND NOT EXISTS (SELECT FROM node_user u WHERE u.node_id = the_node AND u.user_id = the_user)
                                     THEN 'no_claim' ELSE 'ok' END
                                ELSE node_state(n) END
                    FROM claim c LEFT JOIN node n USING (node_id)
                    WHERE c.user_id = the_user AND c.node_id = the_node AND c.expires_at > now()), 'no_claim') $$;

-- Uses the claim up and records its certificate, both or neither. Returns what claim_check and certificate_record return.
CREATE FUNCTION claim_complete(the_user uuid, the_node text, the_policies text, the_serial text, the_certificate text, from_us bigint,
			       to_us bigint, the_key bytea, the_ca text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	said text;
BEGIN
	PERFORM pg_advisory_xact_lock(3, hashtext(the_user::text));
	PERFORM mapping_lock(the_node);
	said := claim_check(the_user, the_node);
	IF said <> 'ok' THEN
		RETURN said;
	END IF;
	IF EXISTS (SELECT FROM node_key WHERE key_hash = the_key AND node_id <> the_node) THEN
		RETURN 'key_taken';
	END IF;
	INSERT INTO node (node_id) VALUES (the_node) ON CONFLICT DO NOTHING;
	said := certificate_record(the_node, the_serial, the_certificate, from_us, to_us, the_key, the_ca, 'claim');
	IF said <> 'ok' THEN
		RAISE EXCEPTION 'certificate_record: %', said;  -- cannot be, after the checks above; takes the node back too
	END IF;
	UPDATE claim SET expires_at = NULL, claimed_at = now(), policies = the_policies WHERE user_id = the_user AND node_id = the_node;
	RETURN 'ok';
END
$$;

-- Self-claiming: the administrator's allow-list. The secret is needed in the clear to check an answer, so it is kept encrypted
-- with a key that is not in the database.
CREATE TABLE self_claim_device (
	mac        text PRIMARY KEY CHECK (mac ~ '^[0-9A-F]{12}$'),
	secret     bytea NOT NULL CHECK (octet_length(secret) BETWEEN 40 AND 256),
	added_at   timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE self_claim_challenge (
	auth_id    text PRIMARY KEY,
	mac        text NOT NULL,           -- no foreign key: an unknown device gets a challenge too, and fails like a wrong answer
	challenge  text NOT NULL CHECK (length(challenge) BETWEEN 32 AND 128),
	expires_at timestamptz NOT NULL
);
CREATE INDEX self_claim_challenge_by_mac ON self_claim_challenge (mac, expires_at);

-- The node of a device on the list, which has proved its secret, and its certificate: both or neither. Returns what
-- certificate_record returns.
CREATE FUNCTION self_claim_complete(the_mac text, the_serial text, the_certificate text, from_us bigint, to_us bigint, the_key bytea,
				    the_ca text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	said text;
BEGIN
	PERFORM mapping_lock(the_mac);
	IF EXISTS (SELECT FROM node_key WHERE key_hash = the_key AND node_id <> the_mac) THEN
		RETURN 'key_taken';
	END IF;
	INSERT INTO node (node_id) VALUES (the_mac) ON CONFLICT DO NOTHING;
	RETURN certificate_record(the_mac, the_serial, the_certificate, from_us, to_us, the_key, the_ca, 'claim');
END
$$;

-- --- renewal by the node itself ---

-- The node's own request over its mutual-TLS link, kept until it is answered; the newest replaces an older one.
CREATE TABLE certificate_request (
	node_id      text PRIMARY KEY REFERENCES node ON DELETE CASCADE,
	csr          text NOT NULL CHECK (octet_length(csr) <= 4096),
	received_at  timestamptz NOT NULL,
	digest       bytea NOT NULL,
	answered_at  timestamptz,
	answer       text,                  -- what was published to the node, for a redelivery or a node that asks again
	renewed_at   timestamptz            -- of the last certificate that came this way, for the limit
);
CREATE INDEX certificate_request_open ON certificate_request (received_at) WHERE answered_at IS NULL;

-- Records the certificate and the answer that carries it, both or neither. Returns what certificate_record returns, or `replaced`:
-- the node has asked for something else meanwhile.
CREATE FUNCTION certificate_renew(the_node text, the_digest bytea, the_answer text, the_serial text, the_certificate text, from_us bigint,
				  to_us bigint, the_key bytea, the_ca text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	said text;
BEGIN
	PERFORM FROM node WHERE node_id = the_node FOR UPDATE;
	PERFORM FROM certificate_request WHERE node_id = the_node AND digest = the_digest FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 'replaced';
	END IF;
	said := certificate_record(the_node, the_serial, the_certificate, from_us, to_us, the_key, the_ca, 'renew');
	IF said = 'ok' THEN
		UPDATE certificate_request SET answer = the_answer, renewed_at = now() WHERE node_id = the_node;
	END IF;
	RETURN said;
END
$$;

-- --- presence kept as history ---

ALTER TABLE node ADD COLUMN address text;      -- of the newest session

-- The newest hundred connections of each node. ended_at NULL: lives, or is not known to have ended.
CREATE TABLE node_connection (
	node_id      text NOT NULL REFERENCES node ON DELETE CASCADE,
	session_no   bigint NOT NULL,
	connected_at timestamptz,           -- NULL: only its end was heard of
	address      text,
	ended_at     timestamptz,
	reason       text CHECK (length(reason) <= 32),
	PRIMARY KEY (node_id, session_no)
);
CREATE INDEX node_connection_open ON node_connection (session_no) WHERE ended_at IS NULL;

-- --- registration in bulk, as the admin command line does it (claiming.md section 7) ---

-- One upload of node certificates or requests, or one order of new node ids. The file is worked off by the daemon in the background.
CREATE TABLE registration (
	request_id   text PRIMARY KEY,
	user_id      uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	kind         text NOT NULL CHECK (kind IN ('node_ids', 'certificates')),
	file_name    text NOT NULL DEFAULT '',
	upload_hash  bytea,                  -- SHA-256 of the secret part of the upload address
	content      text,                   -- of an upload: CSV; of an order: the node ids
	state        text NOT NULL CHECK (state IN ('upload', 'uploaded', 'in_progress', 'success', 'failure')),
	options      json NOT NULL DEFAULT '{}',
	n_rows       bigint NOT NULL DEFAULT 0,
	n_done       bigint NOT NULL DEFAULT 0,
	n_failed     bigint NOT NULL DEFAULT 0,
	failed_rows  text NOT NULL DEFAULT '',   -- CSV with the reason in a further column; can be fed back
	description  text NOT NULL DEFAULT '',
	created_at   timestamptz NOT NULL DEFAULT now(),
	changed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX registration_open ON registration (created_at) WHERE state = 'in_progress';
CREATE INDEX registration_by_user ON registration (user_id, created_at);
