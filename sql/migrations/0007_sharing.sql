-- Invitations to share nodes or groups. Sources: rest.md sections 5 and 6.1, threats.md section 6: addressed, single use,
-- expiring, revocable.

-- Addressed to a name, which may be nobody's yet: whether there is such an account is not told. `pending` past expires_at is expired.
CREATE TABLE sharing_request (
	request_id  text PRIMARY KEY CHECK (request_id ~ '^[A-Za-z0-9_-]{22}$'),
	kind        text NOT NULL CHECK (kind IN ('node', 'group')),
	from_user   uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	to_name     text NOT NULL CHECK (to_name = lower(to_name) AND length(to_name) BETWEEN 3 AND 254),
	state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'accepted', 'declined', 'cancelled')),
	as_primary  boolean NOT NULL DEFAULT false,
	transfer    boolean NOT NULL DEFAULT false,
	-- what the sender of a transfer becomes; NULL: nothing
	new_role    text CHECK (new_role IS NULL OR (new_role = 'secondary' AND transfer)),
	metadata    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192),
	created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires_at  timestamptz NOT NULL,
	settled_at  timestamptz,
	-- what it was about when it was accepted or declined, and its groups' names then: it tells nothing of what they became
	settled_ids   text[],
	settled_names text[],
	UNIQUE (request_id, kind, from_user),
	CHECK ((state = 'pending') = (settled_at IS NULL)),
	CHECK ((state IN ('accepted', 'declined')) = (settled_ids IS NOT NULL))
);
CREATE INDEX sharing_request_sent ON sharing_request (from_user, created_at, request_id);
CREATE INDEX sharing_request_received ON sharing_request (to_name, created_at, request_id);

-- What it is about. A node that the sender no longer has, and a group that is gone, drop out of the invitation by themselves.
CREATE TABLE sharing_node (
	request_id text NOT NULL,
	kind       text NOT NULL DEFAULT 'node' CHECK (kind = 'node'),
	from_user  uuid NOT NULL,
	node_id    text NOT NULL,
	PRIMARY KEY (request_id, node_id),
	FOREIGN KEY (request_id, kind, from_user) REFERENCES sharing_request (request_id, kind, from_user) ON DELETE CASCADE,
	FOREIGN KEY (node_id, from_user) REFERENCES node_user (node_id, user_id) ON DELETE CASCADE
);
CREATE INDEX sharing_node_by_node ON sharing_node (node_id, from_user);
CREATE TABLE sharing_group (
	request_id text NOT NULL,
	kind       text NOT NULL DEFAULT 'group' CHECK (kind = 'group'),
	from_user  uuid NOT NULL,
	group_id   text NOT NULL REFERENCES node_group ON DELETE CASCADE,
	PRIMARY KEY (request_id, group_id),
	FOREIGN KEY (request_id, kind, from_user) REFERENCES sharing_request (request_id, kind, from_user) ON DELETE CASCADE
);
CREATE INDEX sharing_group_by_group ON sharing_group (group_id);

-- The functions below are the only writers. They answer with a word. Locks are taken in one order, which is that of a deleted account too:
-- account, node (mapping_lock, row), group from the top down, node_user, group_user, invitation; among their like by id. Who has nothing to do with a
-- node or group makes nobody wait for it.

-- What still stands of it: only what its sender may hand on at this moment.
CREATE FUNCTION sharing_live(r sharing_request) RETURNS text[] LANGUAGE sql STABLE AS
$$
SELECT CASE WHEN r.kind = 'node' THEN
	ARRAY(SELECT n.node_id FROM sharing_node n JOIN node_user u ON u.node_id = n.node_id AND u.user_id = r.from_user
	      WHERE n.request_id = r.request_id AND u.role = 'primary' ORDER BY 1)
