-- name: session_open
SELECT session_open($1::uuid, $2, $3::bytea, $4::bigint * interval '1 second', $5::bigint, $6::inet, $7);

-- Access by a group is asked by a function, which costs nothing where the node is the user's own: written out here, the view would be set up
-- by every execution, needed or not, and halve the rate of the most frequent request.
-- name: session_access
SELECT s.user_id, account_role(a), coalesce(n.role, CASE WHEN $2::text IS NOT NULL THEN node_role_of(s.user_id, $2) END)
FROM session s JOIN account a USING (user_id)
LEFT JOIN node_user n ON n.node_id = $2 AND n.user_id = s.user_id
WHERE s.session_id = $1::uuid AND s.ended_at IS NULL AND s.expires_at > now();

-- The same with the node's parameters, for the most frequent request: one statement in place of two is a third of its cost.
-- The document has what was reported; node_list_for_user also names what was not.
-- name: session_access_params
SELECT s.user_id, account_role(a), r.role,
       CASE WHEN r.role IS NOT NULL THEN
           (SELECT '{' || coalesce(string_agg(to_json(device)::text || ':' || params, ','), '') || '}'
            FROM (SELECT device, '{' || string_agg(to_json(param)::text || ':' || value::text, ',') || '}' AS params
                  FROM (SELECT device, param, value FROM node_param p WHERE p.node_id = $2 ORDER BY device, param) every
                  GROUP BY device ORDER BY device) d)
       END
FROM session s JOIN account a USING (user_id)
LEFT JOIN node_user n ON n.node_id = $2 AND n.user_id = s.user_id
CROSS JOIN LATERAL (SELECT coalesce(n.role, node_role_of(s.user_id, $2)) AS role) r
WHERE s.session_id = $1::uuid AND s.ended_at IS NULL AND s.expires_at > now();

-- The same for many at once: a row for each, in their order; a session that is not there has no user. Between eight, a question costs a quarter.
-- OFFSET 0 keeps it at one look into an index for each, and the arrays behind a SELECT at one plan for all, whatever their lengths.
-- name: session_access_params_of_many
SELECT s.user_id, account_role(a), r.role,
       CASE WHEN r.role IS NOT NULL THEN
           (SELECT '{' || coalesce(string_agg(to_json(device)::text || ':' || params, ','), '') || '}'
            FROM (SELECT device, '{' || string_agg(to_json(param)::text || ':' || value::text, ',') || '}' AS params
                  FROM (SELECT device, param, value FROM node_param p WHERE p.node_id = q.node_id ORDER BY device, param) every
                  GROUP BY device ORDER BY device) d)
       END
FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) WITH ORDINALITY q(session_id, node_id, i)
LEFT JOIN LATERAL (SELECT user_id FROM session WHERE session_id = q.session_id::uuid AND ended_at IS NULL AND expires_at > now() OFFSET 0) s ON true
LEFT JOIN LATERAL (SELECT * FROM account WHERE user_id = s.user_id OFFSET 0) a ON true
LEFT JOIN LATERAL (SELECT role FROM node_user WHERE node_id = q.node_id AND user_id = s.user_id OFFSET 0) n ON true
CROSS JOIN LATERAL (SELECT CASE WHEN s.user_id IS NOT NULL THEN coalesce(n.role, node_role_of(s.user_id, q.node_id)) END AS role) r
ORDER BY q.i;

-- name: session_refresh
SELECT outcome, the_session, the_user, the_name
FROM session_refresh($1::bytea, $2::inet, $3::bigint, $4::bigint * interval '1 second');

-- name: session_end
UPDATE session SET ended_at = now(), end_reason = $4
WHERE user_id = $1::uuid AND ($3::boolean OR session_id = $2::uuid) AND ended_at IS NULL AND expires_at > now();

-- Newest first, behind the session $2.
-- name: session_list
SELECT session_id, us_of(created_at), us_of(last_used_at), us_of(expires_at), coalesce(host(source), ''), client
FROM session s WHERE user_id = $1::uuid AND ended_at IS NULL AND expires_at > now()
	AND ($2::uuid IS NULL OR (created_at, session_id) < (SELECT c.created_at, c.session_id FROM session c
		WHERE c.session_id = $2::uuid AND c.user_id = $1::uuid))
ORDER BY created_at DESC, session_id DESC LIMIT $3::bigint;

-- Has a session of this account been in that network? One that was stolen tells nothing.
-- name: session_knows_network
SELECT EXISTS (SELECT FROM account a JOIN session s USING (user_id) JOIN session_network n USING (session_id)
	WHERE a.user_name = $1 AND n.network = network_of($2::inet) AND s.end_reason IS DISTINCT FROM 'stolen');
