-- Users, nodes and what nodes report. Times are UTC. Every unique key about a node begins with the node id, so that the
-- tables can be distributed by it.

-- Times cross the wire as microseconds since 1970; exact to the year 2200 and beyond any clock that we meet.
CREATE FUNCTION time_us(us bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT timestamptz 'epoch' + us * interval '1 microsecond' $$;
CREATE FUNCTION us_of(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT (extract(epoch FROM at) * 1000000)::bigint $$;

CREATE TABLE account (
	user_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	-- an e-mail address or +phone number in its one canonical form
	user_name     text NOT NULL UNIQUE CHECK (user_name = lower(user_name) AND length(user_name) BETWEEN 3 AND 254),
	password_hash text,                    -- NULL until confirmed
	display_name  text NOT NULL DEFAULT '' CHECK (length(display_name) <= 256),
	super_admin   boolean NOT NULL DEFAULT false,
	confirmed_at  timestamptz,
	created_at    timestamptz NOT NULL DEFAULT now(),
	CHECK (confirmed_at IS NULL OR password_hash IS NOT NULL)
);
-- sign-ups that nobody confirmed are forgotten after a day
CREATE INDEX account_unconfirmed ON account (created_at) WHERE confirmed_at IS NULL;

-- One live code for a purpose: a newer one replaces it. The password of a sign-up becomes valid with its own code only.
CREATE TABLE account_code (
	user_id       uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	purpose       text NOT NULL CHECK (purpose IN ('signup')),
	code_hash     bytea NOT NULL,
	password_hash text NOT NULL,
	tries_left    integer NOT NULL CHECK (tries_left >= 0),
	expires_at    timestamptz NOT NULL,
	PRIMARY KEY (user_id, purpose)
);

CREATE TABLE session (
	session_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id       uuid NOT NULL REFERENCES account ON DELETE CASCADE,
	refresh_hash  bytea NOT NULL UNIQUE,
	created_at    timestamptz NOT NULL DEFAULT now(),
	last_used_at  timestamptz NOT NULL DEFAULT now(),
	expires_at    timestamptz NOT NULL,
	ended_at      timestamptz
);
CREATE INDEX session_by_user ON session (user_id);

CREATE TABLE node (
	node_id       text PRIMARY KEY CHECK (node_id ~ '^[A-Za-z0-9_-]{1,64}$'),
	registered_at timestamptz NOT NULL DEFAULT now(),
	-- presence: the newest broker session that was heard of, and whether it lives
	connected     boolean NOT NULL DEFAULT false,
	session_no    bigint NOT NULL DEFAULT 0,
	presence_at   timestamptz
) WITH (fillfactor = 80);

CREATE TABLE node_certificate (
	serial        text PRIMARY KEY CHECK (serial ~ '^[0-9A-F]{16,40}$'),
	node_id       text NOT NULL REFERENCES node ON DELETE CASCADE,
	certificate   text NOT NULL,
	not_before    timestamptz NOT NULL,
	not_after     timestamptz NOT NULL,
	issued_at     timestamptz NOT NULL DEFAULT now(),
	superseded_at timestamptz
);
-- exactly one live certificate a node
CREATE UNIQUE INDEX node_certificate_live ON node_certificate (node_id) WHERE superseded_at IS NULL;

CREATE TABLE node_config (
	node_id       text PRIMARY KEY REFERENCES node ON DELETE CASCADE,
	config        json NOT NULL,           -- verbatim: unknown members and number forms survive
	node_name     text,                    -- what operators search
	node_type     text,
	model         text,
	fw_version    text,
	received_at   timestamptz NOT NULL
) WITH (fillfactor = 80);

-- The last reported value of each parameter. `json` and not `jsonb`: the number's form is kept.
CREATE TABLE node_param (
	node_id       text NOT NULL REFERENCES node ON DELETE CASCADE,
	device        text NOT NULL CHECK (octet_length(device) <= 64),
	param         text NOT NULL CHECK (octet_length(param) <= 64),
	value         json NOT NULL,
	version       bigint NOT NULL DEFAULT 1,  -- counts changes of the value, not reports of it
	received_at   timestamptz NOT NULL,
	PRIMARY KEY (node_id, device, param)
) WITH (fillfactor = 70);

-- delivery_mid and digest recognise a redelivery: the broker repeats a message with the same message id.
CREATE TABLE alert (
	alert_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	node_id       text NOT NULL REFERENCES node ON DELETE CASCADE,
	kind          text NOT NULL CHECK (kind IN ('text', 'params')),
	body          json NOT NULL,           -- a string for `text`, an object for `params`
	salvaged      boolean NOT NULL DEFAULT false,
	received_at   timestamptz NOT NULL,
	delivery_mid  integer NOT NULL,
	digest        bytea NOT NULL
);
CREATE INDEX alert_by_node ON alert (node_id, received_at);

CREATE TABLE ota_fetch (
	node_id       text PRIMARY KEY REFERENCES node ON DELETE CASCADE,
	fw_version    text NOT NULL,
	network_id    text,
	received_at   timestamptz NOT NULL
);

CREATE TABLE ota_status (
	node_id         text NOT NULL REFERENCES node ON DELETE CASCADE,
	ota_job_id      text NOT NULL,
	status          text NOT NULL CHECK (status IN ('in-progress', 'success', 'failed', 'delayed', 'rejected', 'invalid')),
	additional_info text NOT NULL,
	node_ts         bigint NOT NULL,       -- the node's claim, seconds; -1 when it gave none
	received_at     timestamptz NOT NULL,
	delivery_mid    integer NOT NULL,
	digest          bytea NOT NULL,
	ota_status_id   bigint GENERATED ALWAYS AS IDENTITY,
	PRIMARY KEY (node_id, ota_status_id)
);

CREATE TABLE dead_letter (
	dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	topic          text NOT NULL,
	reason         text NOT NULL,
	payload        bytea NOT NULL CHECK (octet_length(payload) <= 4096),  -- the beginning of it
	payload_bytes  integer NOT NULL,
	received_at    timestamptz NOT NULL,
	delivery_mid   integer NOT NULL,
	digest         bytea NOT NULL
);
CREATE INDEX dead_letter_by_topic ON dead_letter (topic, received_at);
