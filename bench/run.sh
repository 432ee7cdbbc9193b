#!/bin/sh
# run.sh -- measures this server beside others, in one run.  README.md tells of
# it.
#
#	make bench [BENCH="hits cold ..."] [SERVERS="dns unbound ..."] [QUICK=1]
#
# What a measurement found stays in $B/bench/ until it is made again, and all
# that is there is shown.
#
# The script moves into a network namespace of its own, in which the servers
# and their client are; a second one, "world", has all name servers.  Root is
# not needed where users may make namespaces.
#
# Each measurement is a function measure_NAME; it takes servers in turn, notes
# what it finds with `note', and report.awk makes of that what is shown.

PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1
top=$PWD
B=${B:-build}
case $B in /*) ;; *) B=$top/$B ;; esac
dns=$B/dns
tools=$B/bench
hints=$top/cache.dns
all='hits cold memory room tcp latency bad mixed start burst growth counts profile'
. "$top/bench/peers.sh"

if [ -n "${QUICK-}" ]; then
	rounds=1 few_rounds=1 seconds=0.2 hot=1000 many=4000 cold=1000 filled=10000
	alone=100000 bad=200 growth='1000 10000' walks='10 400' known=200 counted=200 slow=500
else
	rounds=7 few_rounds=3 seconds=1 hot=1000 many=100000 cold=50000 filled=300000
	alone=1000000 bad=2000 growth='1000 10000 100000 1000000 4000000'
	walks='10 100 1000 4000' known=1000 counted=2000 slow=2500
fi

# ---------------------------------------------------------------------------
# The two namespaces, and what runs in them.

die()
{
	echo "bench: $1" >&2
	exit 1
}

say()
{
	echo "bench: $1" >&2
}

# As tests/net.sh does it.
enter()
{
	for flags in -n '-Unc --keep-caps'; do
		# shellcheck disable=SC2086
		unshare $flags true 2>/dev/null &&
		    BENCH_INSIDE=$(readlink /proc/self/ns/net) exec unshare $flags sh "$top/bench/run.sh" \
			"$@"
	done
	echo 'skip  bench: no network namespaces can be made here'
	exit 0
}

# The first processor is for the client and the world, the second for servers.
first='' second=''
if [ "$(nproc)" -gt 1 ]; then
	first='taskset -c 0' second='taskset -c 1'
fi

network_up()
{
	work=$(mktemp -d)
	trap network_down EXIT
	trap 'exit 1' HUP INT TERM
	mkdir "$work/pids"
	unshare -n sleep 1000000 &
	anchor=$!
	: >"$work/pids/$anchor"
	until [ "$(readlink "/proc/$anchor/ns/net")" != \
	    "$(readlink /proc/self/ns/net)" ]; do
		kill -0 $anchor || exit 1
	done
	ip link set lo up
	ip link add out type veth peer name in netns $anchor || exit 1
	ip addr add 192.0.2.1/24 dev out
	ip link set out up
	ip route add default via 192.0.2.100
	ports all
	in_world ip link set lo up
	in_world ip addr add 192.0.2.100/24 dev in
	in_world ip link set in up
	in_world ip route add local default dev lo
	world=
	world_start
}

network_down()
{
	status=$?
	trap '' HUP INT TERM
	for pid in "$work"/pids/*; do
		kill -KILL "${pid##*/}" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$work"
	exit $status
}

# Of how many ports the kernel has the choice; dns.8 tells of it.
ports()
{
	case $1 in
	all) range='1024 65535' ;;
	few) range='32768 60999' ;; # as it comes
	esac
	{ echo "$range" >/proc/sys/net/ipv4/ip_local_port_range; } 2>/dev/null ||
	    say "the ports of the kernel stay as they are: /proc is read-only"
}

in_world()
{
	nsenter -n -t $anchor "$@"
}

# world_start [RTT_MIN RTT_MAX LOST]: instead of the one that is there.
world_start()
{
	[ -z "$world" ] || stop_pid "$world"
	$first nsenter -n -t "$anchor" "$tools/world" "$@" &
	world=$!
	: >"$work/pids/$world"
	tries=0
	until grep -q ':0035 ' "/proc/$world/net/udp" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || die "the world does not start"
		sleep 0.01
	done
}

