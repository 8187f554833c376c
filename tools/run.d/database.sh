# shellcheck shell=bash
# database.sh - sourced by tools/run: a private PostgreSQL cluster in $home/pg, or the server that DATABASE_URL names.
#
# The cluster is reached by its unix socket only, and the operating system says who asks (peer): the operator as any role, the
# daemon's user only as cistern_app, which has no right to change the schema.

choose_database() {
	if [ -n "${DATABASE_URL:-}" ]; then
		owner_database_url=$DATABASE_URL
		daemon_database_url=$DATABASE_URL
		return
	fi
	choose_socket_folder
	local host
	host=$(jq -rn --arg path "$socket_folder" '$path | @uri')
	owner_database_url="postgresql:///cistern?host=$host&user=cistern_owner"
	daemon_database_url="postgresql:///cistern?host=$host&user=cistern_app"
	postgres_bin=$(find /usr/lib/postgresql/*/bin/postgres -maxdepth 0 2>/dev/null | sort -V | tail -n 1)
	postgres_bin=${postgres_bin%/postgres}
	[ -n "$postgres_bin" ] || die "no PostgreSQL server in /usr/lib/postgresql; run tools/deps --run"
	# A cluster belongs to the major version that made it.
	if [ -s "$home/pg/PG_VERSION" ]; then
		postgres_bin=/usr/lib/postgresql/$(cat "$home/pg/PG_VERSION")/bin
		[ -x "$postgres_bin/postgres" ] || die "$home/pg needs PostgreSQL $(cat "$home/pg/PG_VERSION"), which is not installed"
	fi
}

# A socket's path has at most 107 bytes; with a long $home it is put into /tmp and noted.
choose_socket_folder() {
	socket_folder=$home/run/pg
	if [ $((${#socket_folder} + ${#socket_name})) -gt 107 ]; then
		socket_folder=$(mktemp -d /tmp/cistern-pg.XXXXXX)
		echo "$socket_folder" >"$home/run/pg-socket"
	fi
	install -d -m 750 "$socket_folder"
	give postgres:cistern "$socket_folder"
}
socket_name=/.s.PGSQL.5432.lock

drop_socket_folder() {
	if [ -s "$home/run/pg-socket" ]; then rmdir "$(cat "$home/run/pg-socket")" && rm -f "$home/run/pg-socket"; fi 2>/dev/null || true
}

write_database_settings() {
	write_file "$home/etc/postgresql.conf" 644 <<-CONF
		data_directory = '$home/pg'
		hba_file = '$home/etc/pg_hba.conf'
		ident_file = '$home/etc/pg_ident.conf'
		listen_addresses = ''
		unix_socket_directories = '$socket_folder'
		max_connections = 50
		shared_buffers = 256MB
		max_wal_size = 2GB
		fsync = on
		# After a kill PostgreSQL syncs every file of the cluster, one by one (seconds); syncfs() asks the kernel once.
		recovery_init_sync_method = syncfs
		synchronous_commit = on
		full_page_writes = on
		jit = off
		timezone = 'UTC'
		log_timezone = 'UTC'
		lc_messages = 'C'
		log_checkpoints = off
		log_line_prefix = '%m [%p] %u '
	CONF
	write_file "$home/etc/pg_hba.conf" 644 <<-HBA
		local all all peer map=cistern
	HBA
	write_file "$home/etc/pg_ident.conf" 644 < <(
		local user
		for user in root postgres "$(id -un)"; do
			printf 'cistern "%s" %s\n' "$user" postgres "$user" cistern_owner "$user" cistern_app
		done | sort -u
		echo 'cistern cistern cistern_app')
}

# In a folder beside it and then renamed: an interrupted initdb leaves no half cluster.
make_cluster() {
	if [ -s "$home/pg/PG_VERSION" ]; then
		give -R postgres: "$home/pg"     # made by a stack that did not run as root
		return
	fi
	say "making the database cluster"
	rm -rf "$home/pg" "$home/pg.new"
	install -d -m 700 "$home/pg.new"
	give postgres: "$home/pg.new"
	become postgres
	"${as[@]}" "$postgres_bin/initdb" -D "$home/pg.new" -U postgres --no-locale -E UTF8 --data-checksums --auth=peer \
		--no-sync >>"$home/log/setup.log" 2>&1 || fail_with_log setup "initdb failed"
	sync --file-system "$home/pg.new"     # at once, and not file by file
	mv "$home/pg.new" "$home/pg"
}

# After kill -9 of the postmaster its children leave by themselves, but a busy one may take long, and until the last has left no new
# postmaster can start. They can commit nothing any more: end them after a second. And a lock file whose process number
# now belongs to somebody else (after a reboot, say) would keep PostgreSQL from starting for ever.
clear_the_way() {
	cat <<-'BASH'
		children() {
			local process
			for process in /proc/[0-9]*; do
				if [ "$process/cwd" -ef "$data" ] && [ "$(cat "$process/comm" 2>/dev/null)" = postgres ]; then echo "${process#/proc/}"; fi
			done
		}
		for _ in {1..10}; do
			left=$(children)
			[ -n "$left" ] || break
			sleep 0.1
		done
		if [ -n "$left" ]; then kill -KILL $left; fi
		if [ -z "$left" ] && [ -e "$data/postmaster.pid" ] && [ -d "/proc/$(head -n 1 "$data/postmaster.pid")" ]; then
			rm -f "$data/postmaster.pid"
		fi
	BASH
}

define_postgres() {
	become postgres
	# SIGINT is PostgreSQL's fast shutdown: it ends sessions instead of waiting for them.
	define_service postgres INT 30 "data=$home/pg"$'\n'"$(clear_the_way)" \
		"${as[@]}" "$postgres_bin/postgres" -D "$home/pg" --config-file="$home/etc/postgresql.conf"
}

as_superuser() { psql -XqAt -v ON_ERROR_STOP=1 -h "$socket_folder" -U postgres -d postgres; }
postgres_answers() { as_superuser <<<'SELECT 1'; }

make_roles() {
	as_superuser >>"$home/log/setup.log" 2>&1 <<-'SQL' || fail_with_log setup "the database roles could not be made"
		SELECT 'CREATE ROLE cistern_owner LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cistern_owner') \gexec
		SELECT 'CREATE ROLE cistern_app LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cistern_app') \gexec
		SELECT 'CREATE DATABASE cistern OWNER cistern_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'cistern') \gexec
		REVOKE ALL ON DATABASE cistern FROM PUBLIC;
		GRANT CONNECT ON DATABASE cistern TO cistern_app;
	SQL
}

start_database() {
	[ -z "${DATABASE_URL:-}" ] || return 0
	write_database_settings
	make_cluster
	start_service postgres
	wait_for 30 postgres "PostgreSQL" postgres_answers
	make_roles
}
