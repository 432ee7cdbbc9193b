#!/bin/sh
# demo.sh -- the case this server exists for, told step by step on a network of
# real name servers (see net.sh).  Each claim is checked: a line "ok" or "FAIL".

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
questions=10000

heading()
{
	printf '\n%s\n%s\n\n' "$1" "$(echo "$1" | sed 's/./-/g')"
}

indented()
{
	fold -s -w 70 | sed 's/ *$//; s/^/      /'
}

# claim TITLE COMMAND...
claim()
{
	title=$1
	shift
	if "$@"; then pass "$title"; else fail "$title"; fi
}

# The client is on the other side, so that loopback has no honest packet.
client()
{
	world dig @192.0.2.1 +tries=1 +time=9 "$@"
}

# What tcpdump says of an interface goes to capture-INTERFACE.out.
capture()
{
	# Root stays root: who else may write here?
	[ "$(id -u)" = 0 ] && stay='-Z root' || stay=
	# shellcheck disable=SC2086
	background "capture-$1" tcpdump -i "$1" -nl --immediate-mode $stay \
	    'udp or tcp'
	await "tcpdump on $1" grep -q '^listening' "$net/capture-$1.out"
}

# A last packet of our own to either side: when that has been seen, all before
# it has been; and the capture is seen to work.
captured()
{
	dig @127.0.0.1 -p 9 +tries=1 +time=1 mark >/dev/null
	world dig @192.0.2.1 -p 9 +tries=1 +time=1 mark >/dev/null
	await "a packet on lo" grep -q '> 127.0.0.1.9:' \
	    "$net/capture-lo.out"
	await "a packet on out" grep -q '> 192.0.2.1.9:' \
	    "$net/capture-out.out"
}

# What the server sent so far.
to_nowhere()
{
	cat "$net/capture-lo.out" "$net/capture-out.out" |
	    grep -c ' > 0[.]0[.]0[.]0[.]'
}

# Whatever crosses loopback; nobody else uses it here.
to_ourselves()
{
	grep ' > ' "$net/capture-lo.out" | grep -vc ' > 127.0.0.1.9:'
}

to_name_servers()
{
	grep -Ec ' (192.0.2.1|2001:db8::1)[.][0-9]+ > .*[.]53: ' \
	    "$net/capture-out.out"
}

show_packets()
{
	captured
	cat <<-END

	  Packets on the wire so far:

	      to name servers                 $(to_name_servers)
	      to 0.0.0.0                      $(to_nowhere)
	      to ourselves, over loopback     $(to_ourselves)

	END
}

no_stray_packets()
{
	[ "$(to_nowhere)" = 0 ] && [ "$(to_ourselves)" = 0 ]
}

show_answer()
{
	printf '  $ dig %s A\n\n' "$1"
	client "$1" A >"$net/answer"
	sed -n 's/.*status: \([A-Z]*\),.*/\1/p; s/^; EDE/EDE/p; /IN.*A.*[0-9]$/p
	    ' "$net/answer" | tr '\t' ' ' | indented
}

# show_events ZONE: and there must be one.
show_events()
{
	printf '\n  The event log:\n\n'
	events 10002 | grep " zone=$1 " >"$net/events"
	indented <"$net/events"
}

one_event()
{
	[ "$(wc -l <"$net/events")" = 1 ]
}

event_names()
{
	for pair; do
		grep -q " $pair" "$net/events" || return 1
	done
}

introduction()
{
	cat <<-'END'
	A referral to 0.0.0.0

	  Microsoft's article Q244132 describes it: a parent zone gives the
	  address of a name server as 0.0.0.0, and the DNS server of Windows NT
	  tries to send there and fills its log with event 453 or 7053.  On Linux
	  it is worse: a packet to 0.0.0.0 arrives at the sender itself.

	  Here are a root, com, net and example.com on NSD, and our server at
	  192.0.2.1.  All are in network namespaces of their own.
	END
}

one_bad()
{
	heading "1. One bad address beside a good one"
	cat <<-'END'
	  example.com refers one-bad.example.com to two name servers:

	      ns1.one-bad.example.com.   A   0.0.0.0
	      ns2.one-bad.example.com.   A   199.43.133.53

	END
	show_answer www.one-bad.example.com
	show_events one-bad.example.com.
	show_packets
	claim "the answer arrived" grep -q 'status: NOERROR' "$net/answer"
	claim "it is the right one" \
	    grep -q 'A.199.43.133.80' "$net/answer"
	claim "no packet to 0.0.0.0, none to ourselves" no_stray_packets
	claim "one event" one_event
	claim "it names zone, name server, address and class" event_names \
	    zone=one-bad.example.com. ns=ns1.one-bad.example.com. \
	    addr=0.0.0.0 class=
}

all_bad()
{
	heading "2. No other address"
	cat <<-'END'
	  example.com refers all-bad.example.com to one name server:

	      ns1.all-bad.example.com.   A   0.0.0.0

	END
	show_answer www.all-bad.example.com
	sed -n 's/^;; Query time: \(.*\)/after \1/p' "$net/answer" | indented
	show_events all-bad.example.com.
	show_packets
	claim "SERVFAIL" grep -q 'status: SERVFAIL' "$net/answer"
	claim "with the reason, extended error 22" \
	    grep -q '^; EDE: 22 ' "$net/answer"
	claim "no packet to 0.0.0.0, none to ourselves" no_stray_packets
	claim "one event" one_event
}

many()
{
	heading "3. The same question $questions times"
	walks=$(server_statistic walks)
	lines=$(events 10002 | wc -l)
	yes www.all-bad.example.com | head -n $questions >"$net/batch"
	began=$(date +%s)
	client -f "$net/batch" +noall +comments >"$net/answers"
	took=$(($(date +%s) - began))
	served=$(grep -c 'status: SERVFAIL' "$net/answers")
	walks=$(($(server_statistic walks) - walks))
	lines=$(($(events 10002 | wc -l) - lines))
	cat <<-END
	      answered SERVFAIL               $served
	      seconds                         $took
	      walks to find out again         $walks
	      new event lines                 $lines
	END
	show_packets
	claim "each was answered" [ "$served" = $questions ]
	# The failure is remembered for 5 seconds and longer.
	claim "a failure is remembered: no walk for each" \
	    [ "$walks" -le $((2 + took / 5)) ]
	claim "no further event line" [ "$lines" = 0 ]
	claim "no event 453 or 7053" no_events 7053
	claim "no packet to 0.0.0.0, none to ourselves" no_stray_packets
}

no_events()
{
	! events "$1" >/dev/null
}

net_enter "$@"
introduction
net_up
net_serve "$tests/real"
capture lo
capture out
server_start -l 0.0.0.0 -p 53 -a 192.0.2.100/32
one_bad
all_bad
many
echo
if [ $failed = 0 ]; then
	echo "All of it holds."
else
	echo "$failed of it does not hold; the event log was:"
	cut -c 1-300 "$net/dns.log" | tail -n 20
fi
[ $failed = 0 ]
