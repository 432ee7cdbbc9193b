#!/bin/sh
# The command line: what each option does and what a bad one says.  One line a
# case, ok or FAIL.  Nothing leaves the machine: the hints name loopback only,
# and no question is asked.
# shellcheck source-path=SCRIPTDIR source=serve.sh
. "$(dirname "$0")/serve.sh"

# The command ends with this status, and its output matches the expression.
expect() { # STATUS EXPRESSION NAME ARGUMENT...
	want=$1 expression=$2 name=$3
	shift 3
	"$dns" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ "$got" -eq "$want" ] &&
	    cat "$dir/out" "$dir/err" | grep -qE -- "$expression"
	verdict $? "$name"
}

expect 0 '^usage: dns' '--help prints the usage' --help
expect 0 '^dns [0-9]' '--version prints it' --version
"$dns" --print-hints >"$dir/out" 2>"$dir/err" && cmp -s "$dir/out" cache.dns
verdict $? '--print-hints prints cache.dns as it stands'


expect 0 '^10002 INVALID_SERVER_ADDRESS, warning$' \
    '--events has a paragraph an event' --events
! grep -q '.\{80\}' "$dir/out" &&
    [ "$(grep -oE '^    (says|means|do|keys|again) ' "$dir/out" |
	sort -u | wc -l)" = 5 ]
verdict $? 'of 79 columns at the most'
expect 0 '^{"id":10002,.*"limited":true,.*"fields":\["q","peer",.*"\]}$' \
    'and with --log-format json a line' --events --log-format json
expect 0 '^{"id":7053,"oldid":453,.*}$' 'whichever comes first' \
    --log-format json --events
"$dns" --events >/dev/full 2>"$dir/err"
[ $? = 1 ]
verdict $? 'what could not be printed is a failure'

expect 2 'unknown option --bogus' 'an unknown option is named' --bogus
expect 2 'unknown option -x' 'an unknown letter is named' -x
expect 2 'unknown argument serve' 'a stray argument is named' serve
expect 2 'a value is missing after -p' 'a missing value is named' -p
for bad in 0 65536 -1 53x ''; do
	expect 2 "bad port $bad" "port '$bad' is refused" "-p$bad" -p "$bad"
done
for bad in localhost 1.2.3 1.2.3.4@ 1.2.3.4@x ::g; do
	expect 2 'bad (listen address|port)' "listener $bad is refused" -l "$bad"
done
for bad in 10.0.0.0/33 10.0.0.0/ x/8 2001:db8::/129; do
	expect 2 "bad prefix $bad" "client prefix $bad is refused" -a "$bad"
	expect 2 "bad prefix $bad" "server prefix $bad is refused" -s "$bad"
	expect 2 "bad prefix $bad" "proxy prefix $bad is refused" --proxy "$bad"
done
for bad in a..b "$(printf 'x%063d' 0)"; do
	expect 2 "bad name $bad" "name '$bad' to look up is refused" \
	    --look-up "$bad"
done
for bad in corp.example corp..example=10.1.1.1 corp.example= =10.1.1.1 \
    corp.example=x corp.example=10.1.1.1@0 "corp.example=10.1.1.1," \
    "corp.example=$(printf '%0999d' 1)"; do
	expect 2 'bad (zone to forward|forwarder|port)' \
	    "'-f $(echo "$bad" | cut -c 1-30)' is refused" -f "$bad"
done
expect 2 'nobody can be asked at 0.0.0.0: unspecified' \
    'a forwarder is no address that nobody has' -f corp.example=0.0.0.0
expect 2 'forwarder named twice: 10.1.1.1@53' 'nor one named before' \
    -f corp.example=10.1.1.1,10.1.1.1@53
expect 2 'zone forwarded twice: CORP.example.=10.1.1.2: give all' \
    'a zone is forwarded once' -f corp.example=10.1.1.1 \
    -f CORP.example.=10.1.1.2
