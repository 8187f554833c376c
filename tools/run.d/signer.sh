# shellcheck shell=bash
# signer.sh - sourced by tools/run: signerd, the node CA that only it may use, and its socket.
#
# The CA's folder, its passphrase and the log of issues are readable by cistern-signer alone. The daemon reaches signerd by a
# socket whose folder lets in its group and nobody else.

# A socket's path has at most 107 bytes; with a long $home it is put into /tmp and noted.
choose_signer_socket() {
	local folder=$home/run/signer
	rm -rf "$folder"
	if [ $((${#folder} + ${#signer_socket_name})) -gt 107 ]; then
		drop_signer_folder     # of a stack that was killed
		folder=$(mktemp -d /tmp/cistern-signer.XXXXXX)
		echo "$folder" >"$home/run/signer-socket"
	fi
	install -d -m 750 "$folder"
	give cistern-signer:cistern "$folder"
	chmod 2750 "$folder"           # the socket takes over the folder's group
	signer_socket=$folder$signer_socket_name
}
signer_socket_name=/signerd.sock

drop_signer_folder() {
	local folder
	folder=$(cat "$home/run/signer-socket" 2>/dev/null) || return 0
	rm -f "$folder$signer_socket_name" "$home/run/signer-socket"
	rmdir "$folder" 2>/dev/null || true
}

# Made once. A home of an earlier release has the node CA's key in the clear: it is taken over, so that its nodes stay what they are, and
# the clear one goes.
make_node_ca() {
	local import=()
	write_secret "$home/secrets/node_ca_passphrase" 32 cistern-signer
	if [ ! -e "$home/ca/node/current" ] && [ -s "$home/ca/node-ca.crt" ]; then
		[ -s "$home/ca/node-ca.key" ] ||
			die "$home/ca/node-ca.crt signed this home's nodes, but node-ca.key is not beside it: put it there for this start"
		import=(--import "$home/ca")
	fi
	"$cli" ca init --if-missing "${import[@]}" >>"$home/log/setup.log" 2>&1 || fail_with_log setup "the node CA could not be made"
	if cmp -s "$home/ca/node-ca.crt" "$home/ca/node/node-ca.crt"; then rm -f "$home/ca/node-ca.key"; fi
	rm -f "$home/keys/broker/node-ca.crt"     # of an earlier release; now it is in trust/
}

define_signerd() {
	become signerd
	define_service signerd TERM 10 '' "${as[@]}" "$home/program/signerd" --config "$home/etc/signerd.conf"
}