# At once: nothing of it is needed any more.
stop_pid()
{
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	rm -f "$work/pids/$1"
}

# server_start NAME [WRAPPER...]: its pid is then $server; false: it has none.
server_start()
{
	name=$1
	shift
	command=$(command_of "$name")
	# shellcheck disable=SC2086 # they are words
	$second "$@" $command >"$work/$name.out" 2>&1 &
	server=$!
	: >"$work/pids/$server"
	tries=0
	tcp=
	[ "$name" != tcp ] || tcp=-T
	# shellcheck disable=SC2086
	until "$tools/ask" $tcp -c 1 -w 1 -t 100 "$(port_of "$name")" f once 1 \
	    2>/dev/null | grep -q ' noerror=1 '; do
		tries=$((tries + 1))
		if [ $tries -ge 600 ] || ! kill -0 $server 2>/dev/null; then
			tail -n 5 "$work/$name.out" >&2
			die "$name does not start"
		fi
		sleep 0.02
	done
	echo $server >"$work/$name.pid"
}

server_stop()
{
	stop_pid "$(cat "$work/$1.pid")"
}

pid_of()
{
	cat "$work/$1.pid"
}

# ---------------------------------------------------------------------------
# What is found.

# about MEASURE TEXT: what it is.
about()
{
	printf '#\t%s\t%s\n' "$1" "$2" >>"$data"
}

# note MEASURE SERVER KEY=VALUE...
note()
{
	of=$1 who=$2
	shift 2
	for pair; do
		printf '%s\t%s\t%s\t%s\t%s\n' "$round" "$of" "$who" \
		    "${pair%%=*}" "${pair#*=}" >>"$data"
	done
	say "$of, round $round: $who $*"
}

# asked SERVER OPTION...: what `ask' tells; it has the first processor.
asked()
{
	who=$1
	shift
	$first "$tools/ask" -p "$(pid_of "$who")" "$@"
}

# value KEY LINE
value()
{
	echo "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# only LINE KEY...: these pairs of it.
only()
{
	line=$1
	shift
	for key; do
		echo "$key=$(value "$key" "$line")"
	done
}

# per A B: A / B with three digits behind the point.
per()
{
	echo "$1 $2" | awk '{ printf "%.3f\n", $2 ? $1 / $2 : 0 }'
}

lost_of()
{
	echo "lost_pct=$(per "$(($(value lost "$1") * 100))" \
	    "$(value sent "$1")")"
}

# The packets that have gone to the world.
packets()
{
	sed -n 's/^ *out://p' /proc/net/dev | awk '{ print $10 }'
}

rss_kib()
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(pid_of "$1")/status"
}

# warm SERVER COUNT: so many names are in its cache.
warm()
{
	asked "$1" -w 100 "$(port_of "$1")" f once "$2" >/dev/null
}

# ---------------------------------------------------------------------------
# The measurements.

measure_hits()
{
	about hits.hot "cache hits, $hot names in turn, at saturation"
	about hits.zipf "cache hits, $many names, Zipf, at saturation"
	for name in $servers echo; do
		server_start "$name"
		[ "$name" = echo ] || warm "$name" "$many"
	done
	for round in $(seq $rounds); do
		for name in $servers echo; do
			at=$(port_of "$name")
			found=$(asked "$name" -l $seconds "$at" f round $hot)
			# shellcheck disable=SC2046
			note hits.hot "$name" $(only "$found" cpu_us qps p50_ms)
			found=$(asked "$name" -l $seconds "$at" f zipf "$many")
			# shellcheck disable=SC2046
			note hits.zipf "$name" $(only "$found" cpu_us qps p50_ms)
		done
	done
	for name in $servers echo; do
		server_stop "$name"
	done
}

# cold_of SERVER SHOWN
cold_of()
{
	server_start "$1"
	before=$(packets)
	found=$(asked "$1" -w 200 "$(port_of "$1")" d once "$cold")
	sent=$(($(packets) - before))
	# shellcheck disable=SC2046
	note cold "$2" $(only "$found" cpu_us qps servfail) \
	    packets="$(per $sent "$cold")" $(lost_of "$found")
	server_stop "$1"
}

