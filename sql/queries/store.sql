-- name: ping
SELECT 1;

-- Told by revocation_next_version(), and by ingest when the broker's plugin has said its state.
-- name: listen_revocation
LISTEN cistern_revocation;

-- Told by ingest when a node asks for its next certificate.
-- name: listen_certificate_request
LISTEN cistern_certificate_request;

-- Told by registration_begin.
-- name: listen_registration
LISTEN cistern_registration;

-- Until the end of the transaction; audit_write() reads it.
-- name: act_as
SELECT set_config('cistern.actor', $1, true);
