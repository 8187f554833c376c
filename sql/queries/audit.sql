-- Who did what: store/audit.c. What is changed in tables is written by their triggers (sql/migrations/0009_audit.sql).

-- name: audit_note
SELECT audit_write($1, $2, $3, $4, jsonb_build_object('reason', $5::text));

-- That somebody set parameters, of each of these nodes; the values are the node's to report. It need not be on disk before the answer.
-- name: audit_params_set
SELECT set_config('synchronous_commit', 'off', true), (SELECT count(audit_write('change', 'node.params_set', 'node', node_id))
FROM unnest($1::text[]) AS n (node_id));

-- Newest first, before event $1. $3 kind, $4 action, $5 user id, $6 user name, $7 and $8 what it was done to, $9 and $10 from and to (us).
-- Planned for the filters that are given: as plan_each in store.sql.
-- name: audit_list
SELECT e.event_id, us_of(e.at), e.kind, e.action, e.user_id, a.user_name, e.via, host(e.source), e.request_id, e.object_kind, e.object_id, e.detail
FROM audit_event e LEFT JOIN account a USING (user_id)
WHERE e.event_id < $1::bigint AND ($3::text IS NULL OR e.kind = $3) AND ($4::text IS NULL OR e.action = $4)
  AND ($5::uuid IS NULL OR e.user_id = $5) AND ($6::text IS NULL OR e.user_id = (SELECT user_id FROM account WHERE user_name = $6))
  AND ($7::text IS NULL OR e.object_kind = $7) AND ($8::text IS NULL OR e.object_id = $8)
  AND ($9::bigint IS NULL OR e.at >= time_us($9)) AND ($10::bigint IS NULL OR e.at < time_us($10))
ORDER BY e.event_id DESC LIMIT $2::bigint;

-- The owner's: the daemon's role may not delete.
-- name: audit_prune
SELECT audit_prune(time_us($1::bigint));
