-- A node and its users: who shared it, what they wrote on it. Sources: rest.md sections 4 and 5, threats.md section 7.

-- Who shared it with this user. When that user lets go of the node, the share goes too.
ALTER TABLE node_user
	ADD COLUMN granted_by uuid,
	ADD CONSTRAINT node_user_primary_is_own CHECK (role = 'secondary' OR granted_by IS NULL),
	ADD CONSTRAINT node_user_granted_by FOREIGN KEY (node_id, granted_by) REFERENCES node_user (node_id, user_id) ON DELETE CASCADE;
CREATE INDEX node_user_by_granter ON node_user (node_id, granted_by) WHERE granted_by IS NOT NULL;

-- Written by primary users, read by all users of the node; gone with its last primary user. Only the functions below write them.
-- No control characters: a tag is shown, put into addresses and looked for.
CREATE TABLE node_tag (
	node_id text NOT NULL REFERENCES node ON DELETE CASCADE,
	tag     text NOT NULL CHECK (octet_length(tag) BETWEEN 1 AND 128 AND tag !~ '[\u0001-\u001f\u007f-\u009f]'),
	PRIMARY KEY (node_id, tag)
);
CREATE TABLE node_metadata (
	node_id  text PRIMARY KEY REFERENCES node ON DELETE CASCADE,
	metadata jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192)
);

-- Without a primary user a node is nobody's: what tied it to the former ones goes, whatever took the last of them away. The lock is for
-- two primary users who leave at once: the second to come by sees that the first is gone.
CREATE FUNCTION node_user_gone() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM mapping_lock(OLD.node_id);
	IF NOT EXISTS (SELECT FROM node_user WHERE node_id = OLD.node_id AND role = 'primary') THEN
		DELETE FROM node_user WHERE node_id = OLD.node_id;
		DELETE FROM node_tag WHERE node_id = OLD.node_id;
		DELETE FROM node_metadata WHERE node_id = OLD.node_id;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER node_user_gone AFTER DELETE ON node_user FOR EACH ROW WHEN (OLD.role = 'primary') EXECUTE FUNCTION node_user_gone();

-- --- what is written on a node ---

-- Fifty tags a node at most.
CREATE FUNCTION node_tags_fit(the_node text, the_tags text[]) RETURNS boolean LANGUAGE sql AS
$$
SELECT count(*) <= 50 FROM (SELECT tag FROM node_tag WHERE node_id = the_node UNION SELECT unnest(the_tags)) t
$$;

-- Gives whether all of them fit; else none is added.
CREATE FUNCTION node_tags_add(the_node text, the_tags text[]) RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
	IF NOT node_tags_fit(the_node, the_tags) THEN
		RETURN false;
	END IF;
	INSERT INTO node_tag (node_id, tag) SELECT the_node, unnest(the_tags) ON CONFLICT DO NOTHING;
	RETURN true;
END
$$;

-- Merges member by member; a member that is null goes, and null alone takes all of it. Gives whether it fits; else nothing changes.
CREATE FUNCTION node_metadata_merge(the_node text, the_change jsonb) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
	merged jsonb := '{}';
BEGIN
	IF jsonb_typeof(the_change) = 'object' THEN
		merged := (coalesce((SELECT metadata FROM node_metadata WHERE node_id = the_node), '{}') || the_change)
			- ARRAY(SELECT key FROM jsonb_each(the_change) WHERE value = 'null');
	END IF;
	IF octet_length(merged::text) > 8192 THEN
		RETURN false;
	END IF;
	IF merged = '{}' THEN
		DELETE FROM node_metadata WHERE node_id = the_node;
	ELSE
		INSERT INTO node_metadata VALUES (the_node, merged) ON CONFLICT (node_id) DO UPDATE SET metadata = excluded.metadata
			WHERE node_metadata.metadata <> excluded.metadata;
	END IF;
	RETURN true;
END
$$;

-- A primary user's change: tags to add, tags to take away, metadata to merge; each may be NULL. All of it or nothing; writers of one
-- node stand in line. Returns: ok | unknown | not_owned | tags | metadata (what does not fit).
CREATE FUNCTION node_write(the_user uuid, the_node text, added text[], removed text[], the_change jsonb) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	the_role text;
BEGIN
	PERFORM mapping_lock(the_node);
	the_role := node_role_of(the_user, the_node);
	IF the_role IS DISTINCT FROM 'primary' THEN
		RETURN CASE WHEN the_role IS NULL THEN 'unknown' ELSE 'not_owned' END;
	END IF;
	-- tags are looked at before metadata is merged and added behind it: whatever does not fit, nothing has changed by then
	IF NOT node_tags_fit(the_node, added) THEN
		RETURN 'tags';
	END IF;
	IF the_change IS NOT NULL AND NOT node_metadata_merge(the_node, the_change) THEN
		RETURN 'metadata';
	END IF;
	DELETE FROM node_tag WHERE node_id = the_node AND tag = ANY (removed);
	PERFORM node_tags_add(the_node, added);
	RETURN 'ok';
