-- name: session_new
WITH dead AS (
	DELETE FROM session WHERE user_id = $1::uuid AND (ended_at IS NOT NULL OR expires_at <= now() OR session_id IN (
		SELECT session_id FROM session WHERE user_id = $1::uuid AND ended_at IS NULL AND expires_at > now()
		ORDER BY last_used_at DESC, session_id OFFSET $4::bigint))
)
INSERT INTO session (user_id, refresh_hash, expires_at)
VALUES ($1::uuid, $2::bytea, now() + $3::bigint * interval '1 second') RETURNING session_id;

-- Access by a group is asked by a function, which costs nothing where the node is the user's own: written out here, the view would be set up
-- by every execution, needed or not, and halve the rate of the most frequent request.
-- name: session_access
SELECT s.user_id, account_role(a), coalesce(n.role, CASE WHEN $2::text IS NOT NULL THEN node_role_of(s.user_id, $2) END)
FROM session s JOIN account a USING (user_id)
LEFT JOIN node_user n ON n.node_id = $2 AND n.user_id = s.user_id
WHERE s.session_id = $1::uuid AND s.ended_at IS NULL AND s.expires_at > now();

-- The same with the node's parameters, for the most frequent request: one statement in place of two is a third of its cost.
-- The document is written as in node_list_for_user.
-- name: session_access_params
SELECT s.user_id, account_role(a), r.role,
       CASE WHEN r.role IS NOT NULL THEN
           (SELECT '{' || coalesce(string_agg(to_json(device)::text || ':' || params, ','), '') || '}'
            FROM (SELECT device, '{' || coalesce(string_agg(to_json(param)::text || ':' || value::text, ','), '') || '}' AS params
                  FROM (SELECT device, param, value FROM node_param p WHERE p.node_id = $2
                        UNION ALL SELECT unnest(c.names), NULL, NULL FROM node_config c WHERE c.node_id = $2
                        ORDER BY device, param) every (device, param, value)
                  GROUP BY device ORDER BY device) d)
       END
FROM session s JOIN account a USING (user_id)
LEFT JOIN node_user n ON n.node_id = $2 AND n.user_id = s.user_id
CROSS JOIN LATERAL (SELECT coalesce(n.role, node_role_of(s.user_id, $2)) AS role) r
WHERE s.session_id = $1::uuid AND s.ended_at IS NULL AND s.expires_at > now();

-- name: session_refresh
UPDATE session s SET last_used_at = now() FROM account a
WHERE s.refresh_hash = $1::bytea AND s.ended_at IS NULL AND s.expires_at > now() AND a.user_id = s.user_id
RETURNING s.session_id, s.user_id, a.user_name;

-- name: session_end
UPDATE session SET ended_at = now()
WHERE user_id = $1::uuid AND ($3::boolean OR session_id = $2::uuid) AND ended_at IS NULL;
