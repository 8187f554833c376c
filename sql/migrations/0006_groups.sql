-- Groups of nodes, and the one definition of who may see a node. Sources: rest.md sections 6 and 6.1.

CREATE TABLE node_group (
	group_id           text PRIMARY KEY CHECK (group_id ~ '^[A-Za-z0-9_-]{22}$'),
	parent_id          text REFERENCES node_group ON DELETE CASCADE CHECK (parent_id <> group_id),
	group_name         text NOT NULL CHECK (octet_length(group_name) BETWEEN 1 AND 256),
	group_type         text NOT NULL DEFAULT '' CHECK (octet_length(group_type) <= 64),
	description        text NOT NULL DEFAULT '' CHECK (octet_length(description) <= 1024),
	mutually_exclusive boolean NOT NULL DEFAULT false,
	custom_data        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(custom_data) = 'object' AND octet_length(custom_data::text) <= 8192),
	group_metadata     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(group_metadata) = 'object' AND octet_length(group_metadata::text) <= 8192),
	created_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX node_group_by_parent ON node_group (parent_id) WHERE parent_id IS NOT NULL;

-- Each group with itself (0) and with what it lies in: at most three levels. Kept by the functions that make and move groups.
CREATE TABLE group_closure (
	group_id    text NOT NULL REFERENCES node_group ON DELETE CASCADE,
	ancestor_id text NOT NULL REFERENCES node_group ON DELETE CASCADE,
	depth       integer NOT NULL CHECK (depth BETWEEN 0 AND 2),
	PRIMARY KEY (group_id, ancestor_id)
);
CREATE INDEX group_closure_by_ancestor ON group_closure (ancestor_id);

-- Who a group is shared with, its maker included. What holds for a group holds for those inside it.
CREATE TABLE group_user (
	group_id   text NOT NULL REFERENCES node_group ON DELETE CASCADE,
	user_id    uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	role       text NOT NULL CHECK (role IN ('primary', 'secondary')),
	metadata   jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192),
	joined_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_user_by_user ON group_user (user_id, group_id);

-- A node is in a group by the hand of one of its own users; when it is no longer that user's, it is out.
CREATE TABLE group_node (
	group_id text NOT NULL REFERENCES node_group ON DELETE CASCADE,
	node_id  text NOT NULL,
	added_by uuid NOT NULL,
	added_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (group_id, node_id),
	FOREIGN KEY (node_id, added_by) REFERENCES node_user (node_id, user_id) ON DELETE CASCADE
);
CREATE INDEX group_node_by_node ON group_node (node_id, added_by);

-- What each user is to each group; a group may come up more than once, by itself and by one that it lies in.
CREATE VIEW group_access AS
SELECT c.group_id, u.user_id, u.role, u.group_id AS by_group FROM group_user u JOIN group_closure c ON c.ancestor_id = u.group_id;

-- Who may see a node: its own users, and whoever a group is shared with that one of its primary users put it in. Nobody hands on
-- what was only shared with him. Who is in two such groups comes up twice. Every statement that asks for access asks here, but for
-- session_access and session_access_params, which ask node_user first because they are asked most.
CREATE VIEW node_access AS
SELECT node_id, user_id, role, mapped_at, NULL::text AS group_id FROM node_user
UNION ALL
SELECT n.node_id, g.user_id, 'secondary', n.added_at, n.group_id
FROM group_access g JOIN group_node n USING (group_id)
JOIN node_user owner ON owner.node_id = n.node_id AND owner.user_id = n.added_by AND owner.role = 'primary'
WHERE NOT EXISTS (SELECT FROM node_user own WHERE own.node_id = n.node_id AND own.user_id = g.user_id);

