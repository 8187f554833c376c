# shellcheck shell=bash
# home.sh - sourced by tools/run: the environment, the folders of $CISTERN_HOME and whose they are, keys, programs.
#
#   ca/        authorities and certificates, the operator's alone          etc/     settings, written at each start
#   ca/node/   the node CAs, signer/ its log of issues: signerd's alone     trust/   the node CAs' certificates, for the broker
#   server/    the operator's own server certificate, if there is one (server.sh)
#   keys/X/    what service X needs of them and no more, owned by it       program/ the binaries that run
#   secrets/   the administrator's password, the CA keys' passphrase        bin/     the operator's command
#   pg/ broker/ lamps/   data of PostgreSQL, the broker, the virtual lamps  log/ run/ service/   logs, pid files, supervisor

# The terminal may be gone already.
say() { printf 'run: %s\n' "$*" >&2 || true; }
die() { say "$*"; exit 1; }

# write_file PATH MODE [USER] <content: whole or not at all, read by USER too.
write_file() {
	local owner=()
	if [ -n "$as_root" ]; then owner=(-o "${3:-root}"); fi
	install -m "$2" "${owner[@]}" /dev/stdin "$1.part"
	mv -f "$1.part" "$1"
}

# write_secret PATH BYTES [USER [PREFIX]]: random hex, made once.
write_secret() {
	[ -s "$1" ] || printf '%s%s\n' "${4:-}" "$(openssl rand -hex "$2")" | write_file "$1" 400 "${3:-root}"
}

# As root each service has its user; otherwise everything is the caller's.
give() { if [ -n "$as_root" ]; then chown "$@"; fi; }
user_of() {
	case $1 in
	postgres) echo postgres ;;
	broker) echo mosquitto ;;
	signerd) echo cistern-signer ;;
	*) echo cistern ;;
	esac
}

# become SERVICE: sets `as`, the words to put before a command, so that it runs as that service's user with no other right than
# `also_may` and a listener's below 1024.
also_may=''
become() {
	as=()
	[ -n "$as_root" ] || return 0
	local user may=-all$also_may
	user=$(user_of "$1")
	case $1 in
	broker) if is_privileged "$mqtt_port"; then may+=,+net_bind_service; fi ;;
	cisternd) if is_privileged "$api_port" || is_privileged "$api_tls_port"; then may+=,+net_bind_service; fi ;;
	esac
	as=(setpriv "--reuid=$user" "--regid=$user" --init-groups --no-new-privs
		"--inh-caps=$may" "--ambient-caps=$may" "--bounding-set=$may" --)
}

is_privileged() { [ "$1" -lt "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" ]; }

number() {
	local name=$1 value=$2 min=$3 max=$4
	case $value in '' | *[!0-9]* | ??????*) die "$name is '$value', not a number" ;; esac
	if [ "$value" -lt "$min" ] || [ "$value" -gt "$max" ]; then die "$name is $value, not in $min..$max"; fi
}

read_environment() {
	home=$(realpath -m "${CISTERN_HOME:-$repo/var}")
	build=$(realpath -m "${BUILD:-$repo/build}")
	api_port=${CISTERN_API_PORT:-8080}
	api_tls_port=${CISTERN_API_TLS_PORT:-8443}
	mqtt_port=${CISTERN_MQTT_PORT:-8883}
	service_port=${CISTERN_SERVICE_PORT:-$((mqtt_port + 1))}
	public_host=${CISTERN_MQTT_HOST:-localhost}
	case ${CISTERN_NODE_LIMITS:-on} in
		on) node_limits_off='' ;;
		off) node_limits_off=yes ;;
		*) die "CISTERN_NODE_LIMITS=$CISTERN_NODE_LIMITS: on or off" ;;
	esac
	n_lamps=${NODES:-1}
	admin=admin@cistern.local
	api_url=http://127.0.0.1:$api_port
	cli=$home/bin/cistern
	as_root=''
	if [ "$(id -u)" = 0 ]; then as_root=yes; fi

	# Settings are lines, URLs and broker options: a path that would need quoting in one of them is refused at once.
	case $home in *[!A-Za-z0-9/._+,@:~-]*) die "CISTERN_HOME=$home: only letters, digits and /._+,@:~- please" ;; esac
	number CISTERN_API_PORT "$api_port" 1 65535
	number CISTERN_API_TLS_PORT "$api_tls_port" 1 65535
	number CISTERN_MQTT_PORT "$mqtt_port" 1 65535
	number CISTERN_SERVICE_PORT "$service_port" 1 65535
	number NODES "$n_lamps" 0 100
	local name
	for name in cisternd signerd cistern cistern-node cistern.so; do
		[ -e "$build/$name" ] || die "$build/$name is not built; run make first"
	done
	if [ -n "$as_root" ]; then
		for name in postgres mosquitto cistern cistern-signer; do
			getent passwd "$name" >/dev/null || die "no system user $name; run tools/deps --run"
		done
	fi
	# What libpq would take from here must not decide which database is meant.
	for name in "${!PG@}"; do unset "$name"; done
}

