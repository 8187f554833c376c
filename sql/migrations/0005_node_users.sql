-- A node and its users: who shared it, what they wrote on it. Sources: rest.md sections 4 and 5, threats.md section 7.

-- Who shared it with this user. When that user lets go of the node, the share goes too.
ALTER TABLE node_user
	ADD COLUMN granted_by uuid,
	ADD CONSTRAINT node_user_primary_is_own CHECK (role = 'secondary' OR granted_by IS NULL),
	ADD CONSTRAINT node_user_granted_by FOREIGN KEY (node_id, granted_by) REFERENCES node_user (node_id, user_id) ON DELETE CASCADE;
CREATE INDEX node_user_by_granter ON node_user (node_id, granted_by) WHERE granted_by IS NOT NULL;

-- Written by primary users, read by all users of the node; gone with its last primary user.
CREATE TABLE node_tag (
	node_id text NOT NULL REFERENCES node ON DELETE CASCADE,
	tag     text NOT NULL CHECK (octet_length(tag) BETWEEN 1 AND 128),
	PRIMARY KEY (node_id, tag)
);
CREATE TABLE node_metadata (
	node_id  text PRIMARY KEY REFERENCES node ON DELETE CASCADE,
	metadata jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192)
);

-- Without a primary user a node is nobody's: what tied it to the former ones goes, whatever took the last of them away.
CREATE FUNCTION node_user_gone() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	IF NOT EXISTS (SELECT FROM node_user WHERE node_id = OLD.node_id AND role = 'primary') THEN
		DELETE FROM node_user WHERE node_id = OLD.node_id;
		DELETE FROM node_tag WHERE node_id = OLD.node_id;
		DELETE FROM node_metadata WHERE node_id = OLD.node_id;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER node_user_gone AFTER DELETE ON node_user FOR EACH ROW WHEN (OLD.role = 'primary') EXECUTE FUNCTION node_user_gone();
