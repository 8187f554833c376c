-- name: sharing_invite
SELECT sharing_invite($1, $2, $3::uuid, $4, $5::text[], $6::boolean, $7::boolean, $8, $9::jsonb, $10::bigint * interval '1 second',
                      $11::integer, $12::integer, $13::integer);

-- name: sharing_answer
SELECT sharing_answer($1, $2, $3::uuid, $4::boolean, $5::integer);

-- name: sharing_cancel
SELECT sharing_cancel($1, $2, $3::uuid);

-- name: sharing_remove
SELECT sharing_remove($1, $2::uuid, $3::text[], $4);

-- The next three give the place in the order and the entry as it goes out.

-- A secondary user sees the primary ones and himself; a primary one also those who have it by a group.
-- name: sharing_list_nodes
SELECT m.node_id, jsonb_build_object('node_id', m.node_id, 'sources', m.sources, 'users', jsonb_build_object(
           'primary', (SELECT coalesce(jsonb_agg(a.user_name ORDER BY a.user_name), '[]') FROM node_user u JOIN account a USING (user_id)
                       WHERE u.node_id = m.node_id AND u.role = 'primary'),
           'secondary', (SELECT coalesce(jsonb_agg(DISTINCT a.user_name), '[]') FROM node_access v JOIN account a USING (user_id)
                         WHERE v.node_id = m.node_id AND v.role = 'secondary' AND (m.role = 'primary' OR v.user_id = $1::uuid))))::text
FROM (SELECT node_id, min(role) AS role, jsonb_agg(coalesce(group_id, 'NODE') ORDER BY group_id) AS sources
      FROM node_access WHERE user_id = $1::uuid AND ($2::text IS NULL OR node_id = $2) AND node_id > $3
      GROUP BY node_id ORDER BY node_id LIMIT $4::bigint) m
ORDER BY m.node_id;

-- name: sharing_list_groups
SELECT m.group_id, (sharing_group_entry(m.group_id, $1::uuid, $5::boolean)
    || CASE WHEN $6::boolean THEN jsonb_build_object('sub_groups', (
           SELECT coalesce(jsonb_agg(sharing_group_entry(c.group_id, $1::uuid, $5::boolean) ORDER BY c.depth, c.group_id), '[]')
           FROM group_closure c WHERE c.ancestor_id = m.group_id AND c.depth > 0)) ELSE '{}' END
    || CASE WHEN $7::boolean THEN jsonb_build_object('parent_groups', (
           SELECT coalesce(jsonb_agg(sharing_group_entry(c.ancestor_id, $1::uuid, $5::boolean) ORDER BY c.depth), '[]')
           FROM group_closure c WHERE c.group_id = m.group_id AND c.depth > 0
           AND group_role_of($1::uuid, c.ancestor_id) IS NOT NULL)) ELSE '{}' END)::text
FROM (SELECT DISTINCT group_id FROM group_access WHERE user_id = $1::uuid AND ($2::text IS NULL OR group_id = $2) AND group_id > $3
      ORDER BY group_id LIMIT $4::bigint) m
ORDER BY m.group_id;

-- Newest first. What was cancelled, has run out or lost all that it was about is not told.
-- name: sharing_requests
SELECT us_of(r.created_at), r.request_id, r.to_name, (jsonb_build_object(
           'request_id', r.request_id, 'request_status', r.state, 'request_timestamp', floor(extract(epoch FROM r.created_at))::bigint,
           'user_name', r.to_name, 'primary_user_name', a.user_name, 'metadata', r.metadata, 'transfer', r.transfer,
           'user_role', CASE WHEN r.as_primary OR r.transfer THEN 'primary' ELSE 'secondary' END)
    || CASE WHEN r.new_role IS NULL THEN '{}' ELSE jsonb_build_object('new_role', r.new_role) END
    || CASE WHEN r.kind = 'node' THEN jsonb_build_object('node_ids', r.ids)
       ELSE jsonb_build_object('group_ids', r.ids, 'group_names', coalesce(r.settled_names, sharing_names(r.ids))) END)::text
FROM (SELECT e.*, coalesce(e.settled_ids, sharing_live(e.q)) AS ids FROM (
          (SELECT q, q.* FROM sharing_request q WHERE $3::boolean AND q.from_user = $1::uuid AND q.kind = $2
           AND q.state <> 'cancelled' AND q.expires_at > clock_timestamp() AND (q.state <> 'pending' OR cardinality(sharing_live(q)) > 0)
           AND ($5::text IS NULL OR q.request_id = $5) AND (q.created_at, q.request_id) < (time_us($6::bigint), $7)
           ORDER BY q.created_at DESC, q.request_id DESC LIMIT $8::bigint)
          UNION ALL
          (SELECT q, q.* FROM sharing_request q WHERE $4::boolean AND q.to_name = (SELECT user_name FROM account WHERE user_id = $1::uuid)
           AND q.kind = $2 AND q.state <> 'cancelled' AND q.expires_at > clock_timestamp()
           AND (q.state <> 'pending' OR cardinality(sharing_live(q)) > 0)
           AND ($5::text IS NULL OR q.request_id = $5) AND (q.created_at, q.request_id) < (time_us($6::bigint), $7)
           ORDER BY q.created_at DESC, q.request_id DESC LIMIT $8::bigint)) e
      ORDER BY e.created_at DESC, e.request_id DESC LIMIT $8::bigint) r
JOIN account a ON a.user_id = r.from_user
ORDER BY r.created_at DESC, r.request_id DESC;