expect 2 'too many forwarders at 10.1.1.9: 8' 'there are 8 forwarders' \
    -f "corp.example=10.1.1.1$(printf ',10.1.1.%s' $(seq 2 9))"
# shellcheck disable=SC2046
expect 2 'too many zones to forward at z=10.1.1.1: 64' 'of 64 zones' \
    $(printf -- '-f a%s=10.1.1.1 ' $(seq 64)) -f z=10.1.1.1
expect 2 'nobody is asked at 2001:db8::2: -4' 'a forwarder of the family left out' \
    -f corp.example=10.1.1.1,2001:db8::2 -4
expect 2 "cannot forward to 127.0.0.1:$port: this server listens there" \
    'a forwarder is not this server' -r "$dir/hints" \
    -l "127.0.0.1@$port" -f "corp.example=127.0.0.1@$port"
grep -q " id=507 .*zone=corp.example. addr=127.0.0.1:$port class=own" \
    "$dir/err"
verdict $? 'and the log says so, too'
expect 1 'forwarder cannot be asked: 127.0.0.1 \(own\)$' \
    '--check says so as well' --check -f corp.example=127.0.0.1
expect 0 '^corp.example.: note: forwarded to 10.1.1.1 10.1.1.2:5353$' \
    'and tells who is forwarded to' --check \
    -f corp.example=10.1.1.1,10.1.1.2@5353
# shellcheck disable=SC2046
expect 2 'too many listen addresses at 127.0.0.1$' 'there are 64 listeners' \
    $(printf -- '-l 127.0.0.1@%s ' $(seq 64)) -l 127.0.0.1
for letter in a s; do
	# shellcheck disable=SC2046
	expect 2 'too many prefixes at ::/0$' "there are 64 prefixes of -$letter" \
	    $(printf -- "-$letter 192.0.2.%s/32 " $(seq 64)) -$letter ::/0
done
# shellcheck disable=SC2046
expect 2 'too many names to look up at z' 'there are 64 names to look up' \
    $(printf -- '--look-up a%s.test ' $(seq 64)) --look-up z
for bad in . example.com arpa in-addr.arpa 11.in-addr.arpa 172.in-addr.arpa; do
	expect 2 "not a special name $bad" \
	    "name '$bad' is looked up as it is" --look-up "$bad"
done
expect 2 'bad listen address x' 'names that are special are taken' \
    --look-up 10.in-addr.arpa --look-up x.onion --look-up LOCALHOST. -l x
expect 2 'no family is left by -4 and -6' '-4 and -6 do not go together' -4 -6
for bad in localhost 1.2.3 192.0.2.1@53 ::g; do
	expect 2 "bad source address $bad" "source '$bad' is refused" \
	    --source "$bad"
done
for bad in 0.0.0.0 :: 224.0.0.1 255.255.255.255 ff02::1; do
	expect 2 "cannot send from $bad: " "source $bad is refused" \
	    --source "$bad"
done
expect 2 'a second source address 127.0.0.2' 'a family has one source' \
    --source 127.0.0.1 --source ::1 --source 127.0.0.2
expect 2 'nothing is sent from ::1: -4' 'a source of the family left out' \
    --source ::1 -4
expect 2 'nothing is sent from 127.0.0.1: -6' 'and of the other' \
    -6 --source 127.0.0.1
expect 2 'cannot send from 198.51.100.77: ' 'a foreign source is refused' \
    -r "$dir/hints" -l "127.0.0.1@$port" --source 198.51.100.77
for bad in 1 512K 64Q M 33G 9999999G; do
	expect 2 "bad cache size $bad" "cache size $bad is refused" -c "$bad"
done
expect 2 'bad log level loud' 'a log level is checked' --log-level loud
expect 2 'bad log format xml: logfmt or json' 'a log format is checked' \
    --log-format xml
expect 2 "cannot open the event log $dir: Is a directory" \
    'an event log that cannot be opened is named' -e "$dir"
