#!/bin/sh
# mutants.sh -- can the tests fail?  Plants the faults of tests/mutants/ one at
# a time into a copy of the tree, and runs the Check programs and layers.sh.
#
#	sh tests/mutants.sh [NAME...]
#	sh tests/mutants.sh --apply	only see whether each still applies, and
#					each limit of dns.h has one that names it
#	sh tests/mutants.sh --limits	the faults that name a limit of dns.h
#
# A fault is a file of four lines; the old text stands once in the source:
#	# the rule it breaks, and the row that has the rule
#	file: cache.c
#	- old text
#	+ new text
#
# It is caught when a test fails with it, passes without it, and fails with it
# again: what only takes too long on a busy machine does so without a fault,
# too.  What caught it is kept in tests/mutants.txt and tried first the next
# time, which takes two seconds; all programs take a minute.
#
# As many run at a time as there are processors.  Fails if one survives, or if
# one does not apply or build any more.

cd "$(dirname "$0")/.." || exit 1
tree=$PWD
caught_by=tests/mutants.txt
work=$PWD/${B:-build}/mutants
unset MAKEFLAGS MAKELEVEL
export LC_ALL=C

# The compiler has to be quick here, not the program.
build()
{
	copy=$1
	shift
	make -C "$copy" --no-print-directory B=build CFLAGS=-O1 "$@" \
	    >"$copy/make.out" 2>&1
}

# Is the program the same as without the fault?
is_built()
{
	make -q -C "$1" B=build CFLAGS=-O1 "$2" >/dev/null 2>&1
}

# The programs: those that catch most, the longest last.  Not check_namespaces:
# what it shows the simulator shows without waiting.
programs()
{
	{
		case $1 in
		cache.c | eventlog.c | message.c | server.c)
			echo "check_${1%.c}"
			;;
		esac
		echo check_scenarios
		(cd "$tree/tests" && ls check_*.c) | sed 's/[.]c$//'
	} | grep -vE '_(dns|faults|namespaces)$' | awk '!seen[$0]++'
	echo check_dns
	echo check_faults
}

# All scenarios, but none behind those among which one fails: 255 ends xargs.
scenarios()
{
	# shellcheck disable=SC2016 # it is for that shell
	printf '%s\n' tests/scenarios/*.txt |
	    xargs -n 40 sh -c \
	    'timeout 600 build/check_scenarios "$@" || exit 255' sh
}

# passes DIRECTORY PROGRAM [PART]: run it, or but a scenario or a Check case of
# it.  Who hangs is ended by the time that he takes of a processor, if he does.
passes()
{
	(
		cd "$1" || exit
		program=build/$2
		case ${3-} in
		'') set -- ;;
		*.txt) set -- "$3" ;;
		*)
			export CK_RUN_CASE="$3"
			set --
			;;
		esac
		# shellcheck disable=SC3045 # all of Linux have it
		ulimit -t 20
		export RUNS=1 CK_VERBOSITY=normal CK_TIMEOUT_MULTIPLIER=5
		export TMPDIR="$PWD"
		if [ "$2${3-}" = check_scenarios ]; then
			scenarios >check.out 2>&1 || exit
		fi
		timeout 600 "$program" "$@" >check.out 2>&1
	)
}

# part OUTPUT: the first that failed, a scenario or a Check case.
part()
{
	{
		sed -n 's/^.*\(tests.scenarios.*[.]txt\), seed.*/\1/p' "$1"
		sed -n 's/^[^ ]*:[0-9]*:[EF]:\([^:]*\):.*/\1/p' "$1"
	} | head -n 1
}

# is_seen DIRECTORY PROGRAM PART
is_seen()
{
	passes "$work/whole" "$2" "$3" && ! passes "$1" "$2" "$3"
}

