# shellcheck shell=bash
# lamps.sh - sourced by tools/run: virtual lamps with certificates of their own, mapped to the administrator.
#
# The first one claims, through the API, as a device with the administrator's app would; more of them come from the factory
# (`cistern node add`), since claims are limited by the minute. $home/lamps/lamp-…/ has each one's files; `mapped` in it says that the
# mapping was confirmed once. After that the lamp is an ordinary node of its owner: a mapping that was taken away later is not made again.

# api METHOD PATH [JSON]: signed in once login() has run. Secrets go by files and pipes, not on a command line others can see.
api() {
	local body=()
	if [ $# -gt 2 ]; then body=(-H 'Content-Type: application/json' -d @-); fi
	printf '%s' "${3:-}" | curl -sS -m 10 --fail-with-body -X "$1" -H @"$home/run/authorization" "${body[@]}" "$api_url/v1/$2"
}

log_in() {
	: >"$home/run/authorization"
	local credentials token
	credentials=$(jq -R --arg user_name "$admin" '{$user_name, password: .}' "$home/secrets/admin_password")
	token=$(api POST login2 "$credentials" | jq -er .accesstoken) || die "the administrator could not log in"
	echo "Authorization: $token" >"$home/run/authorization"
	user_id=$(api GET user | jq -er .user_id) || die "the administrator's user id is not told"
}

# id_of LAMP: its node id; a lamp from the factory is called as its folder is.
id_of() { cat "$home/lamps/$1/node.info" 2>/dev/null || echo "$1"; }

# The lamps that were there before come first.
choose_lamps() {
	local dir name
	lamps=()
	for dir in "$home"/lamps/lamp-*/; do
		if [ ${#lamps[@]} -lt "$n_lamps" ] && [ -s "$dir/node.crt" ]; then lamps+=("$(basename "$dir")"); fi
	done
	while [ ${#lamps[@]} -lt "$n_lamps" ]; do
		name=lamp-$(openssl rand -hex 4)
		if [ ${#lamps[@]} = 0 ]; then claim_lamp "$name"; else add_lamp "$name"; fi
		lamps+=("$name")
	done
}

add_lamp() {
	"$cli" node add "$1" --out "$home/lamps/$1" >>"$home/log/setup.log" 2>&1 || fail_with_log setup "no certificate for $1"
	give -R cistern: "$home/lamps/$1"
}

# It connects once with what it got. The MAC is one that no vendor has: bit 1 of the first byte says "locally administered".
claim_lamp() {
	local dir=$home/lamps/$1
	[ -n "$user_id" ] || log_in
	install -d -m 700 "$dir"
	give cistern: "$dir"
	sed -n 's/^Authorization: //p' "$home/run/authorization" | write_file "$home/run/lamp_token" 400 cistern
	become lamp
	"${as[@]}" "$home/program/cistern-node" --claim "$api_url" --token-file "$home/run/lamp_token" \
		--mac "02$(openssl rand -hex 5)" --credentials "$dir" --host localhost --server-name "$public_host" --port "$mqtt_port" \
		--ca "$home/ca.crt" --otafetch-delay 0 --once --exit-after-boot >>"$home/log/setup.log" 2>&1 ||
		fail_with_log setup "the lamp could not claim"
	rm -f "$home/run/lamp_token"
}

define_lamp() {
	local name=$1 dir=$home/lamps/$1 side=()
	if [ ! -e "$dir/mapped" ]; then side=(--user-id "$user_id" --secret-file "$dir/secret"); fi
	become lamp
	define_service "$name" TERM 10 '' "${as[@]}" "$home/program/cistern-node" --credentials "$dir" --host localhost \
		--server-name "$public_host" --port "$mqtt_port" --ca "$home/ca.crt" --max-backoff 2 "${side[@]}"
}

request_mapping() {
	local secret
	write_secret "$home/lamps/$1/secret" 16 cistern
	secret=$(cat "$home/lamps/$1/secret")
	request=$(api PUT user/nodes/mapping "$(jq -n --arg node_id "$(id_of "$1")" --arg secret_key "$secret" \
		'{$node_id, $secret_key, operation: "add"}')" | jq -er .request_id) || die "the mapping of $1 was refused"
}

mapping_is_confirmed() {
	[ "$(api GET "user/nodes/mapping?request_id=$1" | jq -r .request_status)" = confirmed ]
}

start_lamps() {
	local name request user_id=''
	choose_lamps
	for name in "${lamps[@]}"; do
		if [ -e "$home/lamps/$name/mapped" ]; then
			start_service "$name"
			continue
		fi
		[ -n "$user_id" ] || log_in
		request_mapping "$name"
		start_service "$name"
		wait_for 30 "$name" "$name to be mapped to $admin" mapping_is_confirmed "$request"
		: >"$home/lamps/$name/mapped"
	done
	rm -f "$home/run/authorization" "$home/run/lamp_token"
}
