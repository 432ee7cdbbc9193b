#!/bin/sh
# memory.sh -- more names than the cache can hold: it stays in its bounds, those
# that the server told at its start, and who asks in good faith is answered.
# See load.sh.
#
#	sh tests/memory.sh [NAMES [CACHE]]	50,000 names, 1M
#
# Half of the names do not exist and half are made by a wildcard; each is asked
# once.  With two million and 64M it takes some minutes.
#
# attacks:D07 attacks:B22 attacks:I09

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=load.sh
. "$(dirname "$0")/load.sh"
count=${1-50000}
cache=${2-1M}

# Zone files for NSD, which is quick.
zones_write()
{
	cat >"$net/servers" <<-END
	root	198.41.0.4	.
	victim	199.43.135.53	victim
	END
	cat >"$net/root.zone" <<-END
	\$TTL 86400
	.	SOA	a.root-servers.net. x. 1 1800 900 604800 86400
	.	NS	a.root-servers.net.
	a.root-servers.net.	A	198.41.0.4
	victim.	NS	ns.victim.
	ns.victim.	A	199.43.135.53
	END
	cat >"$net/victim.zone" <<-END
	\$ORIGIN victim.
	\$TTL 86400
	@	SOA	ns x. 1 1800 900 604800 86400
	@	NS	ns
	ns	A	199.43.135.53
	www	A	199.43.135.80
	*.wild	TXT	"whatever is asked for, and kept for a day"
	END
}

# In a cgroup, where one can be made, that has no room for more than this, the
# process would be killed if it took it: attacks:I09.
cgroup_enter()
{
	most=$(($1 * 1024))
	for group in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		for limit in memory.limit_in_bytes memory.max; do
			mkdir "$group/dns.$$" 2>/dev/null || continue
			cgroup=$group/dns.$$
			echo $most 2>/dev/null >"$cgroup/$limit" &&
			    echo "$server" 2>/dev/null >"$cgroup/cgroup.procs" &&
			    return
			rmdir "$cgroup"
			cgroup=
		done
	done
	return 1
}

names_write()
{
	awk -v count="$count" 'BEGIN {
		while (n++ < count)
			print n % 2 ? n ".victim A" : n ".wild.victim TXT"
	}' >"$net/victim.questions"
	echo 'www.victim A' >"$net/benign.questions"
}

# A name that is asked for all the time stays, or comes again.
flood()
{
	load_start victim -a $attacker -c 20 -q 200 -n 1
	flood=$pid
	load_start benign -a $client -Q 50 -n 1000000000
	benign=$pid
	wait "$flood"
	kill -INT "$benign"
	load_wait
}

net_enter "$@"
net_up
zones_write
net_serve "$net"
server_start -l 0.0.0.0 -p 53 -a 192.0.2.0/24 -c "$cache"
told=$(events 2 | sed 's/.* memory=\([0-9]*\).*/\1/')
names_write
if cgroup_enter $((told / 1024 + 16384)); then
	limited="in a cgroup of $((told / 1024 + 16384)) KiB"
else
	limited="no cgroup can be made here"
fi
flood
echo "      attackers: $(answered victim)"
expect_good "a name that is asked for in good faith" benign
echo "      $(latency benign)"
evicted=$(server_statistic cache_evicted)
if [ "$evicted" -gt 0 ]; then
	pass "they do not fit: $evicted entries gave way"
else
	fail "they fit into the cache: nothing is shown"
fi
expect_memory "memory, $limited"
expect_end
[ -z "${cgroup-}" ] || rmdir "$cgroup"
expect_log "$net/dns.log"
[ $failed = 0 ]