expect 2 "cannot use the root hints of $dir/none" \
    'hints that are missing end the start' -r "$dir/none" -p "$port"
echo '. NS' >"$dir/bad"
printf '. NS a.\na. A 127.0.0.1\na. AAAA ::1\n' >"$dir/both"
printf '.\000NS a.\n' >"$dir/nul"
expect 2 'id=1505 .*line=1 ' 'hints that are faulty say where' \
    -r "$dir/bad" -p "$port"
expect 2 'cannot listen on 198.51.100.77:' 'a foreign address is refused' \
    -r "$dir/hints" -l 198.51.100.77 -p "$port"

expect 0 '^localhost. 10800 IN A 127.0.0.1$' '--trace prints the answer' \
    -r "$dir/hints" -p "$port" --trace localhost
expect 0 '^; 0 ms, NOERROR$' 'and what it cost' \
    --trace localhost TXT -r "$dir/hints" -p "$port"
expect 2 'bad name a..b' 'a bad name to trace is refused' --trace a..b
expect 2 'bad type NONE' 'so is a bad type' --trace localhost NONE
expect 2 'unknown argument MX' 'and a second type' --trace localhost A MX
expect 2 'a second name to trace b' 'and a second name' --trace a --trace b
expect 2 'a trace serves nobody: leave --control' 'what is for serving' \
    --trace a --cache-file "$dir/cache"
expect 2 'a value is missing after --trace' 'and none' --trace
expect 2 'cannot use the root hints' 'hints must be good for a trace' \
    --trace localhost -r "$dir/bad"

expect 0 'cache.dns: note: name servers: 13, addresses: 26' \
    '--check finds nothing wrong with ./cache.dns' --check
[ "$(wc -l <"$dir/out")" = 1 ]
verdict $? 'and nothing to say about it but that'
cat >"$dir/lint" <<'END'
$TTL 3600
. NS a.root.
. NS A.root.
. NS b.root.
. CH NS c.root.
a.root. A 127.0.0.2
a.root. 99999999999 A 127.0.0.2
a.root. A 127.0.0.3 x
	A 127.0.0.256
	A 0.0.0.0
	A 127.0.0.2
d.root. A 127.0.0.4
. SOA a. b. 1 2 3
a.root. MX 1 b.
a..b A 127.0.0.5
. NS
END
checked() { # LINE...: are all there is to say of the file
	for told; do
		echo "$dir/lint:$told"
	done >"$dir/want"
	grep -v ': note: ' "$dir/out" | diff "$dir/want" - >"$dir/err"
}
"$dns" --check -r "$dir/lint" -p 5300 >"$dir/out" 2>"$dir/err"
[ $? = 1 ] && checked "1:1: directive that is not known here: \$TTL" \
    '3:6: was said before: A.root.' '5:3: the class is not IN: CH' \
    '7:9: the TTL has more than 32 bits: 99999999999' \
    '8:21: this does not belong here: x' '9:4: no IPv4 address: 127.0.0.256' \
    '10:4: address that is never asked, unspecified: 0.0.0.0' \
    '11:4: was said before: 127.0.0.2' \
    '13:3: SOA: this is a zone, not root hints: SOA' \
    '14:9: the type is not NS, A or AAAA: MX' '15:1: no domain name: a..b' \
    '16:1: the record has no end' \
    '4:6: name server without an address to ask: b.root.' \
    '12:1: address of no name server of the root: d.root.' \
    ' no name server has an IPv6 address'
verdict $? '--check names every fault of a file with line and column'
expect 0 'note: none of these is compiled in' \
    'private roots are a note and no fault' --check -r "$dir/both" -p 5300
expect 1 'both:2:6: address that is never asked, own: 127.0.0.1$' \
    'but not where this server listens' --check -r "$dir/both"
