-- A batch that comes again looks for each of its rows by node and message id. By the indexes of time that meant all rows of the node of a
-- week for each: 1000 alerts of nodes with 5 700 rows each took 8.4 s, and with 7 000 each no batch would have ended in time.
CREATE INDEX alert_by_delivery ON alert (node_id, delivery_mid);
CREATE INDEX ota_status_by_delivery ON ota_status (node_id, delivery_mid);
CREATE INDEX dead_letter_by_delivery ON dead_letter (topic, delivery_mid);
