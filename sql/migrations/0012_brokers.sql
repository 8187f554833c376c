-- More than one broker. A broker is a row; a node's is worked out from its id and the names of the active ones (model/rendezvous.h),
-- so that no node has to be written when a broker comes or goes.

-- mqtt_host is given to nodes, service_host and service_port are the daemon's way (or the path of a unix listener). `main` is written by the daemon itself, from its settings.
--   active    gets its part of the nodes that claim
--   draining  gets no new node; all else goes on
--   gone      the row stays, so that a late word of it is known for one
-- lost_at: since when the API's process has not reached it; what its nodes' sessions are is not known then, and they count as off line.
CREATE TABLE broker (
	name         text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
	mqtt_host    text NOT NULL CHECK (mqtt_host ~ '^[A-Za-z0-9._:-]{1,253}$'),
	service_host text NOT NULL CHECK (service_host ~ '^([A-Za-z0-9._:-]{1,253}|/[!-~]{1,106})$'),
	service_port integer NOT NULL CHECK (service_port BETWEEN 1 AND 65535),
	state        text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining', 'gone')),
	added_at     timestamptz NOT NULL DEFAULT now(),
	lost_at      timestamptz
);

-- The broker of the newest session. What there was until now was one broker's.
ALTER TABLE node ADD COLUMN broker text NOT NULL DEFAULT 'main';
ALTER TABLE node_connection ADD COLUMN broker text NOT NULL DEFAULT 'main';

-- Kept under host and port until now; the broker says it again as soon as the daemon subscribes.
DELETE FROM broker_state;

CREATE FUNCTION broker_notify() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM pg_notify('cistern_broker', '');
	RETURN NULL;
END
$$;
CREATE TRIGGER broker_notify AFTER INSERT OR DELETE OR UPDATE ON broker FOR EACH ROW EXECUTE FUNCTION broker_notify();

CREATE FUNCTION audit_broker() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('security', CASE WHEN TG_OP = 'INSERT' THEN 'broker.added' WHEN NEW.state <> OLD.state THEN 'broker.' || NEW.state
			    ELSE 'broker.changed' END, 'broker', NEW.name,
			    jsonb_build_object('mqtt_host', NEW.mqtt_host, 'service_host', NEW.service_host, 'service_port', NEW.service_port));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_broker AFTER INSERT ON broker FOR EACH ROW EXECUTE FUNCTION audit_broker();
CREATE TRIGGER audit_broker_changed AFTER UPDATE OF state, mqtt_host, service_host, service_port ON broker FOR EACH ROW
	WHEN ((OLD.state, OLD.mqtt_host, OLD.service_host, OLD.service_port) IS DISTINCT FROM (NEW.state, NEW.mqtt_host, NEW.service_host, NEW.service_port))
	EXECUTE FUNCTION audit_broker();

-- A new one, or one that was gone or is draining and takes nodes again. Gives false when there is an active one of the name.
CREATE FUNCTION broker_add(the_name text, the_mqtt_host text, the_service_host text, the_service_port bigint) RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
	INSERT INTO broker AS b (name, mqtt_host, service_host, service_port)
	VALUES (the_name, the_mqtt_host, the_service_host, the_service_port::integer)
	ON CONFLICT (name) DO UPDATE
	SET state = 'active', lost_at = NULL, mqtt_host = excluded.mqtt_host, service_host = excluded.service_host, service_port = excluded.service_port
	WHERE b.state <> 'active';
	RETURN FOUND;
END
$$;

-- Out of use: 'no_broker', 'last' for the only active one, 'connected' when nodes are there and it is not forced, or 'ok'. Its nodes are
-- off line from then on as far as anybody can tell.
CREATE FUNCTION broker_remove(the_name text, forced boolean) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
	LOCK TABLE broker IN SHARE ROW EXCLUSIVE MODE; -- two removals must not leave none
	IF NOT EXISTS (SELECT FROM broker WHERE name = the_name AND state <> 'gone') THEN
		RETURN 'no_broker';
	ELSIF NOT EXISTS (SELECT FROM broker WHERE name <> the_name AND state = 'active') THEN
		RETURN 'last';
	ELSIF NOT forced AND EXISTS (SELECT FROM node WHERE connected AND broker = the_name) THEN
		RETURN 'connected';
	END IF;
	UPDATE broker SET state = 'gone', lost_at = NULL WHERE name = the_name;
	DELETE FROM broker_state WHERE broker = the_name;
	UPDATE node SET connected = false, presence_at = now() WHERE connected AND broker = the_name;
	UPDATE node_connection SET ended_at = now(), reason = 'broker_removed' WHERE ended_at IS NULL AND broker = the_name;
	RETURN 'ok';
END
$$;

-- No new nodes: 'no_broker', 'last', or 'ok', also when it was so before.
CREATE FUNCTION broker_drain(the_name text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
	LOCK TABLE broker IN SHARE ROW EXCLUSIVE MODE;
	IF NOT EXISTS (SELECT FROM broker WHERE name = the_name AND state <> 'gone') THEN
		RETURN 'no_broker';
	ELSIF NOT EXISTS (SELECT FROM broker WHERE name <> the_name AND state = 'active') THEN
		RETURN 'last';
	END IF;
	UPDATE broker SET state = 'draining' WHERE name = the_name AND state = 'active';
	RETURN 'ok';
END
$$;