sed 's/198.41.0.4$/198.41.0.5/' cache.dns >"$dir/aged"
expect 0 'aged: note: not compiled in: A.ROOT-SERVERS.NET. 198.41.0.5' \
    'so is an address that is not compiled in' --check -r "$dir/aged"
grep -q 'aged: note: only compiled in: A.ROOT-SERVERS.NET. 198.41.0.4' \
    "$dir/out" && [ "$(wc -l <"$dir/out")" = 3 ]
verdict $? 'and one that is compiled in and not there'
expect 1 "$dir/none: cannot be read: No such file" \
    '--check names hints that are missing' --check -r "$dir/none"
expect 1 '/dev/zero: cannot be read: no regular file' \
    'and those that are no file' --check -r /dev/zero
expect 1 'nul:1:2: no text: .000' 'and what is no text' --check -r "$dir/nul"
printf '. NS a.\na. A \033[31m\n' >"$dir/lint"
expect 1 'lint:2:6: no IPv4 address: .027.31m$' \
    'no octet of a file does anything to the terminal' --check -r "$dir/lint"
expect 1 "^$dir/no/log: no file can be made in $dir/no/: No such" \
    '--check names a log that cannot be made' --check -e "$dir/no/log"
expect 0 'note' 'and takes one that can be' --check -e "$dir/log"
[ ! -e "$dir/log" ]
verdict $? 'without making it'
expect 1 "^$dir/no/cache: no file can be made in $dir/no/: No such" \
    'so is a cache file' --check --cache-file "$dir/no/cache"
expect 1 "^$dir/no: no directory" 'and another root' --check \
    --chroot "$dir/no"
expect 1 'listen address named twice: 127.0.0.1:5353' \
    'a listener that is named twice is told' --check -p 5353 -l 127.0.0.1 \
    -l ::1 -l 127.0.0.1@5353
expect 1 'listen address not of this host: 198.51.100.77:53$' \
    'and one that another host has' --check -l 198.51.100.77
expect 1 'source address not of this host: 198.51.100.77$' \
    'so is a source' --check --source 198.51.100.77
expect 2 'bad port x' 'a bad option is one with --check, too' --check -p x
# classified ADDRESS LINE [OPTION...]: what --classify says of it.
classified() {
	address=$1 line=$2
	shift 2
	"$dns" --classify "$@" "$address" >"$dir/out" 2>"$dir/err" &&
	    [ "$(cat "$dir/out")" = "$address: $line" ] && [ ! -s "$dir/err" ]
	verdict $? "--classify $address: ${line##*: }"
}
classified 0.0.0.0 'unspecified (RFC 1122 3.2.1.3): never asked'
classified 0.0.0.0 'unspecified (RFC 1122 3.2.1.3): never asked' -s 0.0.0.0/0
classified ff02::1 'multicast (RFC 4291 2.7): never asked' -s ::/0
classified 198.41.0.4 'global (RFC 1122 3.2.1.3): asked'
classified 2620:4f:8000::6 'as112 (RFC 7534): asked'
classified 10.1.2.3 'private (RFC 1918): not asked, unless -s opens it'
classified 10.1.2.3 'private (RFC 1918): asked, as -s opens 10.1.0.0/16' \
    -s 10.0.0.0/8 -s 10.1.0.0/16 -s 0.0.0.0/0
classified 10.2.0.0 'private (RFC 1918): not asked, unless -s opens it' \
    -s 10.1.0.0/16
classified 64:ff9b::a00:1 \
    'nat64 (RFC 6052): not asked, as it leads to one that is private' \
    -s 64:ff9b::/96
