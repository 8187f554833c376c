-- The first five give a word: sql/migrations/0006_groups.sql.
-- name: group_make
SELECT group_make($1::uuid, $2, $3, $4::jsonb, $5::text[], $6::integer, $7::integer);

-- name: group_change
SELECT group_change($1::uuid, $2, $3::jsonb, $4::boolean, $5, $6::text[], $7::text[], $8::integer);

-- name: group_delete
SELECT group_delete($1::uuid, $2);

-- name: group_leave
SELECT group_leave($1::uuid, $2);

-- name: group_unshare
SELECT group_unshare($1::uuid, $2, $3);

-- One group ($2), those of a name ($3), or those that lie in no other one of the user's; with $6 each is followed by what lies in it, a group
-- before what it holds. In a group one sees the nodes that are handed on by it, and the own ones. A parent that is not the user's is not
-- told. A row without a group carries the total when the page is empty. Columns: group_from_row() in store/group.c.
-- name: group_list
WITH reach AS MATERIALIZED (
    SELECT group_id, min(role) AS role FROM group_access WHERE user_id = $1::uuid GROUP BY group_id
), top AS MATERIALIZED (
    SELECT g.group_id FROM reach JOIN node_group g USING (group_id)
    WHERE CASE WHEN $2::text IS NOT NULL THEN g.group_id = $2 WHEN $3::text IS NOT NULL THEN g.group_name = $3
          ELSE g.parent_id IS NULL OR NOT EXISTS (SELECT FROM reach p WHERE p.group_id = g.parent_id) END
)
SELECT g.group_id, c.depth, g.group_name, g.group_type, g.description, g.mutually_exclusive, g.custom_data, g.group_metadata,
       (SELECT r.group_id FROM reach r WHERE r.group_id = g.parent_id), reach.role, n.total,
       CASE WHEN $7::boolean THEN n.ids END, t.total
FROM (SELECT count(*) AS total FROM top) t
LEFT JOIN (SELECT group_id AS top_id FROM top WHERE group_id > $4 ORDER BY group_id LIMIT $5::bigint) page ON true
LEFT JOIN group_closure c ON c.ancestor_id = page.top_id AND (c.depth = 0 OR $6::boolean)
LEFT JOIN node_group g ON g.group_id = c.group_id
LEFT JOIN reach ON reach.group_id = g.group_id
LEFT JOIN LATERAL (
    SELECT count(*) AS total, coalesce(json_agg(m.node_id ORDER BY m.node_id), '[]') AS ids
    FROM group_node m JOIN node_user o ON o.node_id = m.node_id AND o.user_id = m.added_by
    WHERE m.group_id = g.group_id
    AND (o.role = 'primary' OR EXISTS (SELECT FROM node_user own WHERE own.node_id = m.node_id AND own.user_id = $1::uuid))
) n ON true
ORDER BY page.top_id, ARRAY(SELECT a.ancestor_id FROM group_closure a WHERE a.group_id = g.group_id AND a.depth <= c.depth ORDER BY a.depth DESC);

-- The nodes of those groups ($2), in the groups' order, as group_list counts them; each with its place in that list from 1 on, then the
-- columns of node_list_for_user. The access to group and node is asked again: time has passed since the list was made.
-- name: group_nodes
SELECT w.place, m.node_id, a.role, us_of(a.mapped_at), d.connected AND d.broker <> ALL (ARRAY(SELECT name FROM broker WHERE lost_at IS NOT NULL)), us_of(d.presence_at),
       c.config,
       (SELECT '{' || coalesce(string_agg(to_json(device)::text || ':' || params, ','), '') || '}'
        FROM (SELECT device, '{' || coalesce(string_agg(to_json(param)::text || ':' || value::text, ','), '') || '}' AS params
              FROM (SELECT device, param, value FROM node_param p WHERE p.node_id = m.node_id
                    UNION ALL SELECT unnest(c.names), NULL, NULL
                    ORDER BY device, param) every (device, param, value)
              GROUP BY device ORDER BY device) e),
       coalesce((SELECT json_agg(tag ORDER BY tag) FROM node_tag t WHERE t.node_id = m.node_id), '[]'),
       coalesce((SELECT metadata FROM node_metadata x WHERE x.node_id = m.node_id), '{}')
FROM unnest($2::text[]) WITH ORDINALITY AS w (group_id, place)
JOIN group_node m ON m.group_id = w.group_id
JOIN node_user o ON o.node_id = m.node_id AND o.user_id = m.added_by
JOIN (SELECT node_id, min(role) AS role, min(mapped_at) AS mapped_at FROM node_access WHERE user_id = $1::uuid GROUP BY node_id) a
    ON a.node_id = m.node_id
JOIN node d ON d.node_id = m.node_id
LEFT JOIN node_config c ON c.node_id = m.node_id
WHERE (o.role = 'primary' OR EXISTS (SELECT FROM node_user own WHERE own.node_id = m.node_id AND own.user_id = $1::uuid))
AND EXISTS (SELECT FROM group_access g WHERE g.group_id = w.group_id AND g.user_id = $1::uuid)
ORDER BY w.place, m.node_id;