END
$$;

-- --- mapping: what the app sends with its request is applied when the node confirms (rest.md section 4.4) ---

ALTER TABLE mapping_request
	ADD COLUMN tags text[] NOT NULL DEFAULT '{}' CHECK (cardinality(tags) <= 50),
	ADD COLUMN metadata jsonb CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192),
	ADD COLUMN group_id text CHECK (group_id ~ '^[A-Za-z0-9_-]{1,64}$'),
	-- what of it could not be applied; the mapping holds all the same
	ADD COLUMN left_out text CHECK (left_out IN ('group', 'tags', 'metadata'));

-- Into a group where the user is primary, by the rules of 0006. Gives whether it is in.
CREATE FUNCTION mapping_into_group(the_node text, the_user uuid, the_group text) RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM group_require(the_user, the_group);
	PERFORM group_lock(the_group);
	PERFORM group_put_nodes(the_user, the_group, ARRAY[the_node], 500);
	RETURN true;
EXCEPTION WHEN SQLSTATE 'CG001' THEN
	RETURN false;
END
$$;

-- The node is the user's from now on, as a primary user. is_reset: and nobody else's, with nothing of the former ones: shares, group
-- membership and invitations hang on their rows. Other live requests for the node are told that they lost.
-- Returns what could not be applied: NULL | tags | metadata | group.
CREATE FUNCTION mapping_apply(the_request text, the_node text, the_user uuid, is_reset boolean, the_tags text[], the_metadata jsonb,
			      the_group text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	left_out text;
BEGIN
	IF is_reset THEN
		DELETE FROM node_user WHERE node_id = the_node;
	END IF;
	INSERT INTO node_user (node_id, user_id, role) VALUES (the_node, the_user, 'primary')
		ON CONFLICT (node_id, user_id) DO UPDATE SET role = 'primary', granted_by = NULL;
	UPDATE mapping_request SET state = CASE WHEN request_id = the_request THEN 'confirmed' ELSE 'discarded' END
		WHERE node_id = the_node AND state = 'requested' AND expires_at > clock_timestamp();
	IF NOT node_tags_add(the_node, the_tags) THEN
		left_out := 'tags';
	END IF;
	IF the_metadata IS NOT NULL AND NOT node_metadata_merge(the_node, the_metadata) THEN
		left_out := 'metadata';
	END IF;
	IF the_group IS NOT NULL AND NOT mapping_into_group(the_node, the_user, the_group) THEN
		left_out := 'group';
	END IF;
	RETURN left_out;
END
$$;

CREATE OR REPLACE FUNCTION mapping_confirm(the_request text, the_node text, the_user uuid, is_reset boolean) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	asked mapping_request;
	not_applied text;
BEGIN
	SELECT * INTO asked FROM mapping_request WHERE request_id = the_request;
	not_applied := mapping_apply(the_request, the_node, the_user, is_reset, asked.tags, asked.metadata, asked.group_id);
	UPDATE mapping_request SET left_out = not_applied WHERE request_id = the_request AND not_applied IS NOT NULL;
END
$$;

-- As in 0002, with what is to be applied; the release before this one calls it with the first five.
DROP FUNCTION mapping_on_request(text, uuid, text, bytea, interval);
CREATE FUNCTION mapping_on_request(the_request text, the_user uuid, the_node text, the_secret_hash bytea, hold interval,
				   the_tags text[] DEFAULT '{}', the_metadata jsonb DEFAULT NULL, the_group text DEFAULT NULL)
	RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	waiting mapping_report;
BEGIN
	PERFORM mapping_lock(the_node);
	DELETE FROM mapping_request WHERE user_id = the_user AND created_at < clock_timestamp() - interval '1 day';
	UPDATE mapping_request SET state = CASE WHEN expires_at > clock_timestamp() THEN 'discarded' ELSE 'timedout' END
		WHERE node_id = the_node AND user_id = the_user AND state = 'requested';
	IF (SELECT count(*) FROM mapping_request WHERE user_id = the_user AND created_at > clock_timestamp() - hold) >= 100 THEN
		RETURN 'limit';
	END IF;
	IF octet_length(the_metadata::text) > 8192 THEN
		RETURN 'metadata';
	END IF;
	INSERT INTO mapping_request (request_id, user_id, node_id, secret_hash, state, expires_at, tags, metadata, group_id)
		VALUES (the_request, the_user, the_node, the_secret_hash, 'requested', clock_timestamp() + hold, the_tags, the_metadata, the_group);
	SELECT * INTO waiting FROM mapping_report WHERE node_id = the_node AND NOT used AND user_id = the_user::text
		AND secret_hash = the_secret_hash AND received_at > clock_timestamp() - hold;
	IF waiting.report_id IS NULL THEN
		RETURN 'requested';
	END IF;
	UPDATE mapping_report SET used = true WHERE node_id = the_node AND report_id = waiting.report_id;
	PERFORM mapping_confirm(the_request, the_node, the_user, waiting.reset);
	RETURN 'confirmed';
END
$$;

-- removed | by_group (the node comes with a group, which has to be left instead) | unknown
CREATE FUNCTION mapping_remove(the_user uuid, the_node text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM mapping_lock(the_node);
	DELETE FROM node_user WHERE user_id = the_user AND node_id = the_node;
	IF FOUND THEN
		RETURN 'removed';
	END IF;
	RETURN CASE WHEN node_role_of(the_user, the_node) IS NULL THEN 'unknown' ELSE 'by_group' END;
END
$$;

-- --- mapping by a challenge that the node signs (mqtt.md section 5.1) ---

-- No secret: what counts is that it is new, its user's, and good once. Ten for a user; the oldest make room.
CREATE TABLE node_challenge (
	request_id text PRIMARY KEY CHECK (request_id ~ '^[A-Za-z0-9_-]{22}$'),
	user_id    uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	challenge  text NOT NULL CHECK (challenge ~ '^[A-Za-z0-9_-]{43}$'),
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires_at timestamptz NOT NULL
);
CREATE INDEX node_challenge_by_user ON node_challenge (user_id, created_at);

CREATE FUNCTION challenge_new(the_request text, the_user uuid, the_challenge text, hold interval) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM FROM account WHERE user_id = the_user FOR NO KEY UPDATE;  -- a user's challenges are counted one after another
	DELETE FROM node_challenge WHERE user_id = the_user AND (expires_at <= clock_timestamp() OR request_id IN (
		SELECT request_id FROM node_challenge WHERE user_id = the_user AND expires_at > clock_timestamp()
		ORDER BY created_at DESC, request_id OFFSET 9));
	INSERT INTO node_challenge (request_id, user_id, challenge, expires_at)
		VALUES (the_request, the_user, the_challenge, clock_timestamp() + hold);
END
$$;

-- The certificate whose key a node must use: the one that it connects with, else the one that it has not connected with yet.
CREATE FUNCTION challenge_certificate(the_node text) RETURNS node_certificate LANGUAGE sql STABLE AS
$$
SELECT c FROM node_certificate c JOIN node n USING (node_id)
WHERE c.node_id = the_node AND node_state(n) = 'active' AND certificate_state(c) IN ('active', 'pending')
ORDER BY certificate_state(c), c.issued_at DESC LIMIT 1
$$;

-- The end of a challenge, right answer or wrong. the_serial: of the certificate that the answer was checked with; it must still be the one.
-- Returns: confirmed | failed.
CREATE FUNCTION challenge_settle(the_request text, the_user uuid, the_node text, the_serial text, the_tags text[], the_metadata jsonb)
	RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	is_live boolean;
BEGIN
	PERFORM mapping_lock(the_node);
	DELETE FROM node_challenge WHERE request_id = the_request AND user_id = the_user RETURNING expires_at > clock_timestamp() INTO is_live;
	IF is_live IS NOT TRUE OR the_serial IS NULL OR (challenge_certificate(the_node)).serial IS DISTINCT FROM the_serial THEN
		RETURN 'failed';
	END IF;
	PERFORM mapping_apply(the_request, the_node, the_user, false, the_tags, the_metadata, NULL);
	RETURN 'confirmed';
END
$$;

-- --- what a node's configuration names ---

-- The SDK reads the parameters of every device and service that a configuration names without looking whether there are any. Kept
-- beside the configuration, so that nobody has to read that again for it.
CREATE FUNCTION config_names(config json) RETURNS text[] LANGUAGE sql IMMUTABLE AS
$$
SELECT coalesce(array_agg(DISTINCT entry ->> 'name'), '{}')
FROM (SELECT json_array_elements(config -> kind) FROM unnest(ARRAY['devices', 'services']) kind WHERE json_typeof(config -> kind) = 'array') e (entry)
WHERE json_typeof(entry) = 'object' AND json_typeof(entry -> 'name') = 'string'
$$;
ALTER TABLE node_config ADD COLUMN names text[] NOT NULL GENERATED ALWAYS AS (config_names(config)) STORED;
