-- name: node_register
SELECT node_register($1, $2, $3, $4::bigint, $5::bigint, $6::bytea, $7);

-- Columns: node_from_row() in store/node.c.
-- name: node_by_id
SELECT n.node_id, us_of(n.registered_at), n.connected, us_of(n.presence_at), n.session_no,
       c.node_name, c.node_type, c.model, c.fw_version,
       (SELECT count(*) FROM node_user u WHERE u.node_id = n.node_id)
FROM node n LEFT JOIN node_config c USING (node_id)
WHERE n.node_id = $1;

-- The next two give no row when the node is not the user's.
-- name: node_config_for_user
SELECT coalesce((SELECT config FROM node_config c WHERE c.node_id = u.node_id), '{}')
FROM node_user u WHERE u.user_id = $1::uuid AND u.node_id = $2;

-- name: node_presence_for_user
SELECT n.connected, us_of(n.presence_at)
FROM node_user u JOIN node n USING (node_id) WHERE u.user_id = $1::uuid AND u.node_id = $2;

-- A row without a node id carries the total when the page is empty.
-- name: node_list_for_user
SELECT u.node_id, u.role, us_of(u.mapped_at), n.connected, us_of(n.presence_at),
       CASE WHEN $5::boolean THEN coalesce((SELECT config FROM node_config c WHERE c.node_id = u.node_id), '{}') END,
       CASE WHEN $6::boolean THEN
           (SELECT '{' || coalesce(string_agg(to_json(device)::text || ':' || params, ',' ORDER BY device), '') || '}'
            FROM (SELECT device, '{' || string_agg(to_json(param)::text || ':' || value::text, ',' ORDER BY param) || '}' AS params
                  FROM node_param p WHERE p.node_id = u.node_id GROUP BY device) d)
       END,
       t.total
FROM (SELECT count(*) AS total FROM node_user WHERE user_id = $1::uuid AND ($2::text IS NULL OR node_id = $2)) t
LEFT JOIN (SELECT node_id, role, mapped_at FROM node_user
           WHERE user_id = $1::uuid AND ($2::text IS NULL OR node_id = $2) AND node_id > $3
           ORDER BY node_id LIMIT $4::bigint) u ON true
LEFT JOIN node n USING (node_id)
ORDER BY u.node_id;
