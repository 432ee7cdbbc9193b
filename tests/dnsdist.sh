#!/bin/sh
# dnsdist.sh -- two servers behind dnsdist, with contrib/dnsdist/dnsdist.conf as
# it is but for where the certificate lies: TLS and HTTPS for clients, a name
# always with the same server, and one that takes over from one that is gone.
# See net.sh for the network and tests/real/ for the zones.

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
needs='dnsdist openssl'

# server_begin NUMBER: one of the two; its pid is in dnsNUMBER.pid.
server_begin()
{
	: >"$net/dns$1.log"
	background "dns$1" "$dns" -l "127.0.0.1@530$1" \
	    -r "$tests/real/root.hints" -e "$net/dns$1.log"
	echo "$pid" >"$net/dns$1.pid"
	await "server $1" grep -q ' id=2 ' "$net/dns$1.log"
}

dnsdist_begin()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
	    -nodes -days 2 -subj /CN=dns.example.com \
	    -addext subjectAltName=DNS:dns.example.com \
	    -keyout "$net/tls.key" -out "$net/tls.crt" >/dev/null 2>&1
	sed "s,/etc/dnsdist,$net," "$tests/../contrib/dnsdist/dnsdist.conf" \
	    >"$net/dnsdist.conf"
	background dnsdist dnsdist --supervised --disable-syslog \
	    -C "$net/dnsdist.conf"
	await "dnsdist" dig @127.0.0.1 localhost +time=1 +tries=1
}

# statistic NUMBER KEY: of one of the servers, from a line made now.
statistic()
{
	lines=$(grep -c ' id=10001 ' "$net/dns$1.log")
	kill -USR1 "$(cat "$net/dns$1.pid")"
	await "statistics of server $1" more_lines "$1" "$lines"
	sed -n "s/.* id=10001 .* $2=\([0-9]*\).*/\1/p" "$net/dns$1.log" |
	    tail -n 1
}

more_lines()
{
	[ "$(grep -c ' id=10001 ' "$net/dns$1.log")" -gt "$2" ]
}

# kdig, with the certificate of our own as the one that is trusted.
ask_tls()
{
	kdig @127.0.0.1 +tls-ca="$net/tls.crt" \
	    +tls-hostname=dns.example.com "$@" | tr -s '\t ' ' ' |
	    tr '\n' '|'
}

transports()
{
	expect "plain DNS is answered" 'NOERROR.*199.43.135.80' \
	    ask www.example.com
	expect "and over TCP" 'NOERROR.*199.43.135.80' \
	    ask +tcp www.example.com
	expect "DNS over TLS is answered" 'NOERROR.*199.43.135.80' \
	    ask_tls +tls www.example.com
	expect "DNS over HTTPS is answered" 'NOERROR.*199.43.135.80' \
	    ask_tls +https www.example.com
	expect "who trusts another certificate is told" 'failed|ERROR' \
	    sh -c 'kdig @127.0.0.1 +tls-ca +tls-hostname=dns.example.com \
	    +tls +retry=0 www.example.com 2>&1 | tr "\n" "|"'
}

# ask_many: a hundred names, each of which a zone denies.
ask_many()
{
	seq 100 | sed 's/.*/n&.example.com A/' >"$net/names"
	dig @127.0.0.1 +noall +comments -f "$net/names" |
	    grep -c 'status: NXDOMAIN'
}

spread()
{
	expect "a hundred names are answered" '^100$' ask_many
	first=$(statistic 1 received) second=$(statistic 2 received)
	sent=$(($(statistic 1 sent) + $(statistic 2 sent)))
	if [ "$first" -ge 20 ] && [ "$second" -ge 20 ]; then
		pass "each server has its part of them"
	else
		fail "each server has its part: $first and $second questions"
	fi
	expect "and again" '^100$' ask_many
	if [ "$sent" = $(($(statistic 1 sent) + $(statistic 2 sent))) ]; then
		pass "a name is always with the same server, which knows it"
	else
		fail "names were looked up by the other server again"
	fi
}

failover()
{
	kill "$(cat "$net/dns1.pid")"
	await "dnsdist to notice" all_answered
	pass "the other server takes over the names of one that is gone"
	server_begin 1
	await "dnsdist to notice" taken_back
	pass "and gives them back"
}

all_answered()
{
	[ "$(ask_many)" = 100 ]
}

taken_back()
{
	all_answered && [ "$(statistic 1 received)" -ge 20 ]
}

net_enter "$@"
net_up
net_serve "$tests/real"
server_begin 1
server_begin 2
dnsdist_begin
transports
spread
failover
[ $failed = 0 ]