ELSE
	ARRAY(SELECT g.group_id FROM sharing_group s JOIN node_group g USING (group_id)
	      WHERE s.request_id = r.request_id AND group_role_of(r.from_user, g.group_id) = 'primary'
	      AND NOT (r.transfer AND g.parent_id IS NOT NULL) ORDER BY 1)
END
$$;

CREATE FUNCTION sharing_names(ids text[]) RETURNS text[] LANGUAGE sql STABLE AS
$$
SELECT ARRAY(SELECT g.group_name FROM unnest(ids) WITH ORDINALITY AS wanted (id, place) JOIN node_group g ON g.group_id = wanted.id ORDER BY place)
$$;

-- Whether one of them has no room for one user more; `leaver` goes at the same time.
CREATE FUNCTION sharing_full(the_kind text, ids text[], newcomer uuid, leaver uuid, users_max integer) RETURNS boolean LANGUAGE sql STABLE AS
$$
SELECT EXISTS (SELECT FROM unnest(ids) AS wanted (id) WHERE users_max <= CASE WHEN the_kind = 'node' THEN
	(SELECT count(*) FROM node_user u WHERE u.node_id = id AND u.user_id IS DISTINCT FROM newcomer AND u.user_id IS DISTINCT FROM leaver)
ELSE
	(SELECT count(*) FROM group_user u WHERE u.group_id = id AND u.user_id IS DISTINCT FROM newcomer AND u.user_id IS DISTINCT FROM leaver)
END)
$$;

-- Everything about these nodes and groups waits, and those users' rows stay as they are - those in what the groups lie in too, which make their
-- role - until the end of the transaction.
CREATE FUNCTION sharing_lock(nodes text[], group_ids text[], VARIADIC users uuid[]) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	around text[] := ARRAY(SELECT DISTINCT ancestor_id FROM group_closure WHERE group_id = ANY (group_ids));
BEGIN
	PERFORM FROM account WHERE user_id = ANY (users) ORDER BY user_id FOR KEY SHARE;
	PERFORM mapping_lock(id) FROM (SELECT id FROM unnest(nodes) AS wanted (id) ORDER BY hashtext(id)) ordered;
	PERFORM FROM node WHERE node_id = ANY (nodes) ORDER BY node_id FOR KEY SHARE;
	PERFORM FROM node_group g WHERE group_id = ANY (around)
		ORDER BY (SELECT max(depth) FROM group_closure c WHERE c.group_id = g.group_id), group_id FOR KEY SHARE;
	PERFORM FROM node_group g WHERE group_id = ANY (group_ids)
		ORDER BY (SELECT max(depth) FROM group_closure c WHERE c.group_id = g.group_id), group_id FOR NO KEY UPDATE;
	PERFORM FROM node_user WHERE node_id = ANY (nodes) AND user_id = ANY (users) ORDER BY node_id, user_id FOR UPDATE;
	PERFORM FROM group_user WHERE group_id = ANY (around) AND user_id = ANY (users) ORDER BY group_id, user_id FOR UPDATE;
END
$$;

-- What a user is to the worst of them: primary, secondary, or NULL when one is not his at all. Of a node only what is his own counts:
-- who has it by a group is secondary.
CREATE FUNCTION sharing_role(the_kind text, the_user uuid, ids text[]) RETURNS text LANGUAGE sql STABLE AS
$$
SELECT CASE WHEN count(role) = count(*) THEN max(role) END
FROM (SELECT CASE WHEN the_kind = 'node' THEN node_role_of(the_user, id) ELSE group_role_of(the_user, id) END AS role
      FROM unnest(ids) AS wanted (id)) each
$$;

