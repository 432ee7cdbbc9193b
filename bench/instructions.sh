#!/bin/sh
# instructions.sh -- how many instructions a question costs the server.
#
#	sh bench/instructions.sh [--write]
#
# Callgrind counts them while the server runs in the simulator, so that the same
# source and compiler give the same figures on any machine: user instructions of
# the server's own files, and of libc where these call it, but none of what
# stands in for system calls.  Of each kind a short and a long run are counted,
# and what these differ in is divided by the questions that they differ in.
#
#	hit	from the cache, 64 in a turn; asked as stubs ask, on this host
#	client	the same, asked from another host, with EDNS
#	cold	a name of a zone not known yet: two exchanges with name servers
#
# Fails if one is more than 5 % above bench/instructions.txt, unless that is of
# another compiler; --write makes that file anew.

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
stored=bench/instructions.txt
names=320
compiler=$(${CC:-cc} --version | head -n 1)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM

# ask TIMES [FLAG...]: so many names, each once.
ask()
{
	times=$1
	shift
	echo "ask www.d\$.com. A times $times $*"
	echo "expect all NOERROR"
}

# hits ROUNDS FLAG...: the names are known, and each is asked so often.
hits()
{
	cat <<-END
	# Hits.
	options -l 203.0.113.53 -a 192.0.2.0/24
	zone . on 198.41.0.4
	    @ NS a.root-servers.net.
	    a.root-servers.net. A 198.41.0.4
	    \$GENERATE 1-$names www.d\$.com. 86400 A 198.51.100.7
	END
	rounds=$1
	shift
	ask $names
	for _ in $(seq "$rounds"); do
		ask $names "$@"
	done
}

# cold NAMES: the zone above is known, theirs are not.
cold()
{
	cat <<-END
	# Walks.
	zone . on 198.41.0.4
	    @ NS a.root-servers.net.
	    a.root-servers.net. A 198.41.0.4
	    com. NS ns.com.
	    ns.com. A 192.5.6.30
	zone com. on 192.5.6.30
	    @ NS ns
	    ns A 192.5.6.30
	    \$GENERATE 1-$1 d\$ NS ns1.d\$
	    \$GENERATE 1-$1 d\$ NS ns2.d\$
	    \$GENERATE 1-$1 ns1.d\$ A 192.0.47.1
	    \$GENERATE 1-$1 ns2.d\$ A 192.0.47.2
	END
	for n in $(seq "$1"); do
		cat <<-END
		zone d$n.com. on 192.0.47.1 192.0.47.2
		    @ NS ns1
		    @ NS ns2
		    ns1 A 192.0.47.1
		    ns2 A 192.0.47.2
		    www A 198.51.100.7
		END
	done
	echo 'ask ns.com. A'
	echo 'expect NOERROR'
	ask "$1"
}

# run NAME KIND ARGUMENT...
run()
{
	name=$1
	shift
	"$@" >"$dir/$name"
	# One form of libc's memcpy, whatever this processor has.
	if ! GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-ERMS \
	    valgrind --tool=callgrind --callgrind-out-file="$dir/$name.out" \
	    --toggle-collect=dns_main --toggle-collect='__wrap_*' \
	    --compress-strings=no --compress-pos=no \
	    "$B/instructions" "$dir/$name" >"$dir/$name.log" 2>&1; then
		cat "$dir/$name.log"
		return 1
	fi
	costs "$dir/$name.out" >"$dir/$name.costs"
}

# costs FILE: a line for each function, of what callgrind wrote.  A call leaves
# the line with what it cost below the one that names whom.
costs()
{
	awk '
	BEGIN {
		n = split("dns control referral server cache eventlog " \
		    "message confine", files, " ")
		for (i = 1; i <= n; i++)
			ours[files[i] ".c"]
		ours["dns.h"]
	}
	function base(path) { sub(/.*[\/=]/, "", path); return path }
	/^fl=/ { file = base($0) }
	/^fn=/ { name = base($0); to = file }
	/^cf[il]=/ { to = base($0) }
	/^cfn=/ { callee = base($0) }
	/^calls=/ {
		getline
		if (file in ours && !(to in ours) && callee !~ /^__wrap_/)
			cost[callee] += $2
		to = file
		next
	}
	/^[0-9]/ && file in ours { cost[name] += $2 }
	END { for (name in cost) print name, cost[name] }' "$1"
}

# differ KIND QUESTIONS: what each function costs a question, most first.
differ()
{
	awk -v n="$2" 'NR == FNR { before[$1] = $2; next }
	    { printf "%.1f %s\n", ($2 - before[$1]) / n, $1 }' \
	    "$dir/$1.short.costs" "$dir/$1.long.costs" | sort -rn
}

# show KIND QUESTIONS
show()
{
	differ "$1" "$2" >"$dir/$1.split"
	sum=$(awk '{ n += $1 } END { printf "%.0f", n }' "$dir/$1.split")
	echo "$1 $sum" >>"$dir/figures"
	was=$(awk -v kind="$1" '$1 == kind { print $2 }' $stored)
	printf '\n%-8s %7d instructions, stored %s; most of them in\n' \
	    "$1" "$sum" "${was:-none}"
	sed 10q "$dir/$1.split" | while read -r n function; do
		printf '%16.0f  %s\n' "$n" "$function"
	done
	[ "$1 ${was:-0}" = "$1 0" ] || [ $((sum * 100)) -le $((was * 105)) ] ||
	    more="$more $1"
}

command -v valgrind >/dev/null || {
	echo 'skip  no valgrind here'
	exit 0
}
make -s B="$B" "$B/instructions" || exit 1
for job in 'hit.short hits 1 noedns' 'hit.long hits 4 noedns' \
    'client.short hits 1 from 192.0.2.9 to 203.0.113.53' \
    'client.long hits 4 from 192.0.2.9 to 203.0.113.53' \
    'cold.short cold 100' 'cold.long cold 300'; do
	# Split on purpose: it is a list.
	# shellcheck disable=SC2086
	run $job || exit 1
done
more=
show hit $((3 * names))
show client $((3 * names))
show cold 200
echo
if [ "$1" = --write ]; then
	{
		echo "# User instructions for a question: instructions.sh."
		echo "# $compiler"
		cat "$dir/figures"
	} >$stored
elif ! grep -qxF "# $compiler" $stored; then
	echo "not judged: stored is of another compiler than $compiler"
elif [ -n "$more" ]; then
	echo "FAIL  more than 5 % above what is stored:$more"
	exit 1
fi
