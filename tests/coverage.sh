#!/bin/sh
# coverage.sh [--lines FILE | --keep] -- which lines of the server tests reach.
#
# All is built to count and run: the Check programs but for check_namespaces,
# the inputs of the fuzz targets, and cli.sh.  A line a file, ok or FAIL: no
# file may fall below its figure in coverage.txt, and no parser below 95 %.
#
#	--lines FILE	the lines of FILE that were not reached last time
#	--keep		what was reached last time is what coverage.txt says

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}/coverage
lines=$B/lines
stored=tests/coverage.txt
PARSERS_LEAST=95

# Each of these writes into a file of its name.
# shellcheck disable=SC2016 # that is for the shells
run_each() {
	xargs -n 1 -P "$(nproc)" sh -c '
	    out=$B/$(basename "$1").out
	    case $1 in
	    *.sh) sh "$1" ;;
	    *) "$1" ;;
	    esac >"$out" 2>&1 || { echo "FAIL  $1: see $out"; exit 1; }' sh
}

run_all() {
	checks=
	for check in tests/check_*.c; do
		check=$(basename "$check" .c)
		[ "$check" = check_namespaces ] || checks="$checks $B/$check"
	done
	fuzz=
	for target in tests/fuzz/z*.c; do
		fuzz="$fuzz $B/fuzz/$(basename "$target" .c)"
	done
	# Words on purpose.
	# shellcheck disable=SC2086
	make -s -j"$(nproc)" COVERAGE=1 B="$B" CFLAGS='-O0 -g' \
	    FUZZ_CFLAGS='-O0 -g --coverage' all $checks $fuzz || exit 1
	find "$B" -name '*.gcda' -exec rm -f '{}' +
	# shellcheck disable=SC2086
	printf '%s\n' $checks tests/fuzz.sh tests/cli.sh |
	    B=$B RUNS=1 CK_VERBOSITY=minimal CK_TIMEOUT_MULTIPLIER=20 run_each
}

# FILE LINE COUNT TEXT of each line that has code, in all that was compiled of
# it: the same line may be in the program, in tests and in fuzz targets.
collect() {
	find "$B" -name '*.gcda' ! -name 'check_*' -exec gcov -t '{}' + \
	    2>/dev/null | awk '
	/^ *-: *0:Source:/ {
		file = substr($0, index($0, "Source:") + 7)
		wanted = file ~ /^[a-z]+\.c$/
	}
	wanted && match($0, /^ *[^:]*: *[0-9]+:/) {
		head = substr($0, 1, RLENGTH)
		text = substr($0, RLENGTH + 1)
		split(head, part, ":")
		n = part[2] + 0
		if (n == 0)
			next
		if (n > last[file])
			last[file] = n
		texts[file, n] = text
		if (part[1] !~ /-/)
			count[file, n] += part[1]
	}
	END {
		for (file in last)
			for (n = 1; n <= last[file]; n++)
				printf("%s %d %s %s\n", file, n,
				    (file, n) in count ? count[file, n] : "-",
				    texts[file, n])
	}' >"$lines"
}

# NAME LINES REACHED of each file, and of the parsers together: message.c, and
# of server.c the parts for addresses and hints.
sums() {
	awk '
	$4 == "*" && below {
		part = substr($0, index($0, "* ") + 2)
		below = 0
	}
	$4 ~ /^\/\*$/ && $5 ~ /^-+$/ { below = 1 }
	$1 != file { file = $1; part = "" }
	$3 != "-" {
		all[$1]++
		reached[$1] += $3 > 0
		if ($1 == "message.c" || $1 == "server.c" &&
		    part ~ /^(Addresses|Sets of networks|The hints file)/) {
			all["parsers"]++
			reached["parsers"] += $3 > 0
		}
	}
	END {
		for (name in all)
			print name, all[name], reached[name],
			    int(reached[name] * 1000 / all[name]) / 10
	}' "$lines" | sort
}

case ${1-} in
--lines)
	awk -v file="$2" '$1 == file && $3 == "0" {
		n = $2
		sub(/^[^ ]+ [^ ]+ [^ ]+ /, "")
		printf("%s:%d:%s\n", file, n, $0)
	}' "$lines"
	exit
	;;
--keep)
	{
		grep '^#' "$stored"
		sums | awk '$1 != "parsers" { print $1, $4 }'
	} >"$stored.new"
	mv "$stored.new" "$stored"
	exit
	;;
esac
run_all || exit 1
collect
sums | while read -r name all reached percent; do
	least=$(sed -n "s/^$name //p" "$stored")
	[ "$name" != parsers ] || least=$PARSERS_LEAST
	said="$name: $reached of $all lines, $percent %"
	if [ -n "$least" ] &&
	    awk "BEGIN { exit !($percent >= $least) }"; then
		echo "ok    $said"
	else
		echo "FAIL  $said, not ${least:-in $stored}"
	fi
done | tee "$B/verdict"
! grep -q '^FAIL' "$B/verdict"
