#!/bin/sh
# real.sh -- the server between real software: NSD has the zones, and dig and
# kdig ask; clients.sh has the clients that others use.  See net.sh for the
# network.  A case is a record in tests/real/*.zone and a line here; each prints
# "ok", "FAIL" or "skip".

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"

ask_with_kdig()
{
	kdig @127.0.0.1 +retry=0 +time=9 "$@" | tr -s '\t ' ' ' | tr '\n' '|'
}

ttl()
{
	dig @127.0.0.1 +tries=1 +noall +answer "$1" | awk '{ print $2; exit }'
}

questions_with_dig()
{
	expect "A" \
	    'NOERROR.*[|]www.example.com. [0-9]+ IN A 199.43.135.80[|]' \
	    ask www.example.com A
	expect "AAAA" \
	    'NOERROR.*[|]www.example.com. [0-9]+ IN AAAA 2001:500:8f::80[|]' \
	    ask www.example.com AAAA
	expect "MX" \
	    'NOERROR.*[|]example.com. [0-9]+ IN MX 10 mail.example.com.[|]' \
	    ask example.com MX
	expect "TXT of two strings" \
	    '[|]example.com. [0-9]+ IN TXT "v=spf1 -all" "second string"[|]' \
	    ask example.com TXT
	expect "a type nobody knows" \
	    'IN TYPE65400 \\# 4 00FF007F[|]' ask odd.example.com TYPE65400
	expect "a CNAME into another zone" \
	    'CNAME www.example.net.[|]www.example.net. [0-9]+ IN A 199.43' \
	    ask alias.example.com A
	expect "a CNAME asked for by its type" \
	    'ANSWER: 1,.*[|]alias.example.com. [0-9]+ IN CNAME www' \
	    ask alias.example.com CNAME
	expect "a CNAME to a name that does not exist" \
	    'NXDOMAIN.*CNAME nothing.example.net.[|].*IN SOA' \
	    ask dangling.example.com A
	expect "a DNAME" \
	    'IN DNAME .*www.old.example.com. .* CNAME www.example.net.[|]www' \
	    ask www.old.example.com A
	expect "a wildcard" \
	    'NOERROR.*[|]any.wild.example.com. [0-9]+ IN A 199.43.135.42' \
	    ask any.wild.example.com A
	expect "a name that does not exist" \
	    'NXDOMAIN.*ANSWER: 0,.*[|]example.com. [0-9]+ IN SOA' \
	    ask nothing.example.com A
	expect "a type that does not exist" \
	    'NOERROR.*ANSWER: 0,.*[|]example.com. [0-9]+ IN SOA' \
	    ask www.example.com MX
	expect "0.0.0.0 in an answer is data" \
	    'NOERROR.*[|]zero.example.com. [0-9]+ IN A 0.0.0.0[|]' \
	    ask zero.example.com A
	expect "the spelling of the question comes back" \
	    '[|];wWw.eXaMpLe.CoM. IN A[|]' ask wWw.eXaMpLe.CoM A
	expect "the flags are those of a recursive server" \
	    'flags: qr rd ra;' ask www.example.com A
	expect "over IPv6" \
	    'NOERROR.* IN A 199.43.135.80[|]' ask @::1 www.example.com A
}

delegations()
{
	expect "a delegation without glue" \
	    'NOERROR.* IN A 199.43.133.80[|]' ask www.glueless.example.com A
	expect "a name server that has only IPv6" \
	    'NOERROR.* IN A 199.43.133.80[|]' ask www.v6only.example.com A
	expect "a dead name server beside a good one" \
	    'NOERROR.* IN A 199.43.133.80[|]' ask www.half-dead.example.com A
	expect "0.0.0.0 as a name server beside a good one" \
	    'NOERROR.* IN A 199.43.133.80[|]' ask www.one-bad.example.com A
	expect "0.0.0.0 as the only name server" \
	    'SERVFAIL.*EDE: 22' ask www.all-bad.example.com A
	expect "a private address as the only name server" \
	    'SERVFAIL.*EDE: 22' ask www.inside.example.com A
	expect "its event has the class" 'addr=10.0.0.53 class=private' \
	    events 10002
	expect "our own address as the only name server" \
	    'SERVFAIL.*EDE: 22' ask www.mirror.example.com A
	expect "its event is 7062" 'ns=ns.mirror.example.com. addr=127.0.0.1' \
	    events 7062
}

edns()
{
	expect "an answer that fits with EDNS comes whole" \
	    'flags: qr rd ra;.*ANSWER: 4,' ask +bufsize=1232 big.example.com TXT
	expect "an answer that does not fit is truncated" \
	    'flags: qr tc rd ra;' ask +ignore +bufsize=512 big.example.com TXT
	expect "an answer without EDNS is truncated at 512 octets" \
	    'flags: qr tc rd ra;' ask +ignore +noedns big.example.com TXT
	expect_not "who sends no EDNS gets none" \
	    'OPT PSEUDOSECTION' ask +noedns www.example.com A
	expect "kdig's EDNS" \
	    'Version: 0; flags: ; UDP size: 1232 B.* A 199.43.135.80' \
	    ask_with_kdig +edns www.example.com A
	expect "a version of EDNS that does not exist" \
	    'BADVERS' ask +edns=1 +noednsnegotiation www.example.com A
}

