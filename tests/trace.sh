#!/bin/sh
# trace.sh -- dns --trace on a network of real name servers (see net.sh): the
# article's case word for word, its exit statuses, and its manners at a
# terminal, in a pipe and under a signal.

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
needs="jq script setpriv"

# A path that leaves room on the line that tells it.
trace()
{
	"$dns" -r "$net/root.hints" --trace "$@"
}

# Chance and the clock are not the same twice: whom of two equals is asked, how
# long that takes, and when priming is told.
steady()
{
	sed 's/, [0-9]* ms$/, N ms/; s/ [0-9]* ms, / N ms, /
	    s/198\.41\.0\.4\|2001:503:ba3e::2:30/ROOT/
	    s/192\.5\.6\.30\|2001:503:a83e::2:30/COM/
	    s/199\.43\.135\.53\|2001:500:8f::53/EXAMPLE/
	    s/TTL 86[0-9]*/TTL 86400/; s/from .*root.hints/from root.hints/
	    /^;     /d; /^;   \. servers/d'
}

article()
{
	cat <<-'END'
	; root servers: 1, addresses: 2, from root.hints
	; www.one-bad.example.com. A
	; . servers: 1 (hints)
	;   -> a.root-servers.net. ROOT udp: com. A (1 of 2 WHY)
	;   <- ROOT: NOERROR, delegation to com., N ms
	; com. servers: 1 (referral, TTL 86400)
	;   -> a.gtld-servers.net. COM udp: example.com. A (1 of 2 WHY)
	;   <- COM: NOERROR, delegation to example.com., N ms
	; example.com. servers: 1 (referral, TTL 86400)
	;   -> ns.example.com. EXAMPLE udp: one-bad.example.com. A (1 of 2 WHY)
	;   <- EXAMPLE: NOERROR, delegation to one-bad.example.com., N ms
	; one-bad.example.com. servers: 2 (referral, TTL 3600)
	;   refused: ns1.one-bad.example.com. 0.0.0.0 is unspecified (RFC 1122 3.2.1.3);
	;   -> ns2.one-bad.example.com. 199.43.133.53 udp: www.one-bad.example.com. A (1
	;   <- 199.43.133.53: NOERROR, answer, N ms
	www.one-bad.example.com. 3600 IN A 199.43.133.80
	; 4 sends, N ms, NOERROR
	END
}

# A line that is broken before (1 of 2 in the band) is put together again.
told_as_the_article()
{
	trace www.one-bad.example.com -4 >"$net/out" &&
	    trace www.one-bad.example.com >"$net/out" || return 1
	awk '/^;       / && !/^;       [<>-]/ && last ~ /->/ {
		sub(/^; */, " "); last = last $0; next }
	    NR > 1 { print last } { last = $0 } END { print last }' \
	    "$net/out" | steady |
	    sed 's/(1 of \([0-9]*\) [a-z ]*)/(1 of \1 WHY)/
		s/ A (1 of 1 WHY)$/ A (1/' >"$net/told"
	article | diff - "$net/told"
}

status_is()
{
	wanted=$1
	shift
	trace "$@" >"$net/out" 2>"$net/err"
	[ $? = "$wanted" ]
}

is_narrow()
{
	! grep -n '^;.\{80\}' "$net/out"
}

# In a terminal of script's, with TERM and what else is set.
at_terminal()
{
	env "$@" script -qec "$dns -r $tests/real/root.hints \
	    --trace www.one-bad.example.com" /dev/null >"$net/out"
}

coloured()
{
	grep -q "$(printf '\033')" "$net/out"
}

of_json()
{
	jq -es "$1" "$net/out" >/dev/null
}

interrupted()
{
	# Nobody answers there, so it waits; and nobody has to.
	printf '. NS a.\na. A 192.0.2.77\n' >"$net/silent"
	timeout -s INT 1 "$dns" -r "$net/silent" --trace example.com >"$net/out"
	[ $? = 124 ]
}

# The same by a key, and then the line of the terminal is ended.
interrupted_by_key()
{
	mkfifo "$net/keys"
	script -fqec "$dns -r $net/silent --trace example.com" /dev/null \
	    <"$net/keys" >"$net/out" &
	pid=$!
	exec 4>"$net/keys"
	await "a query" grep -q -e '-> a' "$net/out"
	printf '\003' >&4
	wait $pid
	status=$?
	exec 4>&-
	[ $status = 130 ] && [ "$(tail -c 1 "$net/out" | od -An -tx1)" = ' 0a' ]
}

claim()
{
	title=$1
	shift
	if "$@" >"$net/answer" 2>&1; then pass "$title"; else
		fail_showing "$*"; fi
}

no()
{
	! "$@"
}

net_enter "$@"
net_up
net_serve "$tests/real"
cp "$tests/real/root.hints" "$net"
claim "the article's case is told word for word" told_as_the_article
claim "no line has more than 80 columns" is_narrow
claim "data are status 0" status_is 0 www.example.com
claim "so are no data" status_is 0 example.com TYPE65280
claim "and that there is no such name" status_is 0 nothere.example.com MX
claim "with the SOA that says so" grep -q '^; authority: .* SOA' "$net/out"
claim "a failure is status 1" status_is 1 www.all-bad.example.com
claim "with its reason" \
    grep -q '^;   failed: no valid NS address .*(EDE 22)$' "$net/out"
claim "and nothing but comments" no grep -v '^; ' "$net/out"
claim "a type that is no data is refused" status_is 1 example.com AXFR
claim "an alias is followed, and the answer has both" status_is 0 \
    alias.example.com
claim "in order" sh -c "grep -v '^;' '$net/out' | cut -d' ' -f4 | paste -sd: |
    grep -qx CNAME:A"
claim "a local name is known without asking" status_is 0 localhost
claim "and tells no send" grep -q '^; 0 ms, NOERROR$' "$net/out"
claim "-6 asks over IPv6 alone" status_is 0 www.example.com -6
claim "and no other" no grep -qE -- '-> [^ ]* [0-9.]+ (udp|tcp)' "$net/out"
claim "--source is where it sends from" status_is 0 www.example.com \
    --source 192.0.2.2 -4
claim "no privilege is needed" sh -c "setpriv --inh-caps=-all \
    --bounding-set=-all --no-new-privs '$dns' -r '$tests/real/root.hints' \
    --trace www.example.com >'$net/out'"
claim "a source of nobody is status 2" status_is 2 www.example.com \
    --source 198.51.100.9
claim "-s opens what it opens" status_is 1 www.all-bad.example.com \
    -s 0.0.0.0/0
claim "which 0.0.0.0 is not" grep -q 'refused: .* 0.0.0.0 is ' "$net/out"
claim "a forwarder is asked" status_is 0 www.one-bad.example.com \
    -f one-bad.example.com=199.43.133.53
claim "and told as one" grep -q \
    '^; one-bad.example.com. servers: 1 (forwarders)$' "$net/out"
claim "as JSON lines" status_is 0 www.one-bad.example.com --log-format json
claim "each is an object with its id" of_json 'all(.[]; .id > 0)'
claim "they are the steps of the log" of_json '[.[].event] |
    index("ZONE_SERVERS") and index("QUERY_SENT") and index("REPLY") and
    index("ADDRESS_REFUSED") and index("RECORD") and .[-1] == "QUERY"'
claim "the refused address is there" of_json \
    'any(.[]; .id == 10106 and .addr == "0.0.0.0" and .class == "unspecified")'
claim "so are answer and rcode" of_json 'any(.[]; .id == 10112 and
    .record == "www.one-bad.example.com. 3600 IN A 199.43.133.80") and
    .[-1].rcode == "NOERROR" and .[-1].sends == 4'
claim "in a pipe it has no colours" no coloured
claim "at a terminal it has" at_terminal TERM=xterm NO_COLOR=
claim "that is, escapes" coloured
claim "but not with NO_COLOR" at_terminal TERM=xterm NO_COLOR=1
claim "that is, none" no coloured
claim "nor at a dumb terminal" at_terminal TERM=dumb
claim "as said" no coloured
claim "SIGINT ends it at once" interrupted
claim "so does the key, and the line is ended" interrupted_by_key
claim "what could not be printed is status 1" sh -c "
    '$dns' -r '$tests/real/root.hints' --trace localhost >/dev/full; [ \$? = 1 ]"
claim "a reader that goes early ends it in silence" sh -c "
    '$dns' -r '$tests/real/root.hints' --trace www.example.com 2>'$net/err' |
    head -n 1 >/dev/null; [ ! -s '$net/err' ]"
ip link set out down
claim "without a network that is said" status_is 1 www.example.com
claim "in one line" grep -q \
    '^; no root server can be sent to: cause=' "$net/out"
[ $failed = 0 ]
