-- User-node mapping (mqtt.md section 5, rest.md section 4.4). Both sides arrive in any order within the window; the two functions
-- below are the only writers, and an advisory lock on the node's id puts everything about one node in one line.

CREATE TABLE node_user (
	node_id    text NOT NULL REFERENCES node ON DELETE CASCADE,
	user_id    uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	role       text NOT NULL CHECK (role IN ('primary', 'secondary')),
	mapped_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (node_id, user_id)
);
CREATE INDEX node_user_by_user ON node_user (user_id, node_id);

-- The app's side. node_id has no foreign key on purpose: a request for an unknown node is answered like one for a foreign
-- node, and runs out (threats.md rule 6). `timedout` is `requested` past expires_at.
CREATE TABLE mapping_request (
	request_id  text PRIMARY KEY,
	user_id     uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	node_id     text NOT NULL,
	secret_hash bytea NOT NULL,
	state       text NOT NULL CHECK (state IN ('requested', 'confirmed', 'discarded', 'timedout')),
	created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires_at  timestamptz NOT NULL
);
-- a newer request of the same user for the same node supersedes the older one
CREATE UNIQUE INDEX mapping_request_live ON mapping_request (node_id, user_id) WHERE state = 'requested';
CREATE INDEX mapping_request_by_user ON mapping_request (user_id, created_at);

-- The node's side, kept for a week to recognise redelivery. user_id is what the node said: it may name nobody.
CREATE TABLE mapping_report (
	node_id      text NOT NULL REFERENCES node ON DELETE CASCADE,
	report_id    bigint GENERATED ALWAYS AS IDENTITY,
	user_id      text NOT NULL,
	secret_hash  bytea NOT NULL,
	reset        boolean NOT NULL,
	used         boolean NOT NULL DEFAULT false,  -- confirmed a request, was superseded, or needed none
	received_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
	delivery_mid integer NOT NULL,
	digest       bytea NOT NULL,
	PRIMARY KEY (node_id, report_id)
);

CREATE FUNCTION mapping_lock(the_node text) RETURNS void LANGUAGE sql AS
$$ SELECT pg_advisory_xact_lock(1, hashtext(the_node)) $$;

-- Both sides agree: the request is confirmed, other live requests for the node are told that they lost.
CREATE FUNCTION mapping_confirm(the_request text, the_node text, the_user uuid, is_reset boolean) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	IF is_reset THEN
		DELETE FROM node_user WHERE node_id = the_node;
	END IF;
	INSERT INTO node_user (node_id, user_id, role) VALUES (the_node, the_user, 'primary')
		ON CONFLICT (node_id, user_id) DO UPDATE SET role = 'primary';
	UPDATE mapping_request SET state = CASE WHEN request_id = the_request THEN 'confirmed' ELSE 'discarded' END
		WHERE node_id = the_node AND state = 'requested' AND expires_at > clock_timestamp();
END
$$;

-- A node's message. Returns: confirmed | held | reset | repeated.
CREATE FUNCTION mapping_on_report(the_node text, the_user text, the_secret_hash bytea, is_reset boolean, factory_reset boolean,
				  the_mid integer, the_digest bytea, may_repeat boolean) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	matched mapping_request;
BEGIN
	PERFORM mapping_lock(the_node);
	IF may_repeat AND EXISTS (SELECT FROM mapping_report WHERE node_id = the_node AND delivery_mid = the_mid AND digest = the_digest
			      AND received_at > clock_timestamp() - interval '7 days') THEN
		RETURN 'repeated';
	END IF;
	-- Only the node's last word waits for a request; the rest is kept for a week, fifty at most, to know a redelivery.
	UPDATE mapping_report SET used = true WHERE node_id = the_node AND NOT used;
	DELETE FROM mapping_report WHERE node_id = the_node AND (received_at < clock_timestamp() - interval '7 days'
		OR report_id <= (SELECT report_id FROM mapping_report WHERE node_id = the_node ORDER BY report_id DESC OFFSET 50 LIMIT 1));
	IF NOT factory_reset THEN
		SELECT * INTO matched FROM mapping_request WHERE node_id = the_node AND user_id::text = lower(the_user)
			AND secret_hash = the_secret_hash AND state = 'requested' AND expires_at > clock_timestamp();
	END IF;
	INSERT INTO mapping_report (node_id, user_id, secret_hash, reset, used, delivery_mid, digest)
		VALUES (the_node, lower(the_user), the_secret_hash, is_reset, factory_reset OR matched.request_id IS NOT NULL, the_mid, the_digest);
	IF factory_reset THEN
		DELETE FROM node_user WHERE node_id = the_node;
		UPDATE mapping_request SET state = 'discarded' WHERE node_id = the_node AND state = 'requested';
		RETURN 'reset';
	END IF;
	IF matched.request_id IS NULL THEN
		RETURN 'held';
	END IF;
	PERFORM mapping_confirm(matched.request_id, the_node, matched.user_id, is_reset);
	RETURN 'confirmed';
END
$$;

-- An app's request. Returns its state, requested | confirmed, or `limit` when the user has too many live ones.
CREATE FUNCTION mapping_on_request(the_request text, the_user uuid, the_node text, the_secret_hash bytea, hold interval)
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
	INSERT INTO mapping_request (request_id, user_id, node_id, secret_hash, state, expires_at)
		VALUES (the_request, the_user, the_node, the_secret_hash, 'requested', clock_timestamp() + hold);
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
