# Turns sql/migrations/NNNN_what.sql into rows of a C table: MIGRATION(1, "core", "CREATE TABLE ...").
function close_row() { if (FNR_seen) print ")" }
FNR == 1 {
	close_row(); FNR_seen = 1
	file = FILENAME; sub(/.*\//, "", file)
	if (file !~ /^[0-9][0-9][0-9][0-9]_[a-z0-9_]+\.sql$/) { print "bad migration name " file >"/dev/stderr"; exit 1 }
	number = substr(file, 1, 4) + 0; what = substr(file, 6, length(file) - 9)
	if (number != ++expected) { print "migration " expected " is missing" >"/dev/stderr"; exit 1 }
	printf "MIGRATION(%d, \"%s\",\n", number, what
}
{ line = $0; gsub(/\\/, "\\\\\\\\", line); gsub(/"/, "\\\"", line); gsub(/\t/, " ", line); print "\t\"" line "\\n\"" }
END { close_row() }
