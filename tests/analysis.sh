#!/bin/sh
# analysis.sh -- what programs that read the sources find; nothing is right.
#
# Three of them, for each sees what the others do not: gcc's analyzer follows
# memory and descriptors, clang-tidy values and habits (.clang-tidy), cppcheck
# both over file borders, in the tests as well.  cppcheck.txt has what cppcheck
# finds and nobody mends, with reasons.  One line each, ok or FAIL.

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}/analysis
status=0
# The analyzer of clang-tidy gives up on a function after so much work: the
# whole of it takes four times as long and finds the same.
STEPS_MAX=20000

# verdict STATUS NAME
verdict() {
	if [ "$1" = 0 ]; then
		echo "ok    $2"
	else
		echo "FAIL  $2"
		status=1
	fi
}

# tidy FILE...: as many at a time as there are processors.
tidy() {
	printf '%s\n' "$@" | xargs -I '{}' -P "$(nproc)" clang-tidy-14 \
	    --quiet '{}' -- -std=c11 -D_GNU_SOURCE "-DSYSCONFDIR=\"/etc\"" \
	    -I. -I"$B" -Xclang -analyzer-config -Xclang max-nodes=$STEPS_MAX \
	    2>"$B/tidy.out"
}

make -s -j"$(nproc)" B="$B" CC=gcc CFLAGS='-O1 -fanalyzer -Werror' all
verdict $? 'gcc -fanalyzer finds nothing'
tidy ./*.c
verdict $? 'clang-tidy finds nothing'
cppcheck --quiet -j"$(nproc)" --std=c11 --error-exitcode=1 --inline-suppr \
    --enable=warning,performance,portability \
    --suppressions-list=tests/cppcheck.txt -D_GNU_SOURCE \
    -DSYSCONFDIR='"/etc"' -I. -Itests -Ibench -I"$B" ./*.c tests/*.c tests/fuzz/*.c bench/*.c
verdict $? 'cppcheck finds nothing'
exit $status
