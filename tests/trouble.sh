#!/bin/sh
# trouble.sh -- a host on which things go wrong while it is asked: name servers
# that nobody finds on the wire, and a process that is killed.  See load.sh.
#
#	sh tests/trouble.sh [NAMES [KILLS]]	1000 names, 5 times
#
# attacks:D12 attacks:I21

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=load.sh
. "$(dirname "$0")/load.sh"
names=${1-1000}
kills=${2-5}

# Each zone below "lost" has three name servers on the server's own network.
world_of_trouble()
{
	root_zone good 192.5.6.30 lost 192.5.6.31
	cat <<-'END'
	zone good on 192.5.6.30
	  * 0 A 192.5.6.80
	zone lost on 192.5.6.31
	  $GENERATE 1-250 z$ NS ns.z$
	  $GENERATE 1-250 ns.z$ A 198.200.1.$
	  $GENERATE 1-250 ns.z$ A 198.200.2.$
	  $GENERATE 1-250 ns.z$ A 198.200.3.$
	END
}

# Nobody answers for them there.  They are not more than 750, as the kernel has
# one table of 1024 neighbours for all namespaces.
network_of_nobody()
{
	ip addr add 198.200.0.1/16 dev out
	world ip route add unreachable 198.200.0.0/16
}

not_found()
{
	[ "$(ip neigh show to 198.200.0.0/16 | wc -l)" -ge 100 ]
}

unresolved()
{
	seq 1 "$names" | awk '{ print $1 ".z" 1 + $1 % 250 ".lost A" }' \
	    >"$net/lost.questions"
	load_start benign -a $client -Q 200 -n 1000000000
	benign=$pid
	load_start lost -a $attacker -q 10000 -Q 500 -n 1 -t 2
	lost=$pid
	await "name servers to be looked for" not_found
	wait "$lost"
	kill -INT "$benign"
	load_wait
	expect_good "while $names names have servers that nobody finds" benign
	echo "      $(latency benign), attackers: $(answered lost)"
}

# In each life it takes the port, over both, and answers; and what it wrote up
# to its end is whole.
killed()
{
	load_start benign -a $client -Q 500 -n 1000000000 -t 1
	benign=$pid
	life=0 bad=
	while [ $life -lt "$kills" ]; do
		life=$((life + 1))
		world dig @192.0.2.1 +tcp +tries=1 +time=9 w.good >"$net/tcp"
		kill -KILL "$server"
		wait "$server" 2>/dev/null
		bad="$bad$(log_faults "$net/dns.log")"
		server_start -l 0.0.0.0 -p 53 -a 192.0.2.0/24
		ask "$life.good" A | grep -q NOERROR ||
		    bad="$bad no answer in life $life"
		grep -q NOERROR "$net/tcp" || bad="$bad no answer over TCP"
	done
	kill -INT "$benign"
	load_wait
	if [ -z "$bad" ]; then
		pass "killed under load and started again $kills times"
	else
		fail "killed under load and started again: $bad"
	fi
}

net_enter "$@"
net_up
network_of_nobody
world_of_trouble >"$net/world"
play_start
server_start -l 0.0.0.0 -p 53 -a 192.0.2.0/24
seq 1 1000 | sed 's/$/.good A/' >"$net/benign.questions"
unresolved
killed
expect_end
[ $failed = 0 ]