-- primary, secondary or NULL. ('primary' sorts first.)
CREATE FUNCTION node_role_of(the_user uuid, the_node text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT min(role) FROM node_access WHERE user_id = the_user AND node_id = the_node $$;
CREATE FUNCTION group_role_of(the_user uuid, the_group text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT min(role) FROM group_access WHERE user_id = the_user AND group_id = the_group $$;

-- Who leaves a group takes his own nodes out of it, and of those inside it, unless he still is in by another way.
-- A top-level group that has lost its last primary user is nobody's and goes. The lock is for two who leave at once: the second sees that
-- the first is gone.
CREATE FUNCTION group_user_gone() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM FROM node_group WHERE group_id = OLD.group_id FOR NO KEY UPDATE;
	DELETE FROM group_node n USING group_closure c
		WHERE c.ancestor_id = OLD.group_id AND n.group_id = c.group_id AND n.added_by = OLD.user_id
		AND group_role_of(OLD.user_id, n.group_id) IS NULL;
	DELETE FROM node_group g WHERE g.group_id = OLD.group_id AND g.parent_id IS NULL
		AND NOT EXISTS (SELECT FROM group_user u WHERE u.group_id = OLD.group_id AND u.role = 'primary');
	RETURN NULL;
END
$$;
CREATE TRIGGER group_user_gone AFTER DELETE ON group_user FOR EACH ROW EXECUTE FUNCTION group_user_gone();

-- --- what users do with groups ---
--
-- Five functions are called from outside: group_make, group_change, group_delete, group_leave, group_unshare. Each answers `ok`, or the word of
-- what forbids it, and then has changed nothing:
--
--   unknown         no such group, or not the user's; the same of a parent
--   not_primary     the group, or a parent, is only shared with the user
--   no_node         one of the nodes is not mapped to the user (to remove: is not in the group)
--   groups_limit    nodes_limit    depth    cycle    too_large
--   not_shared      other_primary  last_primary  by_parent
--
-- Locks are taken in one order: account, node (mapping_lock), group from the top down, node_user, group_user. The shape of a tree stays as it
-- is while somebody makes a group in it: making shares the lock (2, 0), moving has it alone.

CREATE FUNCTION group_refuse(word text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'CG001', MESSAGE = word; END $$;

-- The group stays, and what it lies in; its own row waits for nobody else. A group that is gone is found out by group_require().
CREATE FUNCTION group_lock(the_group text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM FROM group_closure c JOIN node_group g ON g.group_id = c.ancestor_id
		WHERE c.group_id = the_group AND c.depth > 0 ORDER BY c.depth DESC FOR KEY SHARE OF g;
	PERFORM FROM node_group WHERE group_id = the_group FOR NO KEY UPDATE;
END
$$;

CREATE FUNCTION group_require(the_user uuid, the_group text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	the_role text := group_role_of(the_user, the_group);
BEGIN
	IF the_role IS NULL THEN
		PERFORM group_refuse('unknown');
	ELSIF the_role <> 'primary' THEN
		PERFORM group_refuse('not_primary');
	END IF;
END
$$;

-- Writers of a node stand in line. Only its users may make others wait.
CREATE FUNCTION group_lock_nodes(the_user uuid, nodes text[]) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	IF EXISTS (SELECT FROM unnest(nodes) AS wanted (id) WHERE NOT EXISTS (
			SELECT FROM node_user u WHERE u.node_id = id AND u.user_id = the_user)) THEN
		PERFORM group_refuse('no_node');
	END IF;
	PERFORM mapping_lock(id) FROM (SELECT id FROM unnest(nodes) AS wanted (id) ORDER BY hashtext(id)) ordered;
END
$$;

-- Of the groups on one level that hold their nodes alone, the last that got a node has it. Groups of others are left as they are.
CREATE FUNCTION group_hold_alone(the_user uuid, the_group text, nodes text[]) RETURNS void LANGUAGE sql AS
$$
DELETE FROM group_node n USING node_group me, node_group g
WHERE me.group_id = the_group AND me.mutually_exclusive AND n.node_id = ANY (nodes)
AND g.group_id = n.group_id AND g.group_id <> the_group AND g.mutually_exclusive AND g.parent_id IS NOT DISTINCT FROM me.parent_id
AND group_role_of(the_user, g.group_id) = 'primary'
$$;

-- group_lock_nodes() and group_lock() come before. Neither the nodes nor the membership they hang on can go until this is committed. A node
-- that somebody put in whom it is only shared with is handed on from when one of its primary users puts it in too.
CREATE FUNCTION group_put_nodes(the_user uuid, the_group text, nodes text[], nodes_max integer) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	n_mine bigint;
BEGIN
	PERFORM FROM node_user WHERE user_id = the_user AND node_id = ANY (nodes) ORDER BY node_id FOR KEY SHARE;
	GET DIAGNOSTICS n_mine = ROW_COUNT;
	IF n_mine < (SELECT count(DISTINCT id) FROM unnest(nodes) AS wanted (id)) THEN
		PERFORM group_refuse('no_node');
	END IF;
	PERFORM FROM group_user u JOIN group_closure c ON c.ancestor_id = u.group_id
		WHERE c.group_id = the_group AND u.user_id = the_user ORDER BY u.group_id FOR KEY SHARE OF u;
	PERFORM group_require(the_user, the_group);
	PERFORM group_hold_alone(the_user, the_group, nodes);
	INSERT INTO group_node (group_id, node_id, added_by) SELECT DISTINCT the_group, id, the_user FROM unnest(nodes) AS wanted (id)
		ON CONFLICT (group_id, node_id) DO UPDATE SET added_by = EXCLUDED.added_by
		WHERE NOT EXISTS (SELECT FROM node_user o WHERE o.node_id = group_node.node_id AND o.user_id = group_node.added_by AND o.role = 'primary')
		AND EXISTS (SELECT FROM node_user o WHERE o.node_id = group_node.node_id AND o.user_id = the_user AND o.role = 'primary');
	IF (SELECT count(*) FROM group_node WHERE group_id = the_group) > nodes_max THEN
		PERFORM group_refuse('nodes_limit');
	END IF;
END
$$;

CREATE FUNCTION group_take_nodes(the_group text, nodes text[]) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	IF EXISTS (SELECT FROM unnest(nodes) AS wanted (id) WHERE NOT EXISTS (
			SELECT FROM group_node n WHERE n.group_id = the_group AND n.node_id = id)) THEN
		PERFORM group_refuse('no_node');
	END IF;
	DELETE FROM group_node WHERE group_id = the_group AND node_id = ANY (nodes);
END
$$;

-- Member by member; a member that is null goes, and null alone takes all of it. NULL: no change.
CREATE FUNCTION group_merge(old jsonb, change jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$
SELECT CASE WHEN change IS NULL THEN old WHEN change = 'null' THEN '{}'
	ELSE (old || change) - ARRAY(SELECT key FROM jsonb_each(change) WHERE value = 'null') END
$$;

-- The group as `fields` change it; they are named as clients name them (rest.md section 6).
CREATE FUNCTION group_with(g node_group, fields jsonb) RETURNS node_group LANGUAGE plpgsql AS
$$
BEGIN
	g.group_name := coalesce(fields->>'group_name', g.group_name);
	g.group_type := coalesce(fields->>'type', g.group_type);
	g.description := coalesce(fields->>'description', g.description);
	g.mutually_exclusive := coalesce((fields->>'mutually_exclusive')::boolean, g.mutually_exclusive);
	g.custom_data := group_merge(g.custom_data, fields->'custom_data');
	g.group_metadata := group_merge(g.group_metadata, fields->'group_metadata');
	IF greatest(octet_length(g.custom_data::text), octet_length(g.group_metadata::text)) > 8192 THEN
		PERFORM group_refuse('too_large');
	END IF;
	RETURN g;
END
$$;

-- The group and all inside it into another one, or to the top (NULL). The user is a primary one of what it leaves and of what it comes to, so
-- that nobody takes a group away from others by it. Whose membership ends with the move takes the own nodes along.
CREATE FUNCTION group_move(the_user uuid, the_group text, new_parent text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	old_parent text := (SELECT parent_id FROM node_group WHERE group_id = the_group);
BEGIN
	IF new_parent IS NOT DISTINCT FROM old_parent THEN
		RETURN;
	END IF;
	IF old_parent IS NOT NULL THEN
		PERFORM group_require(the_user, old_parent);
	END IF;
	IF new_parent IS NULL THEN
		INSERT INTO group_user (group_id, user_id, role) VALUES (the_group, the_user, 'primary')
			ON CONFLICT (group_id, user_id) DO UPDATE SET role = 'primary';
	ELSE
		PERFORM FROM group_closure c JOIN node_group g ON g.group_id = c.ancestor_id
			WHERE c.group_id = new_parent ORDER BY c.depth DESC FOR KEY SHARE OF g;
		PERFORM group_require(the_user, new_parent);
	END IF;
	IF EXISTS (SELECT FROM group_closure WHERE group_id = new_parent AND ancestor_id = the_group) THEN
		PERFORM group_refuse('cycle');
	END IF;
	IF (SELECT max(depth) FROM group_closure WHERE ancestor_id = the_group)
			+ (SELECT max(depth) + 1 FROM group_closure WHERE group_id = new_parent) > 2 THEN
		PERFORM group_refuse('depth');
	END IF;
	DELETE FROM group_closure c USING group_closure inner_one
		WHERE inner_one.ancestor_id = the_group AND c.group_id = inner_one.group_id AND c.depth > inner_one.depth;
	INSERT INTO group_closure (group_id, ancestor_id, depth)
		SELECT i.group_id, o.ancestor_id, i.depth + o.depth + 1 FROM group_closure i, group_closure o
		WHERE i.ancestor_id = the_group AND o.group_id = new_parent;
	UPDATE node_group SET parent_id = new_parent WHERE group_id = the_group;
	DELETE FROM group_node n USING group_closure i
		WHERE i.ancestor_id = the_group AND n.group_id = i.group_id AND group_role_of(n.added_by, n.group_id) IS NULL;
END
$$;

-- A top-level group is its maker's; one inside another belongs to those whom the other belongs to.
CREATE FUNCTION group_make(the_user uuid, the_group text, the_parent text, fields jsonb, nodes text[], groups_max integer, nodes_max integer)
	RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	made node_group;
BEGIN
	IF the_parent IS NOT NULL THEN
		PERFORM group_require(the_user, the_parent); -- who may not must make nobody wait
	END IF;
	PERFORM FROM account WHERE user_id = the_user FOR NO KEY UPDATE; -- a user's groups are counted one after another
	PERFORM group_lock_nodes(the_user, nodes);
	PERFORM pg_advisory_xact_lock_shared(2, 0);
	IF the_parent IS NOT NULL THEN
		PERFORM group_lock(the_parent);
		PERFORM group_require(the_user, the_parent);
		IF (SELECT max(depth) FROM group_closure WHERE group_id = the_parent) >= 2 THEN
			PERFORM group_refuse('depth');
		END IF;
	END IF;
	IF (SELECT count(DISTINCT group_id) FROM group_access WHERE user_id = the_user AND role = 'primary') >= groups_max THEN
		PERFORM group_refuse('groups_limit');
	END IF;
	made := group_with(ROW(the_group, the_parent, '', '', '', false, '{}', '{}', now())::node_group, fields);
	INSERT INTO node_group SELECT made.*;
	INSERT INTO group_closure (group_id, ancestor_id, depth) SELECT the_group, ancestor_id, depth + 1 FROM group_closure
		WHERE group_id = the_parent UNION ALL SELECT the_group, the_group, 0;
	IF the_parent IS NULL THEN
		INSERT INTO group_user (group_id, user_id, role) VALUES (the_group, the_user, 'primary');
	END IF;
	PERFORM group_put_nodes(the_user, the_group, nodes, nodes_max);
	RETURN 'ok';
EXCEPTION WHEN SQLSTATE 'CG001' THEN
	RETURN SQLERRM;
END
$$;

-- Fields, a move (when moves; to the_parent, NULL: the top), nodes to add, nodes to remove: all of it or nothing.
CREATE FUNCTION group_change(the_user uuid, the_group text, fields jsonb, moves boolean, the_parent text, added text[], removed text[],
			     nodes_max integer) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	changed node_group;
	held text[];
BEGIN
	PERFORM group_require(the_user, the_group);
	PERFORM group_lock_nodes(the_user, added);
	IF moves THEN
		PERFORM pg_advisory_xact_lock(2, 0);
	END IF;
	PERFORM group_lock(the_group);
	PERFORM group_require(the_user, the_group);
	IF fields <> '{}' THEN
		SELECT * INTO changed FROM node_group WHERE group_id = the_group;
		changed := group_with(changed, fields);
		UPDATE node_group SET group_name = changed.group_name, group_type = changed.group_type, description = changed.description,
			mutually_exclusive = changed.mutually_exclusive, custom_data = changed.custom_data, group_metadata = changed.group_metadata
			WHERE group_id = the_group;
	END IF;
	IF moves THEN
		PERFORM group_move(the_user, the_group, the_parent);
	END IF;
	IF moves OR fields ? 'mutually_exclusive' THEN
		held := ARRAY(SELECT node_id FROM group_node WHERE group_id = the_group);
		PERFORM group_hold_alone(the_user, the_group, held);
	END IF;
	PERFORM group_take_nodes(the_group, removed);
	IF cardinality(added) > 0 THEN
		PERFORM group_put_nodes(the_user, the_group, added, nodes_max);
	END IF;
	RETURN 'ok';
EXCEPTION WHEN SQLSTATE 'CG001' THEN
	RETURN SQLERRM;
END
$$;

-- With all that lies in it; the nodes stay their users'.
CREATE FUNCTION group_delete(the_user uuid, the_group text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM group_require(the_user, the_group);
	PERFORM group_lock(the_group);
	PERFORM group_require(the_user, the_group);
	DELETE FROM node_group WHERE group_id = the_group;
	RETURN 'ok';
EXCEPTION WHEN SQLSTATE 'CG001' THEN
	RETURN SQLERRM;
END
$$;

-- The own share. What comes by a group around this one is left there, and a group is not left without a primary user by accident.
CREATE FUNCTION group_leave(the_user uuid, the_group text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	mine text;
BEGIN
	IF group_role_of(the_user, the_group) IS NULL THEN
		RETURN 'unknown';
	END IF;
	PERFORM group_lock(the_group);
	SELECT role INTO mine FROM group_user WHERE group_id = the_group AND user_id = the_user;
	IF NOT FOUND THEN
		RETURN CASE WHEN group_role_of(the_user, the_group) IS NULL THEN 'unknown' ELSE 'by_parent' END;
	ELSIF mine = 'primary' AND (SELECT count(*) FROM group_user WHERE group_id = the_group AND role = 'primary') = 1
			AND EXISTS (SELECT FROM node_group WHERE group_id = the_group AND parent_id IS NULL) THEN
		RETURN 'last_primary';
	END IF;
	DELETE FROM group_user WHERE group_id = the_group AND user_id = the_user;
	RETURN 'ok';
END
$$;

-- A primary user ends the share of a secondary one.
CREATE FUNCTION group_unshare(the_user uuid, the_group text, the_name text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	target uuid := (SELECT user_id FROM account WHERE user_name = the_name);
	the_role text;
BEGIN
	PERFORM group_require(the_user, the_group);
	PERFORM group_lock(the_group);
	PERFORM group_require(the_user, the_group);
	SELECT role INTO the_role FROM group_user WHERE group_id = the_group AND user_id = target;
	IF NOT FOUND THEN
		PERFORM group_refuse('not_shared');
	ELSIF the_role = 'primary' THEN
		PERFORM group_refuse('other_primary');
	END IF;
	DELETE FROM group_user WHERE group_id = the_group AND user_id = target;
	RETURN 'ok';
EXCEPTION WHEN SQLSTATE 'CG001' THEN
	RETURN SQLERRM;
END
$$;
