# shellcheck shell=sh
# load.sh -- load on a server in the small Internet of net.sh; soak.sh, storm.sh,
# trouble.sh and memory.sh source it.
#
# Questions come from dnsperf, on the other side of the wire.  Name servers that
# lose, forge and lie are those of a scenario, played by play.c; what no tool
# does is done by flood.c.
# shellcheck disable=SC2034,SC2154 # names of net.sh and of who sources this

build=${dns%/dns}
needs='dnsperf'
client=192.0.2.100		# who asks in good faith ...
attacker=192.0.2.200		# ... and who does not

# play_start: the name servers of the scenario $net/world.
play_start()
{
	world ip route add local default dev lo table main
	world ip -6 route add local default dev lo table main
	background play nsenter -n -t "$world" "$build/play" "$net/world"
	await "the name servers" is_served 198.41.0.4 .
}

# The root of such a world, and who has the zones below it: ZONE ADDRESS ...
root_zone()
{
	cat <<-END
	# $(basename "$0")

	zone . on 198.41.0.4 2001:503:ba3e::2:30
	  . NS a.root-servers.net.
	  a.root-servers.net. A 198.41.0.4
	  a.root-servers.net. AAAA 2001:503:ba3e::2:30
	END
	while [ $# -ge 2 ]; do
		printf '  %s NS ns.%s\n  ns.%s A %s\n' "$1" "$1" "$1" "$2"
		shift 2
	done
}

# load_start NAME OPTION...: asks what is in $net/NAME.questions, and writes to
# NAME.out what became of each.  It ends by itself, with option -l, or
# load_end ends it.
load_start()
{
	name=$1
	shift
	background "$name" nsenter -n -t "$world" dnsperf -s 192.0.2.1 \
	    -d "$net/$name.questions" -v -W "$@"
	loads="${loads-} $pid"
}

# Until all of them have ended by themselves.
load_wait()
{
	for pid in $loads; do
		wait "$pid"
	done
	loads=
}

# replies NAME...: the rcode and seconds of each question that was asked, in
# order; T for one without an answer.  I is one that dnsperf did not wait for.
replies()
{
	for name; do
		awk '$1 == ">" && $2 != "I" { print $2, $NF }' "$net/$name.out"
	done
}

# answered NAME...: how many questions had an answer, of how many.
answered()
{
	replies "$@" | awk '
	{ n += $1 == "NOERROR" || $1 == "NXDOMAIN" }
	END { print n + 0 " of " NR " answered" }'
}

# expect_good TITLE NAME...: at least 99 of 100 had an answer.
expect_good()
{
	title=$1
	shift
	if answered "$@" | awk '{ exit $3 == 0 || $1 < 0.99 * $3 }'; then
		pass "$title: $(answered "$@")"
	else
		fail "$title: $(answered "$@")"
	fi
}

# latency NAME...: of those that had an answer, the median and the 99th of 100,
# in milliseconds.
latency()
{
	replies "$@" | awk '
	$1 != "T" {
		bin = int($2 * 10000)
		if (bin > 99999)
			bin = 99999
		count[bin]++
		n++
	}
	END {
		for (bin = 0; bin < 100000; bin++) {
			sum += count[bin]
			if (!half && sum >= n / 2)
				half = bin / 10 + 0.1
			if (!most && sum >= n * 0.99)
				most = bin / 10 + 0.1
		}
		printf "p50 < %.1f ms, p99 < %.1f ms\n", half, most
	}'
}

# memory KEY: of the server, VmRSS or VmHWM, in KiB.
memory()
{
	sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$server/status"
}

descriptors()
{
	find "/proc/$server/fd" -mindepth 1 | wc -l
}

# expect_memory TITLE: it never had more than it told at its start, but for the
# program itself, its stack and the C library.
program_kib=4096
expect_memory()
{
	told=$(cat "$net"/*.log* | grep -m 1 ' id=2 ' |
	    sed 's/.* memory=\([0-9]*\).*/\1/')
	most=$((told / 1024 + program_kib))
	no_more "$1: $(memory VmHWM) KiB at the most, of $most" \
	    "$(memory VmHWM)" "$most"
}

# no_more TITLE IS MOST
no_more()
{
	if [ "$2" -le "$3" ]; then pass "$1"; else fail "$1: more than $3"; fi
}

# Each answer to $net/asked, in dig's form, must be without this pattern.
expect_never()
{
	title=$1 pattern=$2
	dig @127.0.0.1 +tries=1 +time=9 -f "$net/asked" >"$net/answer" 2>&1
	got=$(grep -c '^;; Got answer' "$net/answer")
	if [ "$got" = "$(wc -l <"$net/asked")" ] &&
	    ! grep -Eq -e "$pattern" "$net/answer"; then
		pass "$title: $got answers"
	else
		fail "$title: $got answers"
		grep -E -e "$pattern" "$net/answer" | head -n 5
	fi
}

# log_faults FILE...: lines of the event log that are torn or missing.
log_faults()
{
	cat "$@" | awk '
	!/^ts="[-0-9]+T[0-9:.]+Z" level=[a-z]+ id=[0-9]+ / { print "torn: " $0 }
	match($0, / seq=[0-9]+/) {
		n++
		seq = substr($0, RSTART + 5, RLENGTH - 5)
		if (seq != n)
			print "seq " seq " comes as line " n
		n = seq
	}
	END { if (!NR) print "there is no line" }' | head -n 5
}

expect_log()
{
	faults=$(log_faults "$@")
	if [ -z "$faults" ]; then
		pass "none of $(cat "$@" | wc -l) lines is torn or missing"
	else
		fail "the event log: $faults"
	fi
}

expect_end()
{
	server_stop
	ended=$?
	if [ $ended = 0 ]; then
		pass "it is still the same process, and ends in order"
	else
		fail "it ended with status $ended"
		tail -n 5 "$net/dns.log"
	fi
}
