# Turns sql/queries/*.sql into rows of a C table: QUERY(NODE_BY_ID, "node_by_id", "SELECT ..."). A statement begins at
# `-- name: node_by_id` and ends at its semicolon or the next name; other comment lines are left out.
function flush_statement() {
	if (name != "") {
		if (text == "") { print FILENAME ": statement " name " is empty" >"/dev/stderr"; exit 1 }
		printf "QUERY(%s, \"%s\",\n%s)\n", toupper(name), name, text
	}
	name = ""; text = ""
}
FNR == 1 { flush_statement() }
/^-- name: / {
	flush_statement(); name = $3
	if (name !~ /^[a-z][a-z0-9_]*$/ || name in seen) { print FILENAME ": bad or doubled name " name >"/dev/stderr"; exit 1 }
	seen[name] = 1; next
}
/^[ \t]*--/ || /^[ \t]*$/ { next }
{
	if (name == "") { print FILENAME ": text outside a statement: " $0 >"/dev/stderr"; exit 1 }
	line = $0; sub(/;[ \t]*$/, "", line); gsub(/\\/, "\\\\\\\\", line); gsub(/"/, "\\\"", line); gsub(/\t/, " ", line)
	text = text "\t\"" line "\\n\"\n"
}
END { flush_statement() }
