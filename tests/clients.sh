#!/bin/sh
# clients.sh -- those who ask this server all day: the C libraries of GNU and
# of musl, with each way that they have of asking, curl, Node's own resolver,
# and dnsmasq, which stands between it and its clients.  NSD has the zones, as
# in real.sh; see net.sh for the network.

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"

has()
{
	command -v "$1" >/dev/null
}

# with_resolv_conf LINES COMMAND...: in a mount namespace of its own, where
# these lines are the system's resolv.conf.
with_resolv_conf()
{
	printf '%s\n' "$1" >"$net/resolv.conf"
	shift
	[ "$(id -u)" = 0 ] && flags=-m || flags=-Urm
	# shellcheck disable=SC2016
	unshare "$flags" sh -c '
		mount --bind "$1/resolv.conf" \
		    "$(readlink -f /etc/resolv.conf)" || exit
		echo "hosts: files dns" >"$1/nsswitch.conf"
		[ ! -e /etc/nsswitch.conf ] ||
			mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
		shift
		exec "$@"' sh "$net" "$@"
}

# What any of them must find, whatever its resolv.conf has.
look_ups()
{
	cat <<-END
	www.example.com: 199.43.135.80 2001:500:8f::80
	mail.example.com: 199.43.135.25
	alias.example.com: 199.43.133.80
	www.old.example.com: 199.43.133.80
	www.one-bad.example.com: 199.43.133.80
	www.all-bad.example.com: again
	nothing.example.com: none
	dangling.example.com: none
	any.invalid: none
	here.localhost: 127.0.0.1 ::1
	199.43.135.80: www.example.com
	END
}

# library NAME LOOKUP LINES: with this resolv.conf.
library()
{
	title="$1, $(echo "$3" | xargs)"
	# shellcheck disable=SC2046
	with_resolv_conf "$3" "$2" $(look_ups | sed 's/: .*//') \
	    >"$net/found" 2>&1
	if look_ups | diff - "$net/found" >"$net/answer"; then
		pass "$title"
	else
		fail_showing "wanted: <, found: >"
	fi
}

libraries()
{
	lookup=$net/lookup
	${CC:-cc} -D_GNU_SOURCE -o "$lookup" "$tests/lookup.c" || exit 1
	library "the C library" "$lookup" 'nameserver 127.0.0.1'
	library "the C library" "$lookup" 'nameserver ::1'
	for option in edns0 use-vc single-request trust-ad rotate; do
		library "the C library" "$lookup" "nameserver 127.0.0.1
options $option"
	done
	expect "the C library, and an answer that it has to ask for over TCP" \
	    '^many.example.com:( 199.43.135.1[0-3][0-9]){40}$' \
	    with_resolv_conf 'nameserver 127.0.0.1' "$lookup" many.example.com
	if has musl-gcc; then
		# Before 1.2.4 it asks nobody over TCP, so it cannot have what
		# is long; and a failure it asks for again until its time is up.
		musl-gcc -static -D_GNU_SOURCE -o "$lookup.musl" \
		    "$tests/lookup.c" || exit 1
		for address in 127.0.0.1 ::1; do
			library "musl" "$lookup.musl" "nameserver $address
options timeout:1 attempts:1"
		done
	else
		echo "skip  musl: no musl-gcc here"
	fi
}

# It connects to a name server, for that is who listens there, and who goes away
# from two octets that are no message.
curls()
{
	if ! has curl; then
		echo "skip  curl: it is not here"
		return
	fi
	expect "curl finds a host and gets there" \
	    'Connected to ns.example.com \([0-9a-f.:]+\) port 53' \
	    with_resolv_conf 'nameserver 127.0.0.1' sh -c \
	    'printf "\0\1" | curl -sv --max-time 9 telnet://ns.example.com:53'
	expect "curl finds no host where there is none" \
	    'Could not resolve host: nothing.example.com' \
	    with_resolv_conf 'nameserver 127.0.0.1' \
	    curl -sS --max-time 9 http://nothing.example.com/
}

