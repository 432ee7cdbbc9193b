#!/bin/sh
# bench.sh -- does make bench measure?  A small run of this server and the
# floors; how fast they are is not asked.

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
. tests/rule.sh

QUICK=1 SERVERS=dns B=$B sh bench/run.sh hits cold memory room tcp burst \
    >"$work/out" 2>"$work/err" || : >"$work/died"
if grep '^skip ' "$work/out"; then
	exit 0
fi

# figure MEASURE SERVER KEY: the last that was noted.
figure()
{
	awk -F '\t' -v m="$1" -v w="$2" -v k="$3" \
	    '$2 == m && $3 == w && $4 == k { v = $5 } END { print v }' \
	    "$B/bench/part"/*
}

# within MEASURE SERVER KEY LEAST MOST: says what breaks it.
within()
{
	v=$(figure "$1" "$2" "$3")
	echo "$v $4 $5" | awk 'NF == 3 && $1 >= $2 && $1 <= $3 { ok = 1 }
	    END { exit !ok }' || echo "$1 $2 $3: ${v:-nothing}"
}

{
	[ ! -e "$work/died" ] || tail -n 5 "$work/out" "$work/err"
	for who in dns echo; do
		within hits.hot $who cpu_us 0.1 1000
		within hits.zipf $who cpu_us 0.1 1000
	done
	for who in dns relay; do
		within cold $who packets 2 4
		within cold "dns, few ports" packets 2 4
		within cold $who lost_pct 0 0
	done
	for who in dns tcp; do
		within tcp.1000x1 $who qps 1 1e9
		within tcp.10x16 $who lost_pct 0 0
	done
	within memory dns start_mb 0.1 1000
	within room.filled dns octets 40 80
	within room.filled dns looked_at 1 1.5
	within room.zipf dns hits_pct "$(figure room.zipf lru hits_pct)" 100
	within burst echo lost 0 5000
} | rule "a small run has a figure for each of its measurements"

sed -n '/^| cold name: packets/p' "$work/out" | grep -v 'met' |
    rule "the table of goals says whether one is met"

grep -c '<rect' "$B/bench/part/results.svg" | awk '$1 < 9' |
    rule "the chart is drawn"
rules_held
