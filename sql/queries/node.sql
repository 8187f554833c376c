-- name: node_register
SELECT node_register($1, $2, $3, $4::bigint, $5::bigint, $6::bytea, $7);

-- Columns: node_from_row() in store/node.c.
-- name: node_by_id
SELECT n.node_id, us_of(n.registered_at), n.connected AND n.broker <> ALL (ARRAY(SELECT name FROM broker WHERE lost_at IS NOT NULL)), us_of(n.presence_at), n.session_no,
       c.node_name, c.node_type, c.model, c.fw_version,
       (SELECT count(*) FROM node_user u WHERE u.node_id = n.node_id)
FROM node n LEFT JOIN node_config c USING (node_id)
WHERE n.node_id = $1;

-- The next two give no row when the node is not the user's. Access by a group is asked by a function, which costs nothing where the node
-- is the user's own.
-- name: node_config_for_user
SELECT c.config
FROM node n LEFT JOIN node_config c USING (node_id) LEFT JOIN node_user u ON u.node_id = n.node_id AND u.user_id = $1::uuid
WHERE n.node_id = $2 AND coalesce(u.role, node_role_of($1::uuid, $2)) IS NOT NULL;

-- name: node_presence_for_user
SELECT n.connected AND n.broker <> ALL (ARRAY(SELECT name FROM broker WHERE lost_at IS NOT NULL)), us_of(n.presence_at)
FROM node n LEFT JOIN node_user u ON u.node_id = n.node_id AND u.user_id = $1::uuid
WHERE n.node_id = $2 AND coalesce(u.role, node_role_of($1::uuid, $2)) IS NOT NULL;

-- A node that comes by several groups is one row; what is the user's own comes by no group. tags ($7): any of those between the commas, or the
-- whole of it, for a tag may hold a comma. Parameters are sorted before they are put together: to sort in each aggregate made the statement
-- four times slower. A row without a node id carries the total when the page is empty.
-- name: node_list_for_user
WITH mine AS MATERIALIZED (
    SELECT a.node_id, min(a.role) AS role, min(a.mapped_at) AS mapped_at
    FROM node_access a
    WHERE a.user_id = $1::uuid AND ($2::text IS NULL OR a.node_id = $2)
    AND ($7::text IS NULL OR EXISTS (SELECT FROM node_tag t WHERE t.node_id = a.node_id AND t.tag = ANY (string_to_array($7, ',') || $7::text)))
    GROUP BY a.node_id
)
SELECT u.node_id, u.role, us_of(u.mapped_at), n.connected AND n.broker <> ALL (ARRAY(SELECT name FROM broker WHERE lost_at IS NOT NULL)), us_of(n.presence_at),
       CASE WHEN $5::boolean THEN c.config END,
       CASE WHEN $6::boolean THEN
           (SELECT '{' || coalesce(string_agg(to_json(device)::text || ':' || params, ','), '') || '}'
            FROM (SELECT device, '{' || coalesce(string_agg(to_json(param)::text || ':' || value::text, ','), '') || '}' AS params
                  FROM (SELECT device, param, value FROM node_param p WHERE p.node_id = u.node_id
                        UNION ALL SELECT unnest(c.names), NULL, NULL
                        ORDER BY device, param) every (device, param, value)
                  GROUP BY device ORDER BY device) d)
       END,
       CASE WHEN $8::boolean THEN coalesce((SELECT json_agg(tag ORDER BY tag) FROM node_tag g WHERE g.node_id = u.node_id), '[]') END,
       CASE WHEN $8::boolean THEN coalesce((SELECT metadata FROM node_metadata m WHERE m.node_id = u.node_id), '{}') END,
       t.total
FROM (SELECT count(*) AS total FROM mine) t
LEFT JOIN (SELECT * FROM mine WHERE node_id > $3 ORDER BY node_id LIMIT $4::bigint) u ON true
LEFT JOIN node n USING (node_id)
LEFT JOIN node_config c ON $8::boolean AND c.node_id = u.node_id
ORDER BY u.node_id;

-- name: node_write
SELECT node_write($1::uuid, $2, $3::text[], $4::text[], $5::jsonb);
