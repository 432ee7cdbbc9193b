#!/bin/sh
# run.sh -- run all tests that were built into $B and count them.
#
#	sh tests/run.sh [--write]	with --write, make tests/RFC.md of it
#
# First the Check programs, then the scripts; those that need namespaces or
# name servers say so and are skipped where these are missing, except that
# CI=true makes a skip a failure.  The last line has the sums.

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
export B
passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
# What rows.sh reads.
rm -rf "$B/results"
mkdir -p "$B/results"

# "97%: Checks: 64, Failures: 1, Errors: 1" is what Check ends with; a program
# that dies before it says so has failed.  One that cannot run here says why, on
# a line that begins with skip, and nothing else.
count_check()
{
	if [ "$1" = 0 ] && grep -q '^skip ' "$out"; then
		skipped=$((skipped + 1))
		return
	fi
	sums=$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), E'\
'rrors: \([0-9]*\)$/\1 \2 \3/p' "$out" | tail -n 1)
	# Three numbers or none.
	# shellcheck disable=SC2086
	set -- "$1" $sums
	if [ $# != 4 ]; then
		echo "FAIL  it did not come to its end: exit status $1"
		failed=$((failed + 1))
		return
	fi
	passed=$((passed + $2 - $3 - $4))
	failed=$((failed + $3 + $4))
}

# Scripts print a line that begins with ok, FAIL or skip for each test.
count_script()
{
	bad=$(grep -c '^FAIL ' "$out")
	passed=$((passed + $(grep -c '^ok ' "$out")))
	failed=$((failed + bad))
	skipped=$((skipped + $(grep -c '^skip ' "$out")))
	if [ "$1" != 0 ] && [ "$bad" = 0 ]; then
		echo "FAIL  it did not come to its end: exit status $1"
		failed=$((failed + 1))
	fi
}

# script NAME ARGUMENT...: run it, and keep its output for rows.sh.  On CI one
# that hangs is ended, with all it started; elsewhere it is left to who sees it,
# whose ^C would not reach it in a group of its own.
script()
{
	name=$1
	shift
	echo "== $name.sh"
	run ${CI:+timeout 600} sh "tests/$name.sh" "$@"
	count_script "$status"
	cp "$out" "$B/results/$name.sh"
}

# run COMMAND...: its output is shown as it comes, and kept to be counted.
run()
{
	{
		"$@" 2>&1
		echo $? >"$out.status"
	} | tee "$out"
	status=$(cat "$out.status")
	rm -f "$out.status"
}

CK_VERBOSITY=${CK_VERBOSITY:-normal}
export CK_VERBOSITY
for check in tests/check_*.c; do
	check=$(basename "$check" .c)
	echo "== $check"
	CK_TAP_LOG_FILE_NAME=$B/results/$check.tap run "$B/$check"
	count_check "$status"
done
for name in layers man cli install fuzz hints log control readers trace real \
    clients signed rfc8906 forward dnsdist confine demo bench; do
	script $name
done

# Under load, in short; .ci/run has more of each.
script soak 5
script storm 3
script memory 30000 1M
script trouble 500 3

echo "== rows.sh"
run sh tests/rows.sh "$@"
count_script "$status"

if [ "${CI-}" = true ] && [ $skipped -gt 0 ]; then
	echo "FAIL  nothing may be skipped on CI"
	failed=$((failed + skipped))
	skipped=0
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
