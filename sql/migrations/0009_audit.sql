-- Who did what to which object, when and from where. Written by triggers in the transaction of the fact, so that no writer - daemon,
-- command line, a node's message - can forget it or keep it when the fact is not kept.

-- `security`: access was given, taken, used or refused; `change`: everything else. Actions are listed in docs/audit.md.
-- Accounts and nodes are named by id without foreign keys: an event outlives what it is about.
CREATE TABLE audit_event (
	event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at          timestamptz NOT NULL DEFAULT clock_timestamp(),
	kind        text NOT NULL CHECK (kind IN ('security', 'change')),
	action      text NOT NULL CHECK (action ~ '^[a-z_]+[.][a-z_]+$'),
	user_id     uuid,                  -- who did it; NULL: nobody who is signed in
	via         text NOT NULL CHECK (octet_length(via) BETWEEN 1 AND 64),  -- session, key, or the program that did it by itself
	source      inet,
	request_id  text CHECK (octet_length(request_id) <= 40),
	object_kind text NOT NULL,
	object_id   text NOT NULL CHECK (octet_length(object_id) <= 256),
	detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_event_by_time ON audit_event (at, event_id);
CREATE INDEX audit_event_by_user ON audit_event (user_id, event_id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_event_by_object ON audit_event (object_kind, object_id, event_id);

-- Nothing changes it. The owner may cut off what is old (`cistern audit prune`), which is an event itself; the daemon's role may not even try.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	IF TG_OP = 'DELETE' AND coalesce(current_setting('cistern.audit_prune', true), '') = 'yes' THEN
		RETURN OLD;
	END IF;
	RAISE EXCEPTION 'audit_event is append-only' USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'audit_event_append_only';
END
$$;
CREATE TRIGGER audit_event_rows BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_event_table BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- Who acts in this transaction, as store_act_as() has said: {"user","via","source","request"}. Without it the program acts by itself.
CREATE FUNCTION audit_write(the_kind text, the_action text, the_object_kind text, the_object text, the_detail jsonb DEFAULT '{}',
			    the_user uuid DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
	actor jsonb := coalesce(nullif(current_setting('cistern.actor', true), ''), '{}')::jsonb;
BEGIN
	INSERT INTO audit_event (kind, action, user_id, via, source, request_id, object_kind, object_id, detail)
	VALUES (the_kind, the_action, coalesce((actor->>'user')::uuid, the_user),
		coalesce(actor->>'via', left(nullif(current_setting('application_name'), ''), 64), 'database'),
		(actor->>'source')::inet, actor->>'request', the_object_kind, the_object, jsonb_strip_nulls(the_detail));
END
$$;

CREATE FUNCTION audit_account() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	IF TG_OP = 'DELETE' THEN
		IF OLD.confirmed_at IS NOT NULL THEN
			PERFORM audit_write('security', 'account.deleted', 'user', OLD.user_id::text);
		END IF;
		RETURN NULL;
	END IF;
	IF TG_OP = 'INSERT' OR (OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL) THEN
		IF NEW.confirmed_at IS NOT NULL THEN
			PERFORM audit_write('security', 'account.confirmed', 'user', NEW.user_id::text, jsonb_build_object('role', account_role(NEW)), NEW.user_id);
		END IF;
		RETURN NULL;
	END IF;
	IF NEW.password_hash IS DISTINCT FROM OLD.password_hash THEN
		PERFORM audit_write('security', 'account.password_changed', 'user', NEW.user_id::text, '{}', NEW.user_id);
	END IF;
	IF account_role(NEW) <> account_role(OLD) THEN
		PERFORM audit_write('security', 'account.role_changed', 'user', NEW.user_id::text,
				    jsonb_build_object('from', account_role(OLD), 'to', account_role(NEW)));
	END IF;
	IF (NEW.display_name, NEW.locale, NEW.tags) IS DISTINCT FROM (OLD.display_name, OLD.locale, OLD.tags) THEN
		PERFORM audit_write('change', 'account.changed', 'user', NEW.user_id::text);
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_account AFTER INSERT OR DELETE OR UPDATE OF confirmed_at, password_hash, super_admin, staff_role, display_name, locale, tags
	ON account FOR EACH ROW EXECUTE FUNCTION audit_account();

CREATE FUNCTION audit_session() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM audit_write('security', 'session.opened', 'session', NEW.session_id::text, jsonb_build_object('client', NEW.client), NEW.user_id);
	ELSE
		PERFORM audit_write('security', 'session.ended', 'session', NEW.session_id::text,
				    jsonb_build_object('reason', NEW.end_reason, 'user', NEW.user_id));
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_session_opened AFTER INSERT ON session FOR EACH ROW EXECUTE FUNCTION audit_session();
CREATE TRIGGER audit_session_ended AFTER UPDATE OF ended_at ON session FOR EACH ROW
	WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION audit_session();

CREATE FUNCTION audit_key() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('security', CASE TG_OP WHEN 'INSERT' THEN 'key.made' ELSE 'key.revoked' END, 'key', NEW.key_id::text,
			    jsonb_build_object('user', NEW.user_id, 'scopes', NEW.scopes));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_key_made AFTER INSERT ON api_key FOR EACH ROW EXECUTE FUNCTION audit_key();
CREATE TRIGGER audit_key_revoked AFTER UPDATE OF revoked_at ON api_key FOR EACH ROW
	WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION audit_key();

CREATE FUNCTION audit_node_user() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
	r node_user := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
	PERFORM audit_write('security', CASE TG_OP WHEN 'INSERT' THEN 'node.mapped' WHEN 'DELETE' THEN 'node.unmapped' ELSE 'node.role_changed' END,
			    'node', r.node_id, jsonb_build_object('user', r.user_id, 'role', r.role, 'granted_by', r.granted_by));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_node_user AFTER INSERT OR DELETE ON node_user FOR EACH ROW EXECUTE FUNCTION audit_node_user();
CREATE TRIGGER audit_node_user_role AFTER UPDATE OF role ON node_user FOR EACH ROW
	WHEN (OLD.role <> NEW.role) EXECUTE FUNCTION audit_node_user();

CREATE FUNCTION audit_node_text() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
	the_node text := CASE TG_OP WHEN 'DELETE' THEN OLD.node_id ELSE NEW.node_id END;
BEGIN
	PERFORM audit_write('change', CASE TG_TABLE_NAME WHEN 'node_tag' THEN 'node.tags_changed' ELSE 'node.metadata_changed' END, 'node', the_node,
			    CASE WHEN TG_TABLE_NAME = 'node_tag' THEN
				jsonb_build_object(CASE TG_OP WHEN 'DELETE' THEN 'removed' ELSE 'added' END,
						   to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END)->>'tag')
			    ELSE '{}' END);
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_node_tag AFTER INSERT OR DELETE ON node_tag FOR EACH ROW EXECUTE FUNCTION audit_node_text();
CREATE TRIGGER audit_node_metadata AFTER INSERT OR UPDATE OR DELETE ON node_metadata FOR EACH ROW EXECUTE FUNCTION audit_node_text();

CREATE FUNCTION audit_sharing() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('security', 'sharing.' || CASE TG_OP WHEN 'INSERT' THEN 'requested' ELSE NEW.state END, 'sharing_request', NEW.request_id,
			    jsonb_build_object('kind', NEW.kind, 'from', NEW.from_user, 'transfer', NEW.transfer, 'as_primary', NEW.as_primary));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_sharing_made AFTER INSERT ON sharing_request FOR EACH ROW EXECUTE FUNCTION audit_sharing();
CREATE TRIGGER audit_sharing_settled AFTER UPDATE OF state ON sharing_request FOR EACH ROW
	WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION audit_sharing();

CREATE FUNCTION audit_group() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
	the_group text := CASE TG_OP WHEN 'DELETE' THEN OLD.group_id ELSE NEW.group_id END;
BEGIN
	PERFORM audit_write('change', CASE TG_OP WHEN 'INSERT' THEN 'group.made' WHEN 'DELETE' THEN 'group.deleted' ELSE 'group.changed' END,
			    'group', the_group);
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_group AFTER INSERT OR UPDATE OR DELETE ON node_group FOR EACH ROW EXECUTE FUNCTION audit_group();

CREATE FUNCTION audit_group_user() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
	r group_user := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
	PERFORM audit_write('security', CASE TG_OP WHEN 'INSERT' THEN 'group.joined' WHEN 'DELETE' THEN 'group.left' ELSE 'group.role_changed' END,
			    'group', r.group_id, jsonb_build_object('user', r.user_id, 'role', r.role));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_group_user AFTER INSERT OR DELETE ON group_user FOR EACH ROW EXECUTE FUNCTION audit_group_user();
CREATE TRIGGER audit_group_user_role AFTER UPDATE OF role ON group_user FOR EACH ROW
	WHEN (OLD.role <> NEW.role) EXECUTE FUNCTION audit_group_user();

CREATE FUNCTION audit_group_node() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
	r group_node := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
	PERFORM audit_write('change', CASE TG_OP WHEN 'INSERT' THEN 'group.node_added' ELSE 'group.node_removed' END, 'group', r.group_id,
			    jsonb_build_object('node', r.node_id));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_group_node AFTER INSERT OR DELETE ON group_node FOR EACH ROW EXECUTE FUNCTION audit_group_node();

CREATE FUNCTION audit_node() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	IF TG_OP = 'UPDATE' THEN
		PERFORM audit_write('security', 'node.' || CASE WHEN node_state(NEW) = 'active' THEN 'resumed' ELSE node_state(NEW) END, 'node', NEW.node_id);
	ELSE
		PERFORM audit_write('security', CASE TG_OP WHEN 'INSERT' THEN 'node.registered' ELSE 'node.deleted' END, 'node',
				    CASE TG_OP WHEN 'INSERT' THEN NEW.node_id ELSE OLD.node_id END);
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_node AFTER INSERT OR DELETE ON node FOR EACH ROW EXECUTE FUNCTION audit_node();
CREATE TRIGGER audit_node_state AFTER UPDATE OF suspended_at, revoked_at ON node FOR EACH ROW
	WHEN (node_state(OLD) <> node_state(NEW)) EXECUTE FUNCTION audit_node();

CREATE FUNCTION audit_certificate() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('security', CASE TG_OP WHEN 'INSERT' THEN 'certificate.recorded' ELSE 'certificate.revoked' END, 'node', NEW.node_id,
			    jsonb_build_object('serial', NEW.serial, 'reason', NEW.revoked_reason));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_certificate AFTER INSERT ON node_certificate FOR EACH ROW EXECUTE FUNCTION audit_certificate();
CREATE TRIGGER audit_certificate_revoked AFTER UPDATE OF revoked_at ON node_certificate FOR EACH ROW
	WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION audit_certificate();

-- The list of devices that may claim by themselves. The secret is not told; that it is another one is.
CREATE FUNCTION audit_self_claim() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('security', CASE TG_OP WHEN 'INSERT' THEN 'self_claim.listed' WHEN 'DELETE' THEN 'self_claim.unlisted'
			    ELSE 'self_claim.secret_changed' END, 'device', CASE TG_OP WHEN 'DELETE' THEN OLD.mac ELSE NEW.mac END);
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_self_claim AFTER INSERT OR DELETE ON self_claim_device FOR EACH ROW EXECUTE FUNCTION audit_self_claim();
CREATE TRIGGER audit_self_claim_secret AFTER UPDATE OF secret ON self_claim_device FOR EACH ROW
	WHEN (OLD.secret IS DISTINCT FROM NEW.secret) EXECUTE FUNCTION audit_self_claim();

-- Registration in bulk: opened by a person, worked off by the daemon. The rows that it makes are events of their own.
CREATE FUNCTION audit_registration() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('security', 'registration.' || CASE TG_OP WHEN 'INSERT' THEN 'opened' ELSE NEW.state END, 'registration', NEW.request_id,
			    jsonb_build_object('user', NEW.user_id, 'kind', NEW.kind));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_registration_opened AFTER INSERT ON registration FOR EACH ROW EXECUTE FUNCTION audit_registration();
CREATE TRIGGER audit_registration_state AFTER UPDATE OF state ON registration FOR EACH ROW
	WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION audit_registration();

-- Who asked for a node, and who claimed an id; what comes of it is node.mapped, node.registered, certificate.recorded.
CREATE FUNCTION audit_request() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('change', CASE TG_TABLE_NAME WHEN 'claim' THEN 'claim.begun' ELSE 'mapping.requested' END, 'node', NEW.node_id,
			    jsonb_build_object('user', NEW.user_id));
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_mapping_request AFTER INSERT ON mapping_request FOR EACH ROW EXECUTE FUNCTION audit_request();
CREATE TRIGGER audit_claim AFTER INSERT ON claim FOR EACH ROW EXECUTE FUNCTION audit_request();
CREATE TRIGGER audit_claim_again AFTER UPDATE OF expires_at ON claim FOR EACH ROW
	WHEN (NEW.expires_at IS NOT NULL) EXECUTE FUNCTION audit_request();

-- What an app keeps for its user: that it changed, not what it is.
CREATE FUNCTION audit_account_data() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM audit_write('change', 'account.data_changed', 'user', NEW.user_id::text);
	RETURN NULL;
END
$$;
CREATE TRIGGER audit_account_data AFTER INSERT OR UPDATE ON account_data FOR EACH ROW EXECUTE FUNCTION audit_account_data();

-- For `cistern audit prune`, as the owner: what is older goes, and that it went stays. Gives the number of events.
CREATE FUNCTION audit_prune(older_than timestamptz) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
	n bigint;
BEGIN
	PERFORM set_config('cistern.audit_prune', 'yes', true);
	DELETE FROM audit_event WHERE at < older_than;
	GET DIAGNOSTICS n = ROW_COUNT;
	PERFORM set_config('cistern.audit_prune', '', true);
	PERFORM audit_write('security', 'audit.pruned', 'audit', '', jsonb_build_object('before', older_than, 'events', n));
	RETURN n;
END
$$;