# check DIRECTORY FILE PROGRAM PART: build and run what caught it before, then the
# programs that are made of the file, and then layers.sh, until the fault is
# seen; where goes to standard output.
check()
{
	part=${4# }
	if [ -n "$3" ] && build "$1" "build/$3" && ! passes "$1" "$3" "$part" &&
	    is_seen "$1" "$3" "$part"; then
		echo "$3 $part"
		return 1
	fi
	for program in $(programs "$2"); do
		is_built "$1" "build/$program" && continue
		build "$1" "build/$program" || return 2
		passes "$1" "$program" && continue
		part=$(part "$1/check.out")
		is_seen "$1" "$program" "$part" || continue
		echo "$program $part"
		return 1
	done
	build "$1" all || return 2
	(cd "$1" && B=build sh tests/layers.sh >check.out) && return 0
	echo layers.sh
	return 1
}

# limits: those of dns.h, but for what no fault can show.
limits()
{
	awk '
	/^enum rcode/ { exit }
	/^\t[A-Z][A-Z0-9_]+ = / { print $1 }' dns.h |
	    grep -vwE "$of_the_wire|$of_options|$of_room|$of_speed"
}

of_the_wire='LABELS_MAX'
# tests/cli.sh tries what is one too many.
of_options='LOOKED_UP_MAX|FORWARD_ZONES_MAX|FORWARDERS_MAX|LISTENERS_MAX'
of_options="$of_options|ALLOWED_PREFIXES_MAX|CACHE_OCTETS_(MIN|DEFAULT)"
# There is an assert that it is enough.
of_room='WAITERS_MAX|KEPT_MAX|HINTS_PLACES_MAX|BACKLOG_BLOCK|COMMAND_TEXT_MAX'
of_room="$of_room|METRICS_TEXT_MAX|ADDRESS_CLASSES_MAX"
# What is left waits for the next turn, or is the kernel's or the disk's.
of_speed='BATCH|SEND_BUFFER|RECEIVE_BUFFER|ACCEPT_QUEUE|CACHE_FILE_MS_MAX'

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

# one NAME: one fault, one line about it.
one()
{
	copy=$work/$1
	rm -rf "$copy"
	cp -a "$work/whole" "$copy"
	if ! plant "tests/mutants/$1" "$copy"; then
		echo "$1 STALE: its text does not stand once in the source"
	else
		known=$(field $caught_by "$1")
		at=$(check "$copy" "$file" "${known%% *}" "${known#"${known%% *}"}")
		case $? in
		0) echo "$1 SURVIVED" ;;
		1) echo "$1 caught by $at" ;;
		2) echo "$1 STALE: it does not build" ;;
		esac
	fi
	rm -rf "$copy"
}

if [ "${1-}" = --one ]; then
	one "$2"
	exit
fi

if [ "${1-}" = --limits ]; then
	grep -lwE "$(limits | paste -sd '|' -)" tests/mutants/* |
	    sed 's,.*/,,'
	exit
fi

if [ "${1-}" = --apply ]; then
	total=0 stale=0
	mkdir -p "$work"
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

mkdir -p "$work/whole"
rm -rf "$work/whole/tests" "$work/results"
cp -a Makefile cache.dns ./*.md ./*.[ch] tests "$work/whole"
# shellcheck disable=SC2046 # names of programs and faults have no blanks
build "$work/whole" -j"$(nproc)" all $(programs dns.c | sed 's,^,build/,') || {
	cat "$work/whole/make.out"
	exit 1
}

# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(ls tests/mutants)
start=$(date +%s) k=0
printf '%s\n' "$@" |
    xargs -n 1 -P "$(nproc)" sh "$tree/tests/mutants.sh" --one |
    while read -r name result; do
	k=$((k + 1))
	s=$(($(date +%s) - start))
	printf '%3d of %d  %3d:%02d  %s\n' $k $# $((s / 60)) $((s % 60)) \
	    "$name $result" | tee -a "$work/results"
done

# What is known now takes the place of what was.
sed -n 's/.*:[0-9][0-9]  \([^ ]*\) caught by /\1 /p' "$work/results" |
    sort -u -k 1,1 - $caught_by | sort >"$work/caught_by"
cmp -s "$work/caught_by" $caught_by || cp "$work/caught_by" $caught_by
grep -v 'caught by' "$work/results"
caught=$(grep -c 'caught by' "$work/results")
echo "$caught of $# faults caught"
[ "$caught" = $# ]