classified 127.0.0.9 'loopback (RFC 1122 3.2.1.3), of this host:'\
' never asked, as this server listens there' -l 0.0.0.0
classified 127.0.0.9 'loopback (RFC 1122 3.2.1.3), of this host:'\
' asked, as -s opens 127.0.0.0/8' -l 0.0.0.0@54 -s 127.0.0.0/8
classified 127.255.255.255 'loopback (RFC 1122 3.2.1.3), of this host:'\
' never asked, as a subnet of this host ends there' -s 127.0.0.0/8
"$dns" --classify 8.8.8.8 -s 10.0.0.0/8 ::1 10.0.0.1 >"$dir/out" 2>"$dir/err"
[ "$(wc -l <"$dir/out")" = 3 ] &&
    grep -q '^10.0.0.1: .* as -s opens 10.0.0.0/8$' "$dir/out"
verdict $? '--classify takes many addresses, and options among them'
expect 2 'bad address 1.2.3: an IPv4 or IPv6' '--classify names what is none' \
    --classify 192.0.2.1 1.2.3
[ ! -s "$dir/out" ]
verdict $? 'and prints nothing then'
expect 2 'no address after --classify' '--classify needs one' --classify

start -l "127.0.0.1@$port" -4 --source 127.0.0.1 &&
    grep -q ' id=2 .*families="IPv4" source="127.0.0.1" ' "$dir/err"
verdict $? 'the start line tells families and source'
stop

start -l 127.0.0.1 -p "$port" -c 2M -a 192.0.2.0/24 -s 10.0.0.0/8 &&
    grep -q " id=2 .*listen=\"127.0.0.1:$port\".*192.0.2.0/24.*cache=2097152" \
	"$dir/err"
verdict $? 'the start line tells listeners, clients and the cache size'
expect 2 "cannot listen on 127.0.0.1:$port: .*-p 5300" \
    'a port in use is named, with what to do' \
    -r "$dir/hints" -l "127.0.0.1@$port"
stop
verdict $? 'SIGTERM ends it in order'

quiet=yes
start -l "127.0.0.1@$port" -e "$dir/log" --log-level error &&
    stop && test ! -s "$dir/log"
verdict $? 'at --log-level error a start writes nothing'
quiet=
start -l "127.0.0.1@$port" -e "$dir/log" && kill -USR1 "$pid" && stop &&
    grep -q ' id=3 ' "$dir/log" && grep -q ' id=10001 ' "$dir/log" &&
    test ! -s "$dir/err"
verdict $? '-e takes the lines of the event log'

start -l "127.0.0.1@$port" -e "$dir/log" --log-format json && stop &&
    grep -q "\"id\":2,.*\"listen\":\[\"127.0.0.1:$port\"\]" "$dir/log" &&
    ! grep -qv '^{"ts":".*}$' "$dir/log"
verdict $? '--log-format json writes an object a line'
start -l "127.0.0.1@$port" -e "$dir/log" --log-format logfmt && stop &&
    ! grep -qv '^ts=.* seq=' "$dir/log"
verdict $? '--log-format logfmt writes pairs, as without it'

start -l "127.0.0.1@$port" -e "$dir/log" --query-log && stop &&
    ! grep -q ' id=10015 ' "$dir/log"
verdict $? '--query-log is taken, and without a question writes none'

# in_place NAME EXPRESSION: started where ./cache.dns is as it was made.
in_place() {
	rm -f "$dir/log" "$dir/err"
	(cd "$dir" && exec "$dns" -l "127.0.0.1@$port" 2>err) &
	pid=$!
	bound && grep -q "$2" "$dir/err"
	verdict $? "$1"
	stop
}

cp "$dir/hints" "$dir/cache.dns"
in_place './cache.dns is found by itself' " id=2 .*hints=$dir/cache.dns"
cp "$dir/bad" "$dir/cache.dns"
in_place 'a faulty ./cache.dns gives way to the compiled-in set' \
    ' id=2 .*hints=compiled-in roots=13 addresses=26'
! grep -q ' id=1003 ' "$dir/err"
verdict $? 'and is not called missing'
rm "$dir/cache.dns"
in_place 'a missing ./cache.dns does, too' " id=1003 .*file=$dir/cache.dns"

sum cli
