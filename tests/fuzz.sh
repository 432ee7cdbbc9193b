#!/bin/sh
# fuzz.sh [replay|run|keep] [TARGET...] -- work the fuzz targets, all or some.
#
#	replay	give each the inputs of its corpus: make test
#	run	let libFuzzer make up more for FUZZ_S seconds each: make fuzz
#	keep	of those found and those there are, keep the least that reach all
#
# A corpus is a text file, tests/fuzz/corpus/TARGET.txt: an input a line, in
# hexadecimal, smallest first.  What broke something once stands below a comment
# that says what, and is kept whatever it reaches.

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
FUZZ_S=${FUZZ_S:-60}
INPUT_MAX=512    # octets: what is small is soon understood
CORPUS_MAX=32768 # characters, of which the repository is to stay small
corpora=tests/fuzz/corpus
work=${1:-replay}
[ $# = 0 ] || shift
if [ $# = 0 ]; then
	for target in tests/fuzz/z*.c; do
		set -- "$@" "$(basename "$target" .c)"
	done
fi

# Asserts and sanitizers tell where; leaks count at the end of a replay.
replay()
{
	if said=$("$B/fuzz/$1" "$corpora/$1.txt" 2>"$B/fuzz/$1.out"); then
		echo "ok    $1: $said"
	else
		tr '\r' '\n' <"$B/fuzz/$1.out" | tail -n 30
		echo "FAIL  $1: an input of its corpus breaks it"
		return 1
	fi
}

# unpack TARGET: its corpus as files, beside what was found before.
unpack()
{
	mkdir -p "$B/fuzz/found/$1"
	[ ! -e "$corpora/$1.txt" ] ||
	    "$B/fuzz/$1" -x "$corpora/$1.txt" "$B/fuzz/found/$1" >/dev/null 2>&1
}

run()
{
	unpack "$1"
	if "$B/clang/fuzz/$1" -max_total_time="$FUZZ_S" -timeout=10 \
	    -max_len="$INPUT_MAX" -len_control=10 -print_final_stats=1 -rss_limit_mb=1024 \
	    -artifact_prefix="$B/fuzz/$1." \
	    "$B/fuzz/found/$1" >"$B/fuzz/$1.out" 2>&1; then
		echo "ok    $1: $(sed -n 's/^stat::number_of_executed_units: *//p' \
		    "$B/fuzz/$1.out") inputs in $FUZZ_S s," \
		    "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$B/fuzz/$1.out" |
		    tail -n 1) edges"
	else
		tail -n 40 "$B/fuzz/$1.out"
		echo "FAIL  $1: the input is in $B/fuzz/$1.*"
		return 1
	fi
}

hex()
{
	od -An -v -tx1 "$1" | tr -d ' \n'
	echo
}

keep()
{
	corpus=$corpora/$1.txt
	unpack "$1"
	rm -rf "$B/fuzz/least"
	mkdir "$B/fuzz/least"
	"$B/clang/fuzz/$1" -merge=1 -max_len="$INPUT_MAX" "$B/fuzz/least" \
	    "$B/fuzz/found/$1" >"$B/fuzz/$1.out" 2>&1 || return 1
	{
		[ ! -e "$corpus" ] || grep -A1 '^#' "$corpus" | grep -v '^--$'
		for input in "$B"/fuzz/least/*; do
			hex "$input"
		done | awk '{ print length($0), $0 }' | sort -n | cut -d' ' -f2- |
		    awk -v max="$CORPUS_MAX" '(sum += length($0)) < max'
	} | awk '!seen[$0]++' >"$corpus.new"
	mv "$corpus.new" "$corpus"
	echo "ok    $1: $(grep -vc '^#' "$corpus") inputs kept"
}

status=0
if [ "$work" = replay ] && [ ! -s "$B/fuzz/flags" ]; then
	echo "skip  sanitizers: this compiler has none"
fi
for target in "$@"; do
	case $work in
	replay) replay "$target" ;;
	run) run "$target" ;;
	keep) keep "$target" ;;
	*) false ;;
	esac || status=1
done
exit $status
