#!/bin/sh
# mutants.sh -- can the tests fail?  Plants the faults of tests/mutants/ one at
# a time into a copy of the tree, and runs the Check programs and layers.sh.
#
#	sh tests/mutants.sh [NAME...]
#	sh tests/mutants.sh --apply	only see whether each still applies, and
#					each limit of dns.h has one that names it
#
# A fault is a file of four lines; the old text stands once in the source:
#	# the rule it breaks, and the row that has the rule
#	file: cache.c
#	- old text
#	+ new text
#
# As many run at a time as there are processors.  Fails if one survives, or if
# one does not apply or build any more.

cd "$(dirname "$0")/.." || exit 1
tree=$PWD
unset MAKEFLAGS MAKELEVEL

# The compiler has to be quick here, not the program.
build()
{
	make -C "$1" --no-print-directory B=build CFLAGS=-O1 "$2" \
	    >"$1/make.out" 2>&1
}

# Is the program the same as without the fault?
is_built()
{
	make -q -C "$1" B=build CFLAGS=-O1 "$2" >/dev/null 2>&1
}

# check DIRECTORY FILE: build and run the programs that are made of the file,
# its own first, the longest last, and then layers.sh, until one fails; what
# failed goes to standard output.  Not check_namespaces: what it shows the simulator shows
# without waiting.
check()
{
	for check in "$1/tests/check_$2" "$1"/tests/check_*.c last; do
		case $check in
		*/check_namespaces.c | */check_faults.c) continue ;;
		last) check=$1/tests/check_faults.c ;;
		esac
		[ -f "$check" ] || continue
		check=$(basename "$check" .c)
		is_built "$1" "build/$check" && continue
		build "$1" "build/$check" || {
			echo "does not build"
			return 2
		}
		(cd "$1" && RUNS=1 CK_VERBOSITY=normal TMPDIR="$1" \
		    timeout 120 "build/$check" >check.out 2>&1)
		status=$?
		[ $status = 0 ] && continue
		echo "$check: $(failed_test "$1/check.out" $status)"
		return 1
	done
	build "$1" all || {
		echo "does not build"
		return 2
	}
	rule=$(cd "$1" && B=build sh tests/layers.sh | sed -n 's/^FAIL *//p')
	[ -z "$rule" ] && return
	echo "layers: $rule"
	return 1
}

# failed_test OUTPUT STATUS: the first test that failed, or the scenario.
failed_test()
{
	{
		sed -n 's/^.*scenarios.\(.*\)[.]txt, seed.*/\1/p' "$1"
		sed -n 's/^[^ ]*:[0-9]*:[EF]:[^:]*:\([^:]*\):.*/\1/p' "$1"
		echo "ended with $2"
	} | head -n 1
}

# limits: those of dns.h, but for what no fault is needed for or, so far, is
# there.
limits()
{
	awk '
	/^enum rcode/ { exit }
	/^\t[A-Z][A-Z0-9_]+ = / { print $1 }' dns.h |
	    grep -vwE "$of_the_wire|$of_options|$of_room|$of_speed|$to_do"
}

of_the_wire='LABELS_MAX'
# tests/cli.sh tries what is one too many.
of_options='LOOKED_UP_MAX|FORWARD_ZONES_MAX|FORWARDERS_MAX|LISTENERS_MAX'
of_options="$of_options|ALLOWED_PREFIXES_MAX|CACHE_OCTETS_(MIN|DEFAULT)"
# There is an assert that it is enough.
of_room='WAITERS_MAX|KEPT_MAX|HINTS_PLACES_MAX|BACKLOG_BLOCK|COMMAND_TEXT_MAX'
# What is left waits for the next turn, or is the kernel's.
of_speed='BATCH|SEND_BUFFER|RECEIVE_BUFFER|ACCEPT_QUEUE|COMMAND_SLICE'
of_speed="$of_speed|CACHE_FILE_BLOCK|CACHE_FILE_MS_MAX|WISHES_MAX"
# Their faults are not caught yet, or not written.
to_do='NAME_SENDS_MAX|SLIST_NS_MAX|OFFLINE_RETRY_MAX_S|NETWORK_RETRY_MS|LOG_BUFFER'
to_do="$to_do|TRIES_FIT|DEAD_AFTER_MAX|WALKS_OVER_MAX|DESCRIPTORS_SHARED_MIN"
to_do="$to_do|COMMANDS_MAX|COMMAND_LINE_MAX|EDE_TEXT_MAX"
to_do="$to_do|METRICS_TEXT_MAX|ADDRESS_CLASSES_MAX|EDNS_SHOWN_S"

# field FILE PREFIX: the rest of the line that begins so.
field()
{
	sed -n "s/^$2 //p" "$1"
}

# plant FAULT DIRECTORY: exchange the text, which must stand there once.
plant()
{
	file=$(field "$1" file:)
	OLD=$(field "$1" -) NEW=$(field "$1" +) awk '
	BEGIN { old = ENVIRON["OLD"]; new = ENVIRON["NEW"] }
	at = index($0, old) {
		found++
		rest = substr($0, at + length(old))
		if (index(rest, old))
			found++
		$0 = substr($0, 1, at - 1) new rest
	}
	{ print }
	END { exit found != 1 }' "$tree/$file" >"$2/$file"
}

# one WORK NAME: one fault, one line about it.
one()
{
	copy=$1/$2
	cp -a "$1/whole" "$copy"
	if ! plant "tests/mutants/$2" "$copy"; then
		result="STALE: its text does not stand once in the source"
	else
		result=$(check "$copy" "$file")
		case $? in
		0) result=SURVIVED ;;
		1) result="caught by $result" ;;
		2) result="STALE: $result" ;;
		esac
	fi
	printf '%-32s %s\n' "$2" "$result" | tee -a "$1/results"
	rm -rf "$copy"
}

if [ "${1-}" = --one ]; then
	one "$2" "$3"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ "${1-}" = --apply ]; then
	total=0 stale=0
	for fault in tests/mutants/*; do
		total=$((total + 1))
		plant "$fault" "$work" && continue
		echo "$fault: its text does not stand once in the source"
		stale=$((stale + 1))
	done
	echo "$total faults, $stale of them stale"
	for limit in $(limits); do
		grep -qw "$limit" tests/mutants/* && continue
		echo "$limit: no fault names this limit"
		stale=$((stale + 1))
	done
	[ $stale = 0 ]
	exit
fi

mkdir "$work/whole"
cp -a Makefile cache.dns ./*.c ./*.h tests "$work/whole"
result=$(check "$work/whole" dns.c) || {
	echo "without a fault: $result"
	cat "$work/whole/make.out"
	exit 1
}

# Names of faults have no blanks.
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(ls tests/mutants)
for name; do
	echo "$name"
done | xargs -n 1 -P "$(nproc)" sh "$tree/tests/mutants.sh" --one "$work"

caught=$(grep -c 'caught by' "$work/results")
echo "$caught of $# faults caught"
[ "$caught" = $# ]
