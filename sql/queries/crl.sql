-- Our CAs and their CRLs.

-- The newest version that concerns this CA, and its CRL as it is kept.
-- name: crl_look
SELECT coalesce((SELECT max(version) FROM revocation WHERE kind = 'certificate' AND ca_key_id = $1::text), 0),
       coalesce(c.version, 0), coalesce(us_of(c.made_at), 0), coalesce(us_of(c.next_update), 0),
       coalesce(c.certificate = $2::text AND c.issues = $3::boolean, false)
FROM (SELECT) one LEFT JOIN crl c ON c.ca_key_id = $1;

-- A number that no CRL has: the newest version, or, when that may be taken, one more.
-- name: crl_number
SELECT CASE WHEN $1::boolean THEN revocation_next_version() ELSE (SELECT version FROM revocation_state) END;

-- name: crl_entries
SELECT serial, us_of(since), reason, version FROM revocation
WHERE kind = 'certificate' AND ca_key_id = $1::text AND version > $2::bigint AND not_after > now() AND serial IS NOT NULL
ORDER BY version LIMIT $3::bigint;

-- name: crl_put
INSERT INTO crl (ca_key_id, certificate, issues, version, der, next_update)
VALUES ($1::text, $2::text, $3::boolean, $4::bigint, $5::bytea, time_us($6::bigint))
ON CONFLICT (ca_key_id) DO UPDATE
SET certificate = excluded.certificate, issues = excluded.issues, version = excluded.version, der = excluded.der, made_at = now(),
    next_update = excluded.next_update;

-- CAs that signerd has no more.
-- name: crl_keep_only
DELETE FROM crl WHERE ca_key_id <> ALL ($1::text[]);

-- By key id, or that of the CA that issues.
-- name: crl_get
SELECT der FROM crl WHERE CASE WHEN $1::text = '' THEN issues ELSE ca_key_id = $1 END
ORDER BY version DESC LIMIT 1;

-- The issuing CA first.
-- name: crl_list
SELECT der FROM crl ORDER BY issues DESC, ca_key_id LIMIT 64;

-- name: crl_certificates
SELECT certificate FROM crl ORDER BY issues DESC, ca_key_id LIMIT 64;
