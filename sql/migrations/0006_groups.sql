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
-- A top-level group that has lost its last primary user is nobody's and goes.
CREATE FUNCTION group_user_gone() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	DELETE FROM group_node n USING group_closure c
		WHERE c.ancestor_id = OLD.group_id AND n.group_id = c.group_id AND n.added_by = OLD.user_id
		AND group_role_of(OLD.user_id, n.group_id) IS NULL;
	DELETE FROM node_group g WHERE g.group_id = OLD.group_id AND g.parent_id IS NULL
		AND NOT EXISTS (SELECT FROM group_user u WHERE u.group_id = OLD.group_id AND u.role = 'primary');
	RETURN NULL;
END
$$;
CREATE TRIGGER group_user_gone AFTER DELETE ON group_user FOR EACH ROW EXECUTE FUNCTION group_user_gone();