# What does not fit a datagram is fetched over TCP; both over one connection.
tcp()
{
	before=$(server_statistic tcp_sent)
	expect "what a name server truncates is fetched over TCP" \
	    'NOERROR.*flags: qr tc rd ra;' \
	    ask +ignore one.huge.v6only.example.com TXT
	expect "and told whole to who asks over TCP" \
	    'flags: qr rd ra;.*ANSWER: 8,' \
	    ask +tcp one.huge.v6only.example.com TXT
	expect "another such answer comes over the same connection" \
	    'flags: qr rd ra;.*ANSWER: 8,' \
	    ask +tcp two.huge.v6only.example.com TXT
	sent=$(server_statistic tcp_sent) opened=$(server_statistic tcp_connects)
	if [ $((sent - before)) = 2 ] && [ "$opened" = 1 ]; then
		pass "two queries were sent over one connection"
	else
		fail "$((sent - before)) queries over $opened connections"
	fi
}

cached()
{
	first=$(ttl www.example.com)
	sent=$(server_statistic sent)
	second=$(ttl www.example.com)
	if [ "$(server_statistic sent)" = "$sent" ]; then
		pass "an answer from the cache sends nothing"
	else
		fail "an answer from the cache sends nothing"
	fi
	if [ "$second" -gt 0 ] && [ "$second" -le "$first" ] &&
	    [ "$first" -le 3600 ]; then
		pass "its TTL goes down"
	else
		fail "its TTL goes down: $first, then $second"
	fi
}

# Every line stands alone, in order: tools and people can rely on it.
event_log()
{
	expect_not "each line of the event log begins with its time and id" \
	    . grep -vE '^ts="[-0-9]+T[0-9:.]+Z" level=[a-z]+ id=[0-9]+ ' \
	    "$net/dns.log"
	# shellcheck disable=SC2016
	expect "their numbers have no gap" '^none$' awk '
	    match($0, / seq=[0-9]+/) {
		    n++
		    if (substr($0, RSTART + 5, RLENGTH - 5) != n)
			    gap = n " is missing before: " $0
	    }
	    END { print (n > 2 && gap == "" ? "none" : gap) }' "$net/dns.log"
}

# One that starts after all must not keep the test.
port_in_use()
{
	expect "a second server on the port says so and ends with 2" \
	    '127.0.0.1[@:# ]*53.*[|]status 2[|]' sh -c '
	    { timeout 10 "$@" 2>&1; echo "status $?"; } | tr "\n" "|"' \
	    sh "$dns" -l 127.0.0.1 -p 53
}

ends()
{
	server_stop
	ended=$?
	if [ $ended = 0 ] && [ "$(events 3 | wc -l)" = 1 ]; then
		pass "SIGTERM ends it with 0 and one event 3"
	else
		fail "SIGTERM ends it with 0 and one event 3: status $ended"
	fi
}

# Asked from the other side, through a listener on every address.  dig takes
# an answer only from the address that it asked.
wildcard_listener()
{
	server_start -l 0.0.0.0 -l :: -p 53 -a 192.0.2.100/32 \
	    -a 2001:db8::/64 -a fe80::/10
	for to in 192.0.2.1 192.0.2.2 2001:db8::1; do
		expect "an answer leaves from $to, where it was asked" \
		    "NOERROR.*SERVER: $to#53" world_asks @$to www.example.com
	done
	expect "an answer finds a link-local client" \
	    NOERROR world_asks @fe80::1%in www.example.com
	expect "who may not ask is refused" \
	    'REFUSED.*EDE: 18' world_asks -b 192.0.2.200 @192.0.2.1 \
	    www.example.com
	server_stop || fail "the second server ends with 0"
}

world_asks()
{
	world dig +tries=1 +time=9 "$@" | tr -s '\t ' ' ' | tr '\n' '|'
}

# What the first one knew at its end; now nobody can be asked.
restarted()
{
	ip link set out down
	server_start -l 127.0.0.1 -p 53 --cache-file "$net/cache"
	await "the cache file to be read" restored
	expect "what was known before a restart is known after it" \
	    'NOERROR.*SERVER: 127' ask www.example.com
	server_stop
}

restored()
{
	events 10040
}

net_enter "$@"
net_up
net_serve "$tests/real"
server_start -l 127.0.0.1 -l ::1 -p 53 --cache-file "$net/cache"
questions_with_dig
delegations
edns
tcp
cached
port_in_use
ends
event_log
wildcard_listener
restarted
[ $failed = 0 ]
