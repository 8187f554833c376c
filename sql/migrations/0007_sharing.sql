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
	new_role    text CHECK (new_role = 'secondary' AND transfer),
	metadata    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192),
	created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires_at  timestamptz NOT NULL,
	settled_at  timestamptz,
	UNIQUE (request_id, kind, from_user),
	CHECK ((state = 'pending') = (settled_at IS NULL))
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
