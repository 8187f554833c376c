# shellcheck shell=bash
# server.sh - sourced by tools/run and tools/server-certificate: the certificate that nodes and apps are shown.
#
# It is our own CA's, or the operator's: then $home/server/ holds it, as checked when it was installed.
#
#   $home/server/server.pem   key and chain in one file, so that nobody ever reads half of each
#   $home/server/ca.crt       the CA that it ends at
#
# The daemon's way to the broker does not depend on it: the service listener always has our own CA's.

# check_server_certificate CERT KEY [CA]: may they be shown for $public_host? Sets root and pem, which keep_server_certificate keeps in
# $home/server. Two functions, since what is called in a condition goes on after errors.
check_server_certificate() {
	root=$("$repo/certs/check-server" --cert "$1" --key "$2" --host "$public_host" ${3:+--ca "$3"}) || return 1
	pem=$(openssl pkey -in "$2" -passin pass: && sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' "$1")
}

keep_server_certificate() {
	install -d -m 700 "$home/server"
	printf '%s\n' "$root" | write_file "$home/server/ca.crt" 644
	printf '%s\n' "$pem" | write_file "$home/server/server.pem" 400
}

# What CISTERN_SERVER_CERT_FILE names is read at each start. One that will not do any more does not undo the one before.
read_server_certificate() {
	[ -n "${CISTERN_SERVER_CERT_FILE:-}" ] || return 0
	[ -n "${CISTERN_SERVER_KEY_FILE:-}" ] || die "CISTERN_SERVER_CERT_FILE needs CISTERN_SERVER_KEY_FILE"
	if check_server_certificate "$CISTERN_SERVER_CERT_FILE" "$CISTERN_SERVER_KEY_FILE" "${CISTERN_SERVER_CA_FILE:-}"; then
		keep_server_certificate
		return
	fi
	[ -s "$home/server/server.pem" ] || die "the server certificate of CISTERN_SERVER_CERT_FILE cannot be used"
	say "going on with the server certificate that was installed before"
}

# To the two that show it, each a copy of its own; and its CA to where nodes and apps find it.
give_server_certificate() {
	local file=$home/server/server.pem ca=$home/server/ca.crt
	if [ ! -s "$file" ]; then
		file=$home/run/server.pem
		ca=$home/ca/ca.crt
		write_file "$file" 400 < <(cat "$home/ca/server.key" "$home/ca/server.crt")
	fi
	write_file "$home/keys/broker/server.pem" 400 mosquitto <"$file"
	write_file "$home/keys/cisternd/server.pem" 400 cistern <"$file"
	write_file "$home/ca.crt" 644 <"$ca"
	rm -f "$home/run/server.pem"
}