# A service's user may be unable to pass a folder above (root's home is closed to all others). Then, and only then, the services
# may read past folder permissions. (Not `test -x`: access(2) leaves capabilities out.)
let_services_in() {
	[ -n "$as_root" ] || return 0
	become lamp
	if "${as[@]}" stat "$home/." >/dev/null 2>&1; then return; fi
	also_may=,+dac_read_search
	become lamp
	"${as[@]}" stat "$home/." >/dev/null 2>&1 ||
		die "the users postgres, mosquitto, cistern and cistern-signer cannot reach $home; set CISTERN_HOME to a folder that they can"
}

make_layout() {
	[ -d "$home" ] || install -d -m 755 "$home"
	install -d -m 755 "$home"/{etc,bin,program,log,run,keys,lamps,trust,trust/node-ca}
	install -d -m 711 "$home"/{ca,secrets}     # a service reaches the one thing in there that is its own
	install -d -m 700 "$home"/{broker,signer,ca/node,keys/broker,keys/cisternd}
	give -R mosquitto: "$home/broker" "$home/keys/broker"
	# The daemon's way to the broker: its group gets in, and the socket takes the folder's group. Too long for a socket: over TLS then.
	service_socket=$home/run/broker/daemon.sock
	[ ${#service_socket} -le 107 ] || service_socket=
	install -d -m 700 "$home/run/broker"
	give mosquitto:cistern "$home/run/broker"
	chmod 2750 "$home/run/broker"
	give -R cistern: "$home/keys/cisternd"
	give -R cistern-signer: "$home/signer" "$home/ca/node"
	let_services_in
}

# Everything that is started holds the lock too, so it is free when the last of an ended stack is gone, and not before.
lock_home() {
	exec 9>"$home/run/lock"
	local holder deadline=$((SECONDS + 20))
	until flock -n 9; do
		holder=$(cat "$home/run/runner.pid" 2>/dev/null || true)
		if [ -n "$holder" ] && [ -d "/proc/$holder" ]; then die "a stack runs in $home already (process $holder)"; fi
		if [ $SECONDS -ge $deadline ]; then die "a stack that was killed still holds $home"; fi
		sleep 0.1
	done
	rm -f "$home/ready.json" "$home"/run/*.pid
	echo $$ >"$home/run/runner.pid"
}

check_ports() {
	local port name all
	all=$(printf '%s\n' "$api_port" "$api_tls_port" "$mqtt_port" "$service_port" | sort | uniq -d)
	[ -z "$all" ] || die "port $all is asked for twice; see CISTERN_API_PORT, CISTERN_API_TLS_PORT, CISTERN_MQTT_PORT, CISTERN_SERVICE_PORT"
	for name in API:"$api_port" API_TLS:"$api_tls_port" MQTT:"$mqtt_port" SERVICE:"$service_port"; do
		port=${name#*:}
		if port_is_listened_on "$port"; then
			die "port $port is in use; choose another with CISTERN_${name%:*}_PORT"
		fi
		if [ -z "$as_root" ] && is_privileged "$port"; then die "port $port needs root; see CISTERN_${name%:*}_PORT"; fi
	done
}

# Column 2 is the local address in hex, column 4 the state; 0A listens.
port_is_listened_on() {
	local hex
	hex=$(printf '%04X' "$1")
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 }
		END { exit !found }'
}

# A build that goes on meanwhile does not change what runs; and a copy is executable for all even when the clone is not.
copy_programs() {
	install -m 755 "$build/cisternd" "$build/signerd" "$build/cistern" "$build/cistern-node" "$build/cistern.so" \
		"$repo/tools/run.d/whole-db" "$home/program"
}

make_keys() {
	local name host=()
	if [ "$public_host" != localhost ]; then host=(--host "$public_host"); fi
	"$repo/certs/make-chain" "$home/ca" "${host[@]}" 2>>"$home/log/setup.log" || fail_with_log setup "keys could not be made"
	for name in server.crt server.key service-ca.crt; do
		write_file "$home/keys/broker/$name" 400 mosquitto <"$home/ca/$name"
	done
	for name in cisternd.crt cisternd.key ca.crt; do
		write_file "$home/keys/cisternd/$name" 400 cistern <"$home/ca/$name"
	done
	write_secret "$home/keys/cisternd/token_key" 32 cistern
	write_secret "$home/keys/cisternd/self_claim_key" 32 cistern
	read_server_certificate
	give_server_certificate
}
