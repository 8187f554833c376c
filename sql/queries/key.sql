-- Keys for machines: store/key.c.

-- name: key_new
SELECT key_id, us_of(expires_at)
FROM api_key_add($1::uuid, $2, $3::bytea, $4::integer, $5::bigint * interval '1 second', $6::bigint);

-- Those that were not revoked, expired ones among them: their owner should see what has stopped.
-- name: key_list
SELECT key_id, key_name, scopes, us_of(created_at), us_of(expires_at), us_of(last_used_at), expires_at <= now()
FROM api_key WHERE user_id = $1::uuid AND revoked_at IS NULL AND key_id > $2::uuid ORDER BY key_id LIMIT $3::bigint;

-- name: key_revoke
UPDATE api_key SET revoked_at = now() WHERE key_id = $2::uuid AND user_id = $1::uuid AND revoked_at IS NULL;

-- As session_access. That it was used is noted once a minute at most, and by one of many at once: the others pass it by, so a busy key writes
-- nothing but that and waits for nobody.
-- name: key_access
WITH used AS (
	UPDATE api_key SET last_used_at = now() WHERE key_id IN (
		SELECT key_id FROM api_key WHERE key_hash = $1::bytea AND revoked_at IS NULL AND expires_at > now()
		AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute') FOR UPDATE SKIP LOCKED)
)
SELECT k.user_id, account_role(a), coalesce(n.role, CASE WHEN $2::text IS NOT NULL THEN node_role_of(k.user_id, $2) END), k.scopes
FROM api_key k JOIN account a USING (user_id)
LEFT JOIN node_user n ON n.node_id = $2 AND n.user_id = k.user_id
WHERE k.key_hash = $1::bytea AND k.revoked_at IS NULL AND k.expires_at > now();

-- As session_access_params.
-- name: key_access_params
WITH used AS (
	UPDATE api_key SET last_used_at = now() WHERE key_id IN (
		SELECT key_id FROM api_key WHERE key_hash = $1::bytea AND revoked_at IS NULL AND expires_at > now()
		AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute') FOR UPDATE SKIP LOCKED)
)
SELECT k.user_id, account_role(a), r.role, k.scopes,
       CASE WHEN r.role IS NOT NULL THEN
           (SELECT '{' || coalesce(string_agg(to_json(device)::text || ':' || params, ','), '') || '}'
            FROM (SELECT device, '{' || string_agg(to_json(param)::text || ':' || value::text, ',') || '}' AS params
                  FROM (SELECT device, param, value FROM node_param p WHERE p.node_id = $2 ORDER BY device, param) every
                  GROUP BY device ORDER BY device) d)
       END
FROM api_key k JOIN account a USING (user_id)
LEFT JOIN node_user n ON n.node_id = $2 AND n.user_id = k.user_id
CROSS JOIN LATERAL (SELECT coalesce(n.role, node_role_of(k.user_id, $2)) AS role) r
WHERE k.key_hash = $1::bytea AND k.revoked_at IS NULL AND k.expires_at > now();
