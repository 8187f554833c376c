# rooms.awk: check the #include lines of the C files against services/ROOMS.
#
#   awk -f tools/rooms.awk services/ROOMS services/*/*.[ch] plugin/*.[ch]
#
# Prints file:line: reason for each line that is not allowed; fails when there was one.

function complain(reason) { print FILENAME ":" FNR ": " reason; n_bad++ }

# services/store/node.c: store; plugin/acl.c: plugin
function room_of(path,    part, n) {
	n = split(path, part, "/")
	return part[n - 1]
}

function check_library(room, header) {
	if ((header in library) && !index(library[header], " " room " "))
		complain("room " room " may not include " header "; services/ROOMS allows:" library[header])
}

function check_room(room, file,    other) {
	other = file
	sub(/\/.*/, "", other)
	if (other == room || (other ~ /^(base|model)$/ && !(room in closed)))
		return
	if (!index(allowed[room], " " other " ") && !index(allowed[room], " " file " "))
		complain("room " room " may not include \"" file "\"; services/ROOMS allows:" allowed[room])
}

FILENAME ~ /ROOMS$/ {
	sub(/#.*/, "")
	if (!NF) next
	name = $1
	sub(/:$/, "", name)
	if (sub(/!$/, "", name)) closed[name] = 1
	rooms = " "
	for (i = 2; i <= NF; i++) rooms = rooms $i " "
	if (name ~ /^</) library[name] = rooms; else allowed[name] = rooms
	next
}

FNR == 1 {
	room = room_of(FILENAME)
	if (!(room in allowed)) complain("room " room " is not in services/ROOMS")
}

# A name without a slash is of the own folder, or generated.
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\"")
	if (quoted[2] ~ /\.\./) complain("no .. in an include")
	else if (quoted[2] ~ /\//) check_room(room, quoted[2])
}

/^[ \t]*#[ \t]*include[ \t]*</ {
	match($0, /<[^>]*>/)
	check_library(room, substr($0, RSTART, RLENGTH))
}

END { exit n_bad > 0 }
