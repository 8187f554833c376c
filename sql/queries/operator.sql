-- What an operator sees of any node, whoever it belongs to: store/operator.c.

-- Held until the connection ends, so also when the command is killed. Class 2: mapping.sql's locks are of class 1.
-- name: operator_lock_node
SELECT pg_try_advisory_lock(2, hashtext($1));

-- The newest live one: while a renewal is pending there are two.
-- name: operator_node_certificate
SELECT serial, us_of(not_before), us_of(not_after), us_of(issued_at), certificate
FROM node_certificate WHERE node_id = $1 AND superseded_at IS NULL AND revoked_at IS NULL ORDER BY issued_at DESC, serial LIMIT 1;

-- The configuration is what the node said: an array of devices is not certain to be one.
-- name: operator_node_detail
SELECT us_of(c.received_at),
       coalesce((SELECT json_agg(json_build_object('name', d -> 'name', 'type', d -> 'type'))
                 FROM json_array_elements(CASE WHEN json_typeof(c.config -> 'devices') = 'array'
                                          THEN c.config -> 'devices' ELSE '[]' END) d), '[]'),
       coalesce((SELECT json_agg(json_build_object('user_name', a.user_name, 'role', u.role) ORDER BY u.role, a.user_name)
                 FROM node_user u JOIN account a USING (user_id) WHERE u.node_id = n.node_id), '[]')
FROM node n LEFT JOIN node_config c USING (node_id) WHERE n.node_id = $1;

-- name: operator_node_params
SELECT '{' || coalesce(string_agg(to_json(device)::text || ':' || params, ',' ORDER BY device), '') || '}'
FROM (SELECT device, '{' || string_agg(to_json(param)::text || ':' || value::text, ',' ORDER BY param) || '}' AS params
      FROM node_param WHERE node_id = $1 GROUP BY device) d;

-- name: operator_migrations
SELECT version, what, us_of(applied_at) FROM schema_version ORDER BY version;
