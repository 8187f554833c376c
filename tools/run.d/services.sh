# shellcheck shell=bash
# services.sh - sourced by tools/run: the supervisor (s6) and what it runs.
#
# s6-svscan runs one s6-supervise for each folder in $home/service, which starts the service again as soon as it dies. It has a
# session of its own, so that a terminal's Ctrl-C reaches only tools/run; and it gets SIGTERM from the kernel when tools/run
# dies in any way. Both ends are one path: SIGTERM makes it run stop-in-order.

# wait_for SECONDS SERVICE WHAT COMMAND...: until the command succeeds; SERVICE's log is shown when it does not in time.
wait_for() {
	local deadline=$((SECONDS + $1)) service=$2 what=$3
	shift 3
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $deadline ]; then fail_with_log "$service" "waited in vain for $what"; fi
		kill -0 "$supervisor" 2>/dev/null || fail_with_log supervisor "the supervisor ended"
		sleep 0.05
	done
}

fail_with_log() {
	tail -n 20 "$home/log/$1.log" >&2 || true
	die "$2; see $home/log/$1.log"
}

start_supervisor() {
	scan=$home/service
	rm -rf "$scan"
	install -d -m 755 "$scan" "$scan/.s6-svscan"
	write_file "$scan/.s6-svscan/SIGTERM" 755 <<-STOP
		#!/bin/sh
		# The daemon before the broker, so that it acknowledges what it committed; the database last.
		cd $scan
		for name in lamp-* cisternd signerd broker postgres; do
			if [ -d "\$name" ]; then s6-svc -wD -T 40000 -d "\$name"; fi
		done
		exec s6-svscanctl -t .
	STOP
	write_file "$scan/.s6-svscan/finish" 755 <<-FINISH
		#!/bin/sh
		rm -f $home/ready.json $home/run/*.pid
	FINISH
	setsid setpriv --pdeathsig TERM s6-svscan "$scan" </dev/null >"$home/log/supervisor.log" 2>&1 &
	supervisor=$!
	wait_for 5 supervisor "the supervisor" s6-svscanctl -a "$scan"
}

# define_service NAME SIGNAL KILL_S BEFORE COMMAND...: what start_service starts. SIGNAL ends it, SIGKILL after KILL_S; BEFORE is
# shell text to run first, with the rights of tools/run. A log of three files of 4 MB is kept.
define_service() {
	local name=$1 signal=$2 kill_s=$3 before=$4 dir=$scan/.$1
	shift 4
	install -d -m 755 "$dir" "$dir/log" "$home/log/$name"
	echo "$signal" >"$dir/down-signal"
	echo $((kill_s * 1000)) >"$dir/timeout-kill"
	write_file "$dir/run" 755 <<-RUN
		#!/bin/bash
		exec 2>&1
		$before
		echo \$\$ >$home/run/$name.pid.new
		mv $home/run/$name.pid.new $home/run/$name.pid
		chmod 644 $home/run/$name.pid
		exec $(printf '%q ' "$@")
	RUN
	write_file "$dir/log/run" 755 <<-LOG
		#!/bin/sh
		exec s6-log -b n3 s4000000 $home/log/$name
	LOG
	ln -sfn "$name/current" "$home/log/$name.log"
}

# start_service NAME: the supervisor sees it once its folder has its name.
start_service() {
	"define_${1%%-*}" "$1"
	mv "$scan/.$1" "$scan/$1"
	s6-svscanctl -a "$scan"
}

# Connections are files; the limit that a shell inherits is too low for more than a thousand nodes.
# shellcheck disable=SC2016  # expanded where the service starts
raise_file_limit='ulimit -n "$(n=$(ulimit -Hn); if [ "$n" = unlimited ] || [ "$n" -gt 65536 ]; then n=65536; fi; echo "$n")"'

define_broker() {
	become broker
	define_service broker TERM 10 "$home/program/whole-db $home/broker/mosquitto.db"$'\n'"$raise_file_limit" "${as[@]}" mosquitto -c "$home/etc/mosquitto.conf"
}

define_cisternd() {
	become cisternd
	define_service cisternd TERM 15 "$raise_file_limit" "${as[@]}" "$home/program/cisternd" --config "$home/etc/cistern.conf"
}

watch_supervisor() {
	wait "$supervisor" || true
	fail_with_log supervisor "the supervisor ended"
}

# The end, however it comes about.
leave() {
	local status=$?
	trap '' INT TERM HUP
	trap - EXIT
	if [ -n "${supervisor:-}" ] && kill -TERM "$supervisor" 2>/dev/null; then
		say "stopping"
		wait "$supervisor" || true
	fi
	rm -f "$home/ready.json" "$home/run/runner.pid"
	drop_socket_folder
	drop_signer_folder
	exit "$status"
}
