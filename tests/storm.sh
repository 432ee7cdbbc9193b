#!/bin/sh
# storm.sh -- floods that are not questions: replies that nobody waits for, and
# more than a queue holds.  See load.sh.
#
#	sh tests/storm.sh [SECONDS [RATE]]	5 seconds of 50,000 a second
#
# attacks:S01 attacks:S07 attacks:I20 attacks:I24

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=load.sh
. "$(dirname "$0")/load.sh"
seconds=${1-5}
rate=${2-50000}
names=16
zones=100

# Names without letters: nothing protects them but ID and port.  They must be
# asked for each time, and for a while: a forger has all the chances there are.
world_of_storms()
{
	root_zone 1 199.9.5.53 many 192.5.6.30
	cat <<-END
	zone 1 on 199.9.5.53
	  1. NS ns
	  ns A 199.9.5.53
	  * 0 A 199.9.5.80
	zone many on 192.5.6.30
	  \$GENERATE 1-$zones z\$ NS ns.z\$
	  \$GENERATE 1-$zones ns.z\$ A 199.1.\$.53
	END
	i=0
	while [ $i -lt $zones ]; do
		i=$((i + 1))
		printf 'zone z%d.many on 199.1.%d.53\n  * 0 A 199.1.%d.80\n' \
		    $i $i $i
	done
	echo 'network delay 40ms 60ms'
}

# What the forger would have us believe, whoever asks.
forged_questions()
{
	i=0
	while [ $i -lt $names ]; do
		echo "$i.1 A"
		i=$((i + 1))
	done
	echo 'ns.1 A'
	echo '1 NS'
	echo 'new.1 A'
}

forgers()
{
	title="$rate forged replies a second for $seconds s"
	forged_questions >"$net/asked"
	grep -v NS "$net/asked" >"$net/benign.questions"
	load_start benign -a $client -c 10 -Q 200 -l $((seconds + 1))
	world "$build/flood" forge 199.9.5.53 192.0.2.1 1 $names "$rate" \
	    "$seconds" >"$net/forged"
	load_wait
	hit=$(server_statistic mismatched)
	sent=$(sed 's/ .*//' "$net/forged")
	# Where none came to a query the test would prove nothing.
	if [ "${hit:-0}" -gt 0 ]; then
		pass "$title: $sent were sent, $hit came to a query's port"
	else
		fail "$title: $sent were sent, and none came to a query"
	fi
	expect_good "who asked meanwhile" benign
	echo "      $(latency benign)"
	expect_never "nothing forged is in the cache" '6[.]6[.]6[.]6'
	replied=$(server_statistic replies)
	expect "the name server forged for is still asked, over UDP" \
	    'NOERROR.* A 199[.]9[.]5[.]80' ask after.1 A
	[ "$(server_statistic replies)" -gt "$replied" ] ||
	    fail "no name server was asked"
	expect "and answers at once" 'Query time: [0-9]{1,3} msec' \
	    ask again.1 A
}

dropped()
{
	awk '$2 ~ /:0035$/ { n += $NF } END { print n + 0 }' /proc/net/udp
}

# So many questions that the kernel has no room for them, and replies that wait
# for 2 seconds, as the process does not run.  One dnsperf has no more than some
# 5,000 questions out, which the queue would take.
stopped()
{
	seq 1 $zones | sed 's/.*/w&.z&.many A/' >"$net/known.questions"
	for flood in flood1 flood2 flood3 flood4; do
		echo 'localhost A' >"$net/$flood.questions"
	done
	load_start known -a $client -n 1
	load_wait
	expect_good "before the process is stopped" known
	load_start known -a $client -q 1000 -n 20 -Q 2000
	await "a hundred that wait" many_wait
	timeouts=$(server_statistic timeouts)
	kill -STOP "$server"
	for flood in flood1 flood2 flood3 flood4; do
		load_start $flood -a $attacker -q 20000 -n 20000 -t 2
	done
	sleep 2
	kill -CONT "$server"
	load_wait
	lost=$(dropped) told=$(server_statistic overflowed)
	if [ "$lost" -gt 0 ] && [ "$told" = "$lost" ]; then
		pass "the queue overflowed while it was stopped, by $lost"
	else
		fail "the queue overflowed by $lost, and $told are told"
	fi
	missed=$(($(server_statistic timeouts) - timeouts))
	if [ $missed -lt $((waiting / 2)) ]; then
		pass "of $waiting replies that waited for it $missed are late"
	else
		fail "of $waiting replies that waited for it $missed are late"
	fi
	load_start known -a $client -n 1
	load_wait
	expect_good "after it goes on, every server is asked as before" known
}

many_wait()
{
	waiting=$(server_statistic waiting)
	[ "$waiting" -ge 50 ]
}

net_enter "$@"
net_up
world_of_storms >"$net/world"
play_start
server_start -l 0.0.0.0 -p 53 -a 192.0.2.0/24
forgers
stopped
expect_log "$net/dns.log"
expect_end
[ $failed = 0 ]
