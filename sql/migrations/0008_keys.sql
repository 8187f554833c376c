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
CREATE INDEX api_key_by_user ON api_key (user_id, created_at);