measure_cold()
{
	about cold "names not known, 2.2 exchanges each, 200 at a time"
	for round in $(seq $few_rounds); do
		for name in $servers relay; do
			cold_of "$name" "$name"
			[ "$name" = dns ] || continue
			ports few
			cold_of dns 'dns, few ports'
			ports all
		done
	done
}

measure_memory()
{
	about memory "resident memory after the start, and for each cached \
A record of $filled names"
	round=1
	for name in $servers; do
		server_start "$name"
		empty=$(rss_kib "$name")
		warm "$name" "$filled"
		full=$(rss_kib "$name")
		note memory "$name" \
		    octets="$(per $(((full - empty) * 1024)) "$filled")" \
		    start_mb="$(per "$empty" 1024)"
		server_stop "$name"
	done
}

# No server is asked: the cache alone, which is the same everywhere.
measure_room()
{
	about room.filled "the cache alone, with $alone A records"
	about room.zipf "names asked for by Zipf's law, a cache with room for a \
tenth of $alone, and an LRU for as many: what is found"
	round=1
	# shellcheck disable=SC2046
	note room.filled dns $("$tools/room" filled "$alone")
	found=$("$tools/room" zipf "$alone")
	note room.zipf dns hits_pct="$(value hits_pct "$found")"
	note room.zipf lru hits_pct="$(value lru_pct "$found")"
}

