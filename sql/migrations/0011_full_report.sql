-- When a node last reported all its parameters (params/local/init). Its configuration may be committed before that report or after it:
-- whichever comes second drops what neither names, and both lock this row first, so that one of them is the second.
CREATE TABLE node_full_report (
	node_id       text PRIMARY KEY REFERENCES node ON DELETE CASCADE,
	received_at   timestamptz              -- null: none yet
) WITH (fillfactor = 80);
