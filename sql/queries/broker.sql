-- The brokers, and where a node is.

-- Columns of the next: broker_from_row() in store/broker.c. Nodes are counted by the administrator's list alone.
-- name: broker_list
SELECT name, mqtt_host, service_host, service_port, state, us_of(lost_at) FROM broker WHERE state <> 'gone' ORDER BY name;

-- The daemon's own, from its settings; a state that an operator gave stays.
-- name: broker_put_main
INSERT INTO broker AS b (name, mqtt_host, service_host, service_port) VALUES ('main', $1, $2, $3::bigint::integer)
ON CONFLICT (name) DO UPDATE SET mqtt_host = excluded.mqtt_host, service_host = excluded.service_host, service_port = excluded.service_port
WHERE (b.mqtt_host, b.service_host, b.service_port) IS DISTINCT FROM (excluded.mqtt_host, excluded.service_host, excluded.service_port);

-- name: broker_add
SELECT broker_add($1, $2, $3, $4::bigint);

-- name: broker_drain
SELECT broker_drain($1);

-- name: broker_remove
SELECT broker_remove($1, $2::boolean);

-- name: broker_set_lost
UPDATE broker SET lost_at = CASE WHEN $2::boolean THEN now() END WHERE name = $1 AND (lost_at IS NOT NULL) <> $2::boolean;

-- Where it was heard of last. No row: never.
-- name: broker_of_node
SELECT broker FROM node WHERE node_id = $1 AND session_no > 0;