measure_tcp()
{
	about tcp.1000x1 'TCP, 1,000 connections with a question each'
	about tcp.10x16 'TCP, 10 connections with 16 questions each'
	for name in $servers tcp; do
		server_start "$name"
		[ "$name" = tcp ] || warm "$name" $hot
	done
	for round in $(seq $few_rounds); do
		for name in $servers tcp; do
			for set in 1000x1 10x16; do
				c=${set%x*} each=${set#*x}
				found=$(asked "$name" -T -l $seconds -c "$c" \
				    -w $((c * each)) "$(port_of "$name")" \
				    f round $hot)
				# shellcheck disable=SC2046
				note tcp.$set "$name" \
				    $(only "$found" qps cpu_us) \
				    $(lost_of "$found")
			done
		done
	done
	for name in $servers tcp; do
		server_stop "$name"
	done
}

measure_latency()
{
	about latency "names not known, servers 5 to 150 ms away, 1 % loss \
each way, 500 a second"
	world_start 5 150 10
	for round in $(seq $few_rounds); do
		for name in $servers; do
			server_start "$name"
			found=$(asked "$name" -r 500 -t 8000 \
			    "$(port_of "$name")" d once "$slow")
			# shellcheck disable=SC2046
			note latency "$name" \
			    $(only "$found" p50_ms p99_ms cpu_us servfail) \
			    $(lost_of "$found")
			server_stop "$name"
		done
	done
	world_start
}

measure_bad()
{
	about lame "both servers refuse: packets a name, and how long until \
it is said"
	about dead "both servers are silent: the same"
	round=1
	for name in $servers; do
		for set in lame dead; do
			kind=l
			[ $set = lame ] || kind=x
			server_start "$name"
			asked "$name" "$(port_of "$name")" d once 100 \
			    >/dev/null # all TLDs are known
			before=$(packets)
			found=$(asked "$name" -r 500 -t 12000 \
			    "$(port_of "$name")" $kind once "$bad")
			sent=$(($(packets) - before))
			note $set "$name" packets="$(per $sent "$bad")" \
			    ms="$(value p50_ms "$found")" "$(lost_of "$found")"
			server_stop "$name"
		done
	done
}

measure_mixed()
{
	about mixed.alone 'cache hits, 5,000 a second'
	about mixed.dead "the same while 500 names a second hang on silent \
servers"
	for round in $(seq $rounds); do
		for name in $servers; do
			server_start "$name"
			warm "$name" $hot
			at=$(port_of "$name")
			hits="-r 5000 -t 2000 -l $((${seconds%.*} * 2 + 1))"
			# shellcheck disable=SC2086
			found=$(asked "$name" $hits "$at" f round $hot)
			# shellcheck disable=SC2046
			note mixed.alone "$name" \
			    $(only "$found" p50_ms p99_ms) $(lost_of "$found")
			$first "$tools/ask" -r 500 "$at" x once 1000000 \
			    >/dev/null &
			hanging=$!
			: >"$work/pids/$hanging"
			sleep $((${seconds%.*} * 3))
			# shellcheck disable=SC2086
			found=$(asked "$name" $hits "$at" f round $hot)
			# shellcheck disable=SC2046
			note mixed.dead "$name" \
			    $(only "$found" p50_ms p99_ms) $(lost_of "$found")
			stop_pid $hanging
			server_stop "$name"
		done
	done
}

measure_start()
{
	about start 'from the start of the process to the first answer'
	for round in $(seq $rounds); do
		for name in $servers; do
			# shellcheck disable=SC2046,SC2086
			note start "$name" $("$tools/first" \
			    "$(port_of "$name")" $second $(command_of "$name") \
			    2>"$work/$name.out")
		done
	done
}

# The process stands still until all of them wait for it.
measure_burst()
{
	about burst "5,000 questions while the process is stopped: how many \
have no answer"
	round=1
	for name in $servers echo; do
		server_start "$name"
		[ "$name" = echo ] || warm "$name" 5000
		pid=$(pid_of "$name")
		kill -STOP "$pid"
		asked "$name" -w 5000 -c 50 -t 3000 "$(port_of "$name")" \
		    f once 5000 >"$work/burst" &
		asking=$!
		sleep 0.5
		kill -CONT "$pid"
		wait $asking
		# shellcheck disable=SC2046
		note burst "$name" $(only "$(cat "$work/burst")" lost)
		server_stop "$name"
	done
}

measure_growth()
{
	server_start dns
	at=$(port_of dns)
	empty=$(rss_kib dns)
	had=0
	for size in $growth; do
		about "hits.of.$size" "cache hits, any of $size names, and \
resident memory for each"
		asked dns -w 100 -f "$had" "$at" f once $((size - had)) \
		    >/dev/null
		had=$size
		round=1
		note "hits.of.$size" dns \
		    octets="$(per $((($(rss_kib dns) - empty) * 1024)) "$size")"
		for round in $(seq $rounds); do
			found=$(asked dns -l $seconds "$at" f any "$size")
			# shellcheck disable=SC2046
			note "hits.of.$size" dns $(only "$found" cpu_us qps)
		done
	done
	server_stop dns
	for round in $(seq $few_rounds); do
		for open in $walks; do
			about "walks.$open" "names not known, $open at a time"
			server_start dns
			found=$(asked dns -w "$open" "$at" d once "$cold")
			# shellcheck disable=SC2046
			note "walks.$open" dns $(only "$found" cpu_us qps) \
			    $(lost_of "$found")
			server_stop dns
		done
	done
}

# System calls by strace, instructions of the program itself by callgrind.
measure_counts()
{
	about counts.hot "for each cache hit, $hot names"
	about counts.cold 'for each name not known'
	round=1
	for name in $servers echo relay; do
		for set in hot cold; do
			case $set$name in hotrelay | coldecho) continue ;; esac
			if command -v strace >/dev/null; then
				count_calls "$name" $set
			fi
			if command -v valgrind >/dev/null; then
				count_instructions "$name" $set
			fi
		done
	done
}

# count_warm SERVER: hot names and the name servers of many zones are known.
count_warm()
{
	case $1 in echo | relay) return ;; esac
	warm "$1" $hot
	asked "$1" -w 100 "$(port_of "$1")" d once $known >/dev/null
}

# count_load SERVER SET: "hot" or "cold"; prints how many were answered.
count_load()
{
	at=$(port_of "$1")
	if [ "$2" = hot ]; then
		found=$(asked "$1" -l 2 "$at" f round $hot)
	else
		found=$(asked "$1" -w 200 -f $known -t 60000 "$at" \
		    d once "$counted")
	fi
	value answered "$found"
}

