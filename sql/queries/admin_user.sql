-- What administrators see of accounts and do to them: store/admin_user.c. Nothing secret.

-- $3: one user alone
-- name: admin_user_list
SELECT a.user_id, a.user_name, a.display_name, account_role(a), a.confirmed_at IS NOT NULL, us_of(a.created_at),
       (SELECT count(*) FROM node_user n WHERE n.user_id = a.user_id)
FROM account a WHERE a.user_name > $1 AND ($3::text IS NULL OR a.user_name = $3) ORDER BY a.user_name LIMIT $2::bigint;

-- Own and shared, also by groups. A row without a node tells that there is such a user.
-- name: admin_user_nodes
SELECT v.node_id, v.role, us_of(v.mapped_at)
FROM account a
LEFT JOIN LATERAL (SELECT n.node_id, min(n.role) AS role, min(n.mapped_at) AS mapped_at FROM node_access n
                   WHERE n.user_id = a.user_id AND n.node_id > $2 GROUP BY n.node_id ORDER BY n.node_id LIMIT $3::bigint) v ON true
WHERE a.user_name = $1 ORDER BY v.node_id;

-- One who has not confirmed has no role yet. account_last_admin may refuse this and the next.
-- name: admin_user_role
UPDATE account SET super_admin = $2 = 'admin', staff_role = CASE WHEN $2 IN ('operator', 'viewer') THEN $2 END
WHERE user_name = $1 AND confirmed_at IS NOT NULL RETURNING user_id;

-- name: admin_user_delete
DELETE FROM account WHERE user_name = $1 RETURNING user_id;
