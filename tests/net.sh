# shellcheck shell=sh
# net.sh -- a small Internet of our own; real.sh, signed.sh, rfc8906.sh,
# compare.sh and demo.sh source it.
#
# The script moves into a network namespace of its own: there runs the server
# under test.  A second namespace, "world", holds the name servers, at the
# addresses that a table gives them, as in tests/real/servers.  One pair of
# virtual interfaces joins the two, and nothing joins them to the outside, so
# addresses of the real Internet can be used.  Root is not needed where users
# may make namespaces.  Both namespaces end with the script.
#
#	here	192.0.2.1, 192.0.2.2, 2001:db8::1	interface "out"
#	world	192.0.2.100, 192.0.2.200, 2001:db8::100	interface "in"

PATH=$PATH:/usr/sbin:/sbin
tests=$(cd "$(dirname "$0")" && pwd)
dns=$(cd "$tests/.." && pwd)/${B:-build}/dns
case ${B-} in /*) dns=$B/dns ;; esac
net=			# the directory of this run
hints=$tests/real/root.hints
needs=			# commands besides those that all need
pids=			# what to end with it
failed=0

pass()
{
	echo "ok    $1"
}

fail()
{
	echo "FAIL  $1"
	failed=$((failed + 1))
}

# die WHY: the test itself cannot go on.
die()
{
	fail "$1"
	exit 1
}

# The shape of what dig prints, one line of it all, blanks made one space.
ask()
{
	dig @127.0.0.1 +tries=1 +time=9 "$@" | tr -s '\t ' ' ' | tr '\n' '|'
}

# expect TITLE PATTERN COMMAND...: its output must match.
expect()
{
	title=$1 pattern=$2
	shift 2
	"$@" >"$net/answer" 2>&1
	if grep -Eq -e "$pattern" "$net/answer"; then
		pass "$title"
	else
		fail_showing "wanted: $pattern"
	fi
}

# expect_not TITLE PATTERN COMMAND...: its output must not match.
expect_not()
{
	title=$1 pattern=$2
	shift 2
	"$@" >"$net/answer" 2>&1
	if grep -Eq -e "$pattern" "$net/answer"; then
		fail_showing "not wanted: $pattern"
	else
		pass "$title"
	fi
}

fail_showing()
{
	fail "$title"
	echo "	$1"
	tr '|' '\n' <"$net/answer" | sed '/^$/d; s/^/	/'
}

# await WHAT COMMAND...: until the command succeeds, 20 seconds at the most.
await()
{
	awaited=$1
	shift
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -ge 400 ]; then
			tail -n 5 "$net"/*.out "$net"/*.log
			die "waited in vain for $awaited"
		fi
		sleep 0.05
	done
}

# The flags with which unshare makes a network here; fails if none do.  A user
# keeps his own number in it: tcpdump would change a root that can not change.
net_flags()
{
	for flags in -n '-Unc --keep-caps'; do
		# shellcheck disable=SC2086
		unshare $flags ip link add out type veth peer name in \
		    2>/dev/null && printf "%s\n" "$flags" && return
	done
	return 1
}

# What this machine lacks; says nothing if it lacks nothing.
net_missing()
{
	# shellcheck disable=SC2086
	for tool in nsd dig kdig ip tcpdump unshare nsenter $needs; do
		command -v $tool >/dev/null || printf '%s ' $tool
	done
	net_flags >/dev/null || printf 'network-namespaces '
}

# net_enter ARGUMENT...: run this script again in namespaces of its own.
net_enter()
{
	now=$(readlink /proc/self/ns/net)
	[ "${NET_BEFORE-}" != "$now" ] || die "unshare made no network"
	if [ -z "${NET_BEFORE-}" ]; then
		lacks=$(net_missing)
		if [ -n "$lacks" ]; then
			echo "skip  $(basename "$0"): this machine lacks $lacks"
			exit 0
		fi
		[ -x "$dns" ] || die "no server at $dns: run make first"
		# shellcheck disable=SC2046
		NET_BEFORE=$now exec unshare $(net_flags) sh "$0" "$@"
	fi
}

world()
{
	nsenter -n -t "$world" "$@"
}

# background NAME COMMAND...: output goes to NAME.out; its pid to $pid.
background()
{
	name=$1
	shift
	"$@" >"$net/$name.out" 2>&1 &
	pid=$!
	pids="$pids $pid"
}

net_up()
{
	net=$(mktemp -d)
	trap net_down EXIT
	trap 'exit 1' HUP INT TERM
	background world unshare -n tail -f /dev/null
	world=$pid
	await "a second namespace" world_is_made
	ip link set lo up
	ip link add out type veth peer name in netns "$world" || exit 1
	net_addresses out 192.0.2.1/24 192.0.2.2/24 2001:db8::1/64 fe80::1/64
	ip route add default via 192.0.2.100
	ip -6 route add default via 2001:db8::100
	world ip link set lo up
	world_addresses in 192.0.2.100/24 192.0.2.200/24 2001:db8::100/64 \
	    fe80::100/64
}

# net_serve DIRECTORY [SOFTWARE]: the name servers that its file "servers"
# lists, with the zone files that lie beside it.
net_serve()
{
	sed '/^#/d' "$1/servers" >"$net/serving"
	while read -r name addresses zones; do
		# shellcheck disable=SC2046
		world_addresses lo $(echo "$addresses" | tr , ' ')
		"${2-nsd}_start" "$name" "$addresses" "$zones" "$1"
	done <"$net/serving"
	while read -r name addresses zones; do
		serving_await "$name" "$addresses" "$zones"
	done <"$net/serving"
}

world_is_made()
{
	there=$(readlink "/proc/$world/ns/net") &&
	    [ "$there" != "$(readlink /proc/self/ns/net)" ]
}

# net_addresses INTERFACE ADDRESS...: without waiting for duplicates.
net_addresses()
{
	interface=$1
	shift
	ip link set "$interface" up
	for address; do
		case $address in
		*:*)	ip addr add "$address" dev "$interface" nodad ;;
		*)	ip addr add "$address" dev "$interface" ;;
		esac
	done
}

world_addresses()
{
	# shellcheck disable=SC2016
	world sh -c '. "$0"; net_addresses "$@"' "$tests/net.sh" "$@"
}

# nsd_start NAME ADDRESS,... ZONE,... DIRECTORY: a name server in the world.
nsd_start()
{
	{
		nsd_options "$1"
		for address in $(echo "$2" | tr , ' '); do
			echo "	ip-address: $address"
		done
		for zone in $(echo "$3" | tr , ' '); do
			printf 'zone:\n\tname: "%s"\n' "$zone"
			printf '\tzonefile: "%s"\n' "$(zone_file "$4" "$zone")"
		done
	} >"$net/$1.conf"
	background "$1" nsenter -n -t "$world" nsd -d -c "$net/$1.conf"
}

# zone_file DIRECTORY ZONE
zone_file()
{
	[ "$2" = . ] && echo "$1/root.zone" || echo "$1/$2.zone"
}

nsd_options()
{
	cat <<-END
	remote-control:
		control-enable: no
	server:
		server-count: 1
		username: ""
		chroot: ""
		database: ""
		pidfile: "$net/$1.pid"
		xfrdfile: "$net/$1.xfrd"
		zonelistfile: "$net/$1.zones"
		xfrdir: "$net"
		logfile: "$net/$1.log"
		rrl-ratelimit: 0
	END
}

# unbound_options PORT: of one on this host, as far as all are alike.
unbound_options()
{
	cat <<-END
	server:
		interface: 127.0.0.1@$1
		do-daemonize: no
		username: ""
		chroot: ""
		directory: "$net"
		pidfile: ""
		logfile: ""
		use-syslog: no
	END
}

# Every zone of it must be there, or a fault in a zone file would look like
# one of the server under test.
serving_await()
{
	for zone in $(echo "$3" | tr , ' '); do
		await "$1 to serve $zone" is_served "${2%%,*}" "$zone"
	done
}

is_served()
{
	world dig @"$1" "$2" SOA +norec +time=1 +tries=1 | grep -q 'flags: qr aa'
}

# server_start OPTION...: the server under test; its log is $net/dns.log.
server_start()
{
	: >"$net/dns.log"
	background dns "$dns" -r "$hints" -e "$net/dns.log" "$@"
	server=$pid
	tries=0
	until grep -q ' id=2 ' "$net/dns.log"; do
		tries=$((tries + 1))
		if [ $tries -ge 200 ] || ! kill -0 "$server" 2>/dev/null; then
			cat "$net/dns.out" "$net/dns.log"
			die "the server does not start"
		fi
		sleep 0.05
	done
}

# server_stop: its exit status is the function's.
server_stop()
{
	kill -TERM "$server" 2>/dev/null
	wait "$server"
}

# events ID: the lines with it.
events()
{
	grep " id=$1 " "$net/dns.log"
}

# server_statistic KEY: its value, from a statistics line made now.
server_statistic()
{
	lines=$(events 10001 | wc -l)
	kill -USR1 "$server"
	await "a line with id=10001" more_statistics "$lines"
	events 10001 | tail -n 1 | sed "s/.* $1=\([0-9]*\).*/\1/"
}

more_statistics()
{
	[ "$(events 10001 | wc -l)" -gt "$1" ]
}

net_down()
{
	status=$?
	trap '' HUP INT TERM
	for pid in $pids; do
		kill "$pid" 2>/dev/null
	done
	# Nothing is to be said of how each of them ended.
	wait 2>/dev/null
	rm -rf "$net"
	exit $status
}