-- Returns: ok | unknown (one is not the sender's) | not_primary | not_top (only what lies in nothing can be transferred) | self | already |
-- full | metadata | pending_limit | day_limit. The same once more takes the former's place.
CREATE FUNCTION sharing_invite(the_request text, the_kind text, sender uuid, the_name text, wanted text[], is_primary boolean, is_transfer boolean,
			       the_new_role text, the_metadata jsonb, lifetime interval, users_max integer, pending_max integer,
			       day_max integer) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	ids text[] := ARRAY(SELECT DISTINCT id FROM unnest(wanted) AS each (id) ORDER BY 1);
	own_name text;
	receiver uuid;
	role text;
BEGIN
	PERFORM pg_advisory_xact_lock(5, hashtext(sender::text)); -- the limits are counted one at a time
	SELECT user_name INTO own_name FROM account WHERE user_id = sender;
	SELECT user_id INTO receiver FROM account WHERE user_name = the_name;
	IF sharing_role(the_kind, sender, ids) IS NOT NULL THEN
		PERFORM sharing_lock(CASE the_kind WHEN 'node' THEN ids END, CASE the_kind WHEN 'group' THEN ids END, sender);
	END IF;
	role := sharing_role(the_kind, sender, ids);
	IF role IS NULL THEN
		RETURN 'unknown';
	ELSIF role <> 'primary' THEN
		RETURN 'not_primary';
	ELSIF is_transfer AND the_kind = 'group' AND EXISTS (SELECT FROM node_group WHERE group_id = ANY (ids) AND parent_id IS NOT NULL) THEN
		RETURN 'not_top';
	ELSIF the_name = own_name THEN
		RETURN 'self';
	ELSIF NOT is_transfer AND sharing_role(the_kind, receiver, ids) <= (CASE WHEN is_primary THEN 'primary' ELSE 'secondary' END)
	      AND (the_kind = 'group' OR cardinality(ids) = (SELECT count(*) FROM node_user WHERE user_id = receiver AND node_id = ANY (ids))) THEN
		RETURN 'already';
	ELSIF sharing_full(the_kind, ids, receiver, CASE WHEN is_transfer AND the_new_role IS NULL THEN sender END, users_max) THEN
		RETURN 'full';
	ELSIF octet_length(the_metadata::text) > 8192 THEN
		RETURN 'metadata';
	END IF;
	DELETE FROM sharing_request WHERE from_user = sender AND expires_at <= clock_timestamp() AND created_at <= clock_timestamp() - interval '1 day';
	UPDATE sharing_request r SET state = 'cancelled', settled_at = clock_timestamp()
		WHERE from_user = sender AND to_name = the_name AND kind = the_kind AND state = 'pending' AND sharing_live(r) = ids;
	IF (SELECT count(*) FROM sharing_request WHERE from_user = sender AND state = 'pending' AND expires_at > clock_timestamp()) >= pending_max THEN
		RETURN 'pending_limit';
	ELSIF (SELECT count(*) FROM sharing_request WHERE from_user = sender AND created_at > clock_timestamp() - interval '1 day') >= day_max THEN
		RETURN 'day_limit';
	END IF;
	INSERT INTO sharing_request (request_id, kind, from_user, to_name, as_primary, transfer, new_role, metadata, expires_at)
		VALUES (the_request, the_kind, sender, the_name, is_primary, is_transfer, the_new_role, the_metadata, clock_timestamp() + lifetime);
	IF the_kind = 'node' THEN
		INSERT INTO sharing_node (request_id, from_user, node_id) SELECT the_request, sender, id FROM unnest(ids) AS each (id);
	ELSE
		INSERT INTO sharing_group (request_id, from_user, group_id) SELECT the_request, sender, id FROM unnest(ids) AS each (id);
	END IF;
	RETURN 'ok';
END
$$;

-- The receiver becomes the primary user in the sender's place. What the sender had let others do with the nodes ends with it, and what was
-- written on a node goes, unless it is another primary user's too.
CREATE FUNCTION sharing_transfer_nodes(ids text[], sender uuid, receiver uuid, the_new_role text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	alone text[] := ARRAY(SELECT id FROM unnest(ids) AS each (id) WHERE NOT EXISTS (
		SELECT FROM node_user u WHERE u.node_id = id AND u.role = 'primary' AND u.user_id <> sender));
BEGIN
	INSERT INTO node_user (node_id, user_id, role) SELECT id, receiver, 'primary' FROM unnest(ids) AS each (id)
		ON CONFLICT (node_id, user_id) DO UPDATE SET role = 'primary', granted_by = NULL;
	DELETE FROM node_user WHERE node_id = ANY (ids) AND role = 'secondary' AND coalesce(granted_by, sender) = sender;
	DELETE FROM sharing_node WHERE node_id = ANY (ids) AND from_user = sender;
	DELETE FROM node_tag WHERE node_id = ANY (alone);
	DELETE FROM node_metadata WHERE node_id = ANY (alone);
	IF the_new_role = 'secondary' THEN
		UPDATE node_user SET role = 'secondary', granted_by = receiver WHERE node_id = ANY (ids) AND user_id = sender;
	ELSE
		DELETE FROM node_user WHERE node_id = ANY (ids) AND user_id = sender;
	END IF;
END
$$;

-- The same of groups, with those inside them and the sender's own nodes in any of them. Who was secondary there leaves; other primary users stay.
CREATE FUNCTION sharing_transfer_groups(ids text[], sender uuid, receiver uuid, the_new_role text, the_metadata jsonb) RETURNS void
	LANGUAGE plpgsql AS
$$
DECLARE
	inner_ids text[] := ARRAY(SELECT DISTINCT group_id FROM group_closure WHERE ancestor_id = ANY (ids));
	nodes text[] := ARRAY(SELECT DISTINCT n.node_id FROM group_node n JOIN node_user u ON u.node_id = n.node_id AND u.user_id = sender
			      WHERE n.group_id = ANY (inner_ids) AND u.role = 'primary');
BEGIN
	INSERT INTO group_user (group_id, user_id, role, metadata) SELECT id, receiver, 'primary', the_metadata FROM unnest(ids) AS each (id)
		ON CONFLICT (group_id, user_id) DO UPDATE SET role = 'primary', metadata = EXCLUDED.metadata;
	INSERT INTO node_user (node_id, user_id, role, granted_by) SELECT id, receiver, 'secondary', sender FROM unnest(nodes) AS each (id)
		ON CONFLICT (node_id, user_id) DO NOTHING; -- so that the nodes can stay where they are
	UPDATE group_node SET added_by = receiver WHERE group_id = ANY (inner_ids) AND node_id = ANY (nodes) AND added_by = sender;
	PERFORM sharing_transfer_nodes(nodes, sender, receiver, NULL);
	DELETE FROM sharing_group WHERE group_id = ANY (inner_ids) AND from_user = sender;
	DELETE FROM group_user WHERE group_id = ANY (inner_ids) AND user_id <> receiver AND (role = 'secondary' OR user_id = sender)
		AND NOT (coalesce(the_new_role, '') = 'secondary' AND user_id = sender AND group_id = ANY (ids));
	UPDATE group_user SET role = 'secondary' WHERE the_new_role = 'secondary' AND user_id = sender AND group_id = ANY (ids);
END
$$;

CREATE FUNCTION sharing_apply(r sharing_request, receiver uuid, ids text[]) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	the_role text := CASE WHEN r.as_primary THEN 'primary' ELSE 'secondary' END;
BEGIN
	IF r.kind = 'node' AND r.transfer THEN
		PERFORM sharing_transfer_nodes(ids, r.from_user, receiver, r.new_role);
	ELSIF r.kind = 'node' THEN
		INSERT INTO node_user (node_id, user_id, role, granted_by)
			SELECT id, receiver, the_role, CASE WHEN NOT r.as_primary THEN r.from_user END FROM unnest(ids) AS each (id)
			ON CONFLICT (node_id, user_id) DO UPDATE SET role = 'primary', granted_by = NULL WHERE EXCLUDED.role = 'primary';
	ELSIF r.transfer THEN
		PERFORM sharing_transfer_groups(ids, r.from_user, receiver, r.new_role, r.metadata);
	ELSE
		INSERT INTO group_user (group_id, user_id, role, metadata) SELECT id, receiver, the_role, r.metadata FROM unnest(ids) AS each (id)
			ON CONFLICT (group_id, user_id) DO UPDATE SET role = least(group_user.role, EXCLUDED.role), metadata = EXCLUDED.metadata;
	END IF;
END
$$;

-- Everything that an acceptance changes, before it looks at it.
CREATE FUNCTION sharing_lock_request(r sharing_request, receiver uuid) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	nodes text[];
	group_ids text[] := ARRAY(SELECT group_id FROM sharing_group WHERE request_id = r.request_id);
BEGIN
	IF r.kind = 'node' THEN
		nodes := ARRAY(SELECT node_id FROM sharing_node WHERE request_id = r.request_id);
	ELSIF r.transfer THEN
		group_ids := ARRAY(SELECT DISTINCT group_id FROM group_closure WHERE ancestor_id = ANY (group_ids));
		nodes := ARRAY(SELECT DISTINCT node_id FROM group_node WHERE group_id = ANY (group_ids));
	END IF;
	PERFORM sharing_lock(nodes, group_ids, r.from_user, receiver);
END
$$;

-- The addressee's word. Returns: ok | unknown (no such invitation, or not his, or run out) | settled (it was accepted, declined or cancelled
-- before) | nothing (the sender may hand on none of it any more; it is cancelled) | full.
CREATE FUNCTION sharing_answer(the_request text, the_kind text, receiver uuid, accepts boolean, users_max integer) RETURNS text
	LANGUAGE plpgsql AS
$$
DECLARE
	name text;
	r sharing_request;
	ids text[];
BEGIN
	SELECT user_name INTO name FROM account WHERE user_id = receiver;
	SELECT * INTO r FROM sharing_request WHERE request_id = the_request AND kind = the_kind AND to_name = name;
	IF accepts AND r.state = 'pending' THEN
		PERFORM sharing_lock_request(r, receiver);
	END IF;
	SELECT * INTO r FROM sharing_request WHERE request_id = the_request AND kind = the_kind AND to_name = name
		AND expires_at > clock_timestamp() FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 'unknown';
	ELSIF r.state <> 'pending' THEN
		RETURN 'settled';
	END IF;
	ids := sharing_live(r);
	IF accepts AND cardinality(ids) = 0 THEN
		UPDATE sharing_request SET state = 'cancelled', settled_at = clock_timestamp() WHERE request_id = the_request;
		RETURN 'nothing';
	ELSIF accepts AND sharing_full(the_kind, ids, receiver, CASE WHEN r.transfer AND r.new_role IS NULL THEN r.from_user END, users_max) THEN
		RETURN 'full';
	END IF;
	UPDATE sharing_request SET state = CASE WHEN accepts THEN 'accepted' ELSE 'declined' END, settled_at = clock_timestamp(),
		settled_ids = ids, settled_names = sharing_names(ids) WHERE request_id = the_request;
	IF accepts THEN
		PERFORM sharing_apply(r, receiver, ids);
	END IF;
	RETURN 'ok';
END
$$;

-- The sender's word. Returns: ok | unknown | settled, as above.
CREATE FUNCTION sharing_cancel(the_request text, the_kind text, sender uuid) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	r sharing_request;
BEGIN
	SELECT * INTO r FROM sharing_request WHERE request_id = the_request AND kind = the_kind AND from_user = sender
		AND expires_at > clock_timestamp() FOR UPDATE;
	IF NOT FOUND THEN
		RETURN 'unknown';
	ELSIF r.state <> 'pending' THEN
		RETURN 'settled';
	END IF;
	UPDATE sharing_request SET state = 'cancelled', settled_at = clock_timestamp() WHERE request_id = the_request;
	RETURN 'ok';
END
$$;

-- A primary user ends a secondary one's share, or a secondary user leaves. Of a group that is about the very group it was shared by.
-- Returns: ok | unknown (one is not the caller's) | not_primary | not_shared (with whoever bears that name) | other_primary; all or none.
CREATE FUNCTION sharing_remove(the_kind text, caller uuid, wanted text[], the_name text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	ids text[] := ARRAY(SELECT DISTINCT id FROM unnest(wanted) AS each (id) ORDER BY 1);
	target uuid := (SELECT user_id FROM account WHERE user_name = the_name);
	role text;
	n_direct bigint;
	n_primary bigint;
BEGIN
	IF sharing_role(the_kind, caller, ids) IS NOT NULL THEN
		PERFORM sharing_lock(CASE the_kind WHEN 'node' THEN ids END, CASE the_kind WHEN 'group' THEN ids END, caller, target);
	END IF;
	role := sharing_role(the_kind, caller, ids);
	IF role IS NULL THEN
		RETURN 'unknown';
	ELSIF role <> 'primary' AND target IS DISTINCT FROM caller THEN
		RETURN 'not_primary';
	END IF;
	SELECT count(*), count(*) FILTER (WHERE u.role = 'primary') INTO n_direct, n_primary
		FROM (SELECT n.role FROM node_user n WHERE the_kind = 'node' AND n.node_id = ANY (ids) AND n.user_id = target
		      UNION ALL
		      SELECT g.role FROM group_user g WHERE the_kind = 'group' AND g.group_id = ANY (ids) AND g.user_id = target) u;
	IF n_direct < cardinality(ids) THEN
		RETURN 'not_shared';
	ELSIF n_primary > 0 THEN
		RETURN 'other_primary';
	END IF;
	DELETE FROM node_user n WHERE the_kind = 'node' AND n.node_id = ANY (ids) AND n.user_id = target;
	DELETE FROM group_user g WHERE the_kind = 'group' AND g.group_id = ANY (ids) AND g.user_id = target;
	RETURN 'ok';
END
$$;

-- Who is in a group, by itself or by one that it lies in, as the caller may know it: a secondary user sees the primary ones and himself.
CREATE FUNCTION sharing_group_users(the_group text, caller uuid, with_metadata boolean) RETURNS jsonb LANGUAGE sql STABLE AS
$$
WITH member AS (
	SELECT a.user_name, min(u.role) AS role, (array_agg(u.metadata ORDER BY c.depth))[1] AS metadata
	FROM group_closure c JOIN group_user u ON u.group_id = c.ancestor_id JOIN account a USING (user_id)
	WHERE c.group_id = the_group AND (u.role = 'primary' OR u.user_id = caller OR group_role_of(caller, the_group) = 'primary')
	GROUP BY a.user_name
), told AS (
	SELECT role, jsonb_agg(user_name ORDER BY user_name) AS names,
	       jsonb_agg(jsonb_build_object('user_name', user_name, 'metadata', metadata) ORDER BY user_name) AS metadata
	FROM member GROUP BY role
)
SELECT jsonb_build_object('primary', '[]'::jsonb, 'secondary', '[]'::jsonb) || coalesce(jsonb_object_agg(role, names), '{}')
	|| CASE WHEN with_metadata THEN jsonb_build_object('primary_metadata', '[]'::jsonb, 'secondary_metadata', '[]'::jsonb)
		|| coalesce(jsonb_object_agg(role || '_metadata', metadata) FILTER (WHERE role IS NOT NULL), '{}') ELSE '{}' END
FROM told
$$;
CREATE FUNCTION sharing_group_entry(the_group text, caller uuid, with_metadata boolean) RETURNS jsonb LANGUAGE sql STABLE AS
$$
SELECT jsonb_build_object('group_id', group_id, 'group_name', group_name, 'mutually_exclusive', mutually_exclusive,
			  'users', sharing_group_users(group_id, caller, with_metadata))
FROM node_group WHERE group_id = the_group
$$;