count_calls()
{
	server_start "$1"
	count_warm "$1"
	pid=$(pid_of "$1")
	strace -c -f -o "$work/calls" -p "$pid" 2>/dev/null &
	tracer=$!
	until grep -q "^TracerPid:.$tracer" "/proc/$pid/status"; do
		kill -0 $tracer || break
		sleep 0.05
	done
	answers=$(count_load "$1" "$2")
	kill -INT $tracer
	wait $tracer
	calls=$(awk '$1 ~ /^[0-9.]+$/ && $NF != "total" { n += $4 }
	    END { print n }' "$work/calls")
	note "counts.$2" "$1" calls="$(per "$calls" "$answers")"
	server_stop "$1"
}

count_instructions()
{
	rm -f "$work"/callgrind.*
	server_start "$1" valgrind --tool=callgrind \
	    --callgrind-out-file="$work/callgrind"
	count_warm "$1"
	pid=$(pid_of "$1")
	callgrind_control -z "$pid" >/dev/null 2>&1
	answers=$(count_load "$1" "$2")
	callgrind_control -d "$pid" >/dev/null 2>&1
	instructions=$(cat "$work"/callgrind.* |
	    awk '/^totals:/ { n += $2 } END { print n }')
	note "counts.$2" "$1" \
	    instructions="$(per "$instructions" "$answers")"
	server_stop "$1"
}

# Where the time of this server goes, by perf.
measure_profile()
{
	about profile.hot 'of the CPU time of cache hits, where it goes'
	about profile.cold 'of the CPU time of names not known, where it goes'
	round=1
	command -v perf >/dev/null || return
	for set in hot cold; do
		server_start dns
		count_warm dns
		perf record -q -e cpu-clock -F 2000 -o "$work/perf" \
		    -p "$(pid_of dns)" >"$work/perf.out" 2>&1 &
		profiler=$!
		sleep 0.5
		case $set in
		hot)	asked dns -l 2 "$(port_of dns)" f round $hot ;;
		cold)	asked dns -w 200 -f $known "$(port_of dns)" \
			    d once $cold ;;
		esac >/dev/null
		kill -INT $profiler
		wait $profiler
		profile_note profile.$set
		server_stop dns
	done
}

# profile_note MEASURE: the kernel as a whole, and the first functions of ours.
profile_note()
{
	perf report -i "$work/perf" --stdio --sort dso,symbol 2>/dev/null |
	    awk '
	$1 !~ /%$/ { next }
	$3 == "[k]" { kernel += $1; next }
	$2 == "dns" && n++ < 8 { share[n] = $4 " " $1 + 0; next }
	{ others += $1 }
	END {
		printf "kernel %.1f\n", kernel
		for (i = 1; i in share; i++)
			print share[i]
		printf "others %.1f\n", others
	}' >"$work/shares"
	while read -r where share; do
		note "$1" "$where" percent="$share"
	done <"$work/shares"
}

# ---------------------------------------------------------------------------

# measure NAME: what it found before is forgotten.
measure()
{
	data=$kept/$1
	: >"$data"
	processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	about date "$(date -u '+%Y-%m-%d %H:%M')"
	about machine "$(nproc) processors, $processor, Linux $(uname -r)"
	for name in $servers; do
		about version "$(version_of "$name")"
	done
	measure_"$1"
}

# Into bench/, once everything was measured as a whole; else beside the
# programs.
report()
{
	to=$kept
	set --
	for name in $all; do
		[ -s "$kept/$name" ] && set -- "$@" "$kept/$name"
	done
	if [ "$kept" = "$tools/whole" ] &&
	    [ $# = "$(echo "$all" | wc -w)" ]; then
		to=$top/bench
	fi
	awk -f bench/report.awk bench/goals "$@" >"$to/results.md" || exit 1
	awk -f bench/chart.awk "$@" >"$to/results.svg" || exit 1
	cat "$to/results.md"
	say "$to/results.md and $to/results.svg are written"
}

[ "${BENCH_INSIDE:-$(readlink /proc/self/ns/net)}" != \
    "$(readlink /proc/self/ns/net)" ] || enter "$@"
wanted=${*:-$all}
for name in $wanted; do
	case " $all " in
	*" $name "*) ;;
	*) die "there is no measurement $name; there are: $all" ;;
	esac
done
kept=$tools/whole
if [ -n "${QUICK-}${SERVERS-}" ]; then
	kept=$tools/part
	rm -rf "$kept"
fi
mkdir -p "$kept"
chosen=
for name in ${SERVERS:-$servers}; do
	is_installed "$name" && chosen="$chosen $name"
done
servers=$chosen
network_up
for name in $wanted; do
	measure "$name"
done
report
