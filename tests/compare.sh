#!/bin/sh
# compare.sh -- the same questions to this server, to Unbound and to BIND, about
# the same signed zones: do they say the same?  COMPARE.md explains what differs.
#
#	sh tests/compare.sh [QUESTIONS [AUTHORITY [SEED]]]
#
# 10,000 questions if not said, with each of nsd, knotd and named as the name
# servers.  Not part of make test: it takes a minute.

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=sign.sh
. "$(dirname "$0")/sign.sh"
# shellcheck source-path=SCRIPTDIR source=peers.sh
. "$(dirname "$0")/peers.sh"
needs='unbound named knotd dnssec-keygen dnssec-signzone'

knotd_start()
{
	mkdir -p "$net/$1.knot"
	{
		printf 'server:\n  rundir: "%s"\n' "$net/$1.knot"
		printf '  listen: [%s]\n' "$(echo "$2" | sed 's/[^,]*/"&@53"/g')"
		printf 'database:\n  storage: "%s"\n' "$net/$1.knot"
		printf 'template:\n  - id: default\n    zonefile-sync: -1\n'
		printf '    journal-content: none\n    semantic-checks: off\n'
		printf 'zone:\n'
		for zone in $(echo "$3" | tr , ' '); do
			printf '  - domain: "%s"\n    file: "%s"\n' "$zone" \
			    "$(zone_file "$4" "$zone")"
		done
	} >"$net/$1.conf"
	background "$1" nsenter -n -t "$world" knotd -c "$net/$1.conf"
}

named_start()
{
	{
		# shellcheck disable=SC2046
		named_options 53 $(echo "$2" | tr , ' ')
		echo 'recursion no; };'
		for zone in $(echo "$3" | tr , ' '); do
			printf 'zone "%s" { type primary; file "%s"; };\n' \
			    "$zone" "$(zone_file "$4" "$zone")"
		done
	} >"$net/$1.conf"
	background "$1" nsenter -n -t "$world" named -f -n 1 -c "$net/$1.conf"
}

# compare COUNT AUTHORITY SEED
compare()
{
	authority=$2
	net_up
	sign_all
	net_serve "$net" "$authority"
	server_start -l 127.0.0.1 -p 53
	unbound_peer
	named_peer
	questions "$1" "$3" >"$net/questions"
	for port in 53 5301 5302; do
		await "an answer at port $port" \
		    dig @127.0.0.1 -p $port org SOA +time=1 +tries=1
		ask_all $port
	done
	differences Unbound 5301 >"$net/differences"
	differences BIND 5302 >>"$net/differences"
	cat "$net/differences"
	failed=$(grep -c '^FAIL ' "$net/differences")
}

# Each authority in a network of its own.
if [ $# -lt 2 ]; then
	for authority in nsd knotd named; do
		sh "$0" "${1-10000}" $authority || failed=1
	done
else
	net_enter "$@"
	compare "$1" "$2" "${3-1}"
fi
[ "$failed" = 0 ]