# Node has its own resolver, c-ares, beside the C library's.
nodes()
{
	if ! has node; then
		echo "skip  Node: it is not here"
		return
	fi
	cat >"$net/ask.js" <<-'END'
	const {Resolver} = require('dns').promises;
	const ask = new Resolver();
	(async () => {
		for (const [type, name] of [
		    ['A', 'www.example.com'], ['AAAA', 'www.example.com'],
		    ['MX', 'example.com'], ['CNAME', 'alias.example.com'],
		    ['A', 'alias.example.com'], ['TXT', 'example.com'],
		    ['PTR', '80.135.43.199.in-addr.arpa'],
		    ['A', 'www.one-bad.example.com'],
		    ['A', 'www.all-bad.example.com'],
		    ['A', 'nothing.example.com'], ['MX', 'www.example.com']])
			await ask.resolve(name, type).then(
			    found => console.log(type, name,
				JSON.stringify(found)),
			    error => console.log(type, name, error.code));
		for (const [type, name] of [['A', 'many.example.com'],
		    ['TXT', 'one.huge.v6only.example.com']])
			console.log(type, name,
			    (await ask.resolve(name, type)).length);
	})();
	END
	cat >"$net/want" <<-'END'
	A www.example.com ["199.43.135.80"]
	AAAA www.example.com ["2001:500:8f::80"]
	MX example.com [{"exchange":"mail.example.com","priority":10}]
	CNAME alias.example.com ["www.example.net"]
	A alias.example.com ["199.43.133.80"]
	TXT example.com [["v=spf1 -all","second string"]]
	PTR 80.135.43.199.in-addr.arpa ["www.example.com"]
	A www.one-bad.example.com ["199.43.133.80"]
	A www.all-bad.example.com ESERVFAIL
	A nothing.example.com ENOTFOUND
	MX www.example.com ENODATA
	A many.example.com 40
	TXT one.huge.v6only.example.com 8
	END
	with_resolv_conf 'nameserver 127.0.0.1' node "$net/ask.js" 2>&1 |
	    diff "$net/want" - >"$net/answer"
	title="Node finds all that there is"
	if [ ! -s "$net/answer" ]; then
		pass "$title"
	else
		fail_showing "wanted: <, found: >"
	fi
}

# It passes on what we say, and looks whether we lead back to it.
dnsmasqs()
{
	if ! has dnsmasq; then
		echo "skip  dnsmasq: it is not here"
		return
	fi
	background dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null \
	    --no-resolv --no-hosts --user= --pid-file= --port=5301 \
	    --listen-address=127.0.0.1 --bind-interfaces --server=127.0.0.1 \
	    --dns-loop-detect
	await "dnsmasq to answer" dig @127.0.0.1 -p 5301 +tries=1 +time=1 \
	    any.invalid
	expect "dnsmasq passes an answer on" \
	    'NOERROR.* IN A 199.43.135.80[|]' ask -p 5301 www.example.com
	expect "and a denial" \
	    'NXDOMAIN.* IN SOA' ask -p 5301 nothing.example.com
	expect "and a failure" 'SERVFAIL' ask -p 5301 www.all-bad.example.com
	expect "and 0.0.0.0 as a name server beside a good one" \
	    'NOERROR.* IN A 199.43.133.80[|]' ask -p 5301 \
	    www.one-bad.example.com
	expect "and what is long, over TCP" \
	    'NOERROR.*flags: qr rd ra;.*ANSWER: 8,' \
	    ask -p 5301 +tcp two.huge.v6only.example.com TXT
	expect "and what is long when TCP comes after UDP" \
	    'NOERROR.*flags: qr rd ra;.*ANSWER: 40,' \
	    ask -p 5301 +noedns many.example.com
}

net_enter "$@"
net_up
net_serve "$tests/real"
server_start -l 127.0.0.1 -l ::1 -p 53
if with_resolv_conf 'nameserver 127.0.0.1' true 2>/dev/null; then
	libraries
	curls
	nodes
else
	echo "skip  clients: no mount over /etc/resolv.conf here"
fi
dnsmasqs
server_stop || fail "the server ends with 0"
[ $failed = 0 ]
