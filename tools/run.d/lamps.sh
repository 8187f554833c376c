# shellcheck shell=bash
# lamps.sh - sourced by tools/run: virtual lamps with certificates of their own, mapped to the administrator.
#
# $home/lamps/<id>/ has the certificate and key; `mapped` in it says that the mapping was confirmed once. After that the lamp is an
# ordinary node of its owner: a mapping that was taken away later is not made again.

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

# The lamps that were there before come first.
choose_lamps() {
	local dir id
	lamps=()
	for dir in "$home"/lamps/lamp-*/; do
		if [ ${#lamps[@]} -lt "$n_lamps" ] && [ -s "$dir/node.crt" ]; then lamps+=("$(basename "$dir")"); fi
	done
	while [ ${#lamps[@]} -lt "$n_lamps" ]; do
		id=lamp-$(openssl rand -hex 4)
		"$cli" node add "$id" --out "$home/lamps/$id" >>"$home/log/setup.log" 2>&1 || fail_with_log setup "no certificate for $id"
		give -R cistern: "$home/lamps/$id"
		lamps+=("$id")
	done
}

define_lamp() {
	local id=$1 dir=$home/lamps/$1 side=()
	if [ ! -e "$dir/mapped" ]; then side=(--user-id "$user_id" --secret-file "$dir/secret"); fi
	become lamp
	define_service "$id" TERM 10 '' "${as[@]}" "$home/program/cistern-node" --host localhost --server-name "$public_host" \
		--port "$mqtt_port" \
		--ca "$home/ca.crt" --cert "$dir/node.crt" --key "$dir/node.key" --max-backoff 2 "${side[@]}"
}

request_mapping() {
	local id=$1 secret
	write_secret "$home/lamps/$id/secret" 16 cistern
	secret=$(cat "$home/lamps/$id/secret")
	request=$(api PUT user/nodes/mapping "$(jq -n --arg node_id "$id" --arg secret_key "$secret" '{$node_id, $secret_key, operation: "add"}')" |
		jq -er .request_id) || die "the mapping of $id was refused"
}

mapping_is_confirmed() {
	[ "$(api GET "user/nodes/mapping?request_id=$1" | jq -r .request_status)" = confirmed ]
}

start_lamps() {
	local id request user_id=''
	choose_lamps
	for id in "${lamps[@]}"; do
		if [ -e "$home/lamps/$id/mapped" ]; then
			start_service "$id"
			continue
		fi
		[ -n "$user_id" ] || log_in
		request_mapping "$id"
		start_service "$id"
		wait_for 30 "$id" "$id to be mapped to $admin" mapping_is_confirmed "$request"
		: >"$home/lamps/$id/mapped"
	done
	rm -f "$home/run/authorization"
}
