#!/bin/sh
# compare.sh -- the same questions to this server, to Unbound and to BIND, about
# the same signed zones: do they say the same?  COMPARE.md explains what differs.
#
#	sh tests/compare.sh [QUESTIONS [AUTHORITY [SEED]]]
#
# 10,000 questions if not said, with each of nsd, knotd and named as the name
# servers.  Not part of make test: it takes a minute.

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=sign.sh
. "$(dirname "$0")/sign.sh"
needs='unbound named knotd dnssec-keygen dnssec-signzone'
most=0.3	# percent that may differ

knotd_start()
{
	mkdir -p "$net/$1.knot"
	{
		printf 'server:\n  rundir: "%s"\n' "$net/$1.knot"
		printf '  listen: [%s]\n' "$(echo "$2" | sed 's/[^,]*/"&@53"/g')"
		printf 'database:\n  storage: "%s"\n' "$net/$1.knot"
		printf 'template:\n  - id: default\n    zonefile-sync: -1\n'
		printf '    journal-content: none\n    semantic-checks: off\n'
		printf 'zone:\n'
		for zone in $(echo "$3" | tr , ' '); do
			printf '  - domain: "%s"\n    file: "%s"\n' "$zone" \
			    "$(zone_file "$4" "$zone")"
		done
	} >"$net/$1.conf"
	background "$1" nsenter -n -t "$world" knotd -c "$net/$1.conf"
}

# named_options PORT ADDRESS...: what both kinds of BIND share.
named_options()
{
	port=$1
	shift
	cat <<-END
	controls { };
	options {
		directory "$net";
		pid-file none;
		lock-file none;
		session-keyfile none;
		listen-on port $port { $(addresses_of 4 "$@") };
		listen-on-v6 port $port { $(addresses_of 6 "$@") };
		dnssec-validation no;
	END
}

# addresses_of FAMILY ADDRESS...: each with a semicolon.
addresses_of()
{
	family=$1
	shift
	for address; do
		case $family$address in
		6*:* | 4*.*)	echo "$address;" ;;
		esac
	done
	[ $# -gt 1 ] || [ "$family" = 4 ] || echo 'none;'
}

named_start()
{
	{
		# shellcheck disable=SC2046
		named_options 53 $(echo "$2" | tr , ' ')
		echo 'recursion no; };'
		for zone in $(echo "$3" | tr , ' '); do
			printf 'zone "%s" { type primary; file "%s"; };\n' \
			    "$zone" "$(zone_file "$4" "$zone")"
		done
	} >"$net/$1.conf"
	background "$1" nsenter -n -t "$world" named -f -n 1 -c "$net/$1.conf"
}

# The two others, with the same hints and, like us, without judging signatures.
unbound_peer()
{
	cat >"$net/unbound.conf" <<-END
	server:
		interface: 127.0.0.1@5301
		root-hints: "$tests/real/root.hints"
		module-config: "iterator"
		do-daemonize: no
		username: ""
		chroot: ""
		directory: "$net"
		pidfile: ""
		logfile: ""
		use-syslog: no
	END
	background unbound unbound -c "$net/unbound.conf"
}

named_peer()
{
	{
		named_options 5302 127.0.0.1
		echo 'recursion yes; };'
		echo 'zone "." { type hint; file "'"$tests/real/root.hints"'"; };'
	} >"$net/bind.conf"
	background bind named -f -n 1 -c "$net/bind.conf"
}

# questions COUNT SEED: for dig, no two alike.  A $ in a name is a number.
questions()
{
	awk -v count="$1" -v seed="$2" '
	function one_of(list, n) {
		return list[1 + int(rand() * n)]
	}
	BEGIN {
		srand(seed)
		zones = split("nsec.org nsec3.org two.org expired.org " \
		    "insecure.org", zone)
		names = split("@ @ ns www www mail _sip._udp odd naptr " \
		    "a.b.c.d b.c.d d big alias chain out round gone gone-out " \
		    "into-wild down old www.old $.old gone.old x.y.old moved " \
		    "www.moved $.moved new $.new wild $.wild $.$.wild here.wild " \
		    "x.here.wild $.to-www $.to-gone $.to-wild $.to-out sub " \
		    "www.sub up.sub $.wild.sub $.sub island www.island " \
		    "$.island up.island $ $.$ $.www *.wild", name)
		types = split("A A A A AAAA AAAA MX TXT TXT NS SOA CNAME DNAME " \
		    "DS DNSKEY SRV NAPTR CAA HTTPS TYPE65400 PTR NSEC3PARAM", type)
		while (made < count) {
			q = one_of(name, names) "." one_of(zone, zones)
			sub(/^@[.]/, "", q)
			while (sub(/[$]/, int(rand() * 1000), q))
				;
			if (rand() < 0.01)
				q = one_of(zone, zones)
			if (rand() < 0.02)
				q = int(rand() * 1000) ".org"
			if (rand() < 0.01)
				q = "org"
			t = rand() < 0.999 ? one_of(type, types) : "NSEC"
			q = q " " t (rand() < 0.5 ? " +dnssec" : "")
			if (q in asked)
				continue
			asked[q]
			made++
			print q
		}
	}'
}

# ask_all PORT: what is said to each question, in one line: the question,
# whether DO was set, the rcode, and the records in order, without TTL.
ask_all()
{
	dig @127.0.0.1 -p "$1" +tries=3 +time=5 +noall +comments +question \
	    +answer -f "$net/questions" | awk '
	function finish(    i, j, r) {
		if (question == "")
			return
		for (i = 2; i <= n; i++) {
			r = record[i]
			for (j = i - 1; j > 0 && record[j] > r; j--)
				record[j + 1] = record[j]
			record[j + 1] = r
		}
		printf "%s\t%s", question dnssec, rcode
		if (rcode == "SERVFAIL")
			n = 0 # what stands there is no answer
		for (i = 1; i <= n; i++)
			printf "\t%s", record[i]
		print ""
		question = ""
		n = 0
	}
	/^;; ->>HEADER/ {
		finish()
		sub(/.*status: /, "")
		sub(/,.*/, "")
		rcode = $0
		dnssec = ""
		next
	}
	/^; EDNS:.* do;/ { dnssec = " +dnssec" }
	/^;[^; ].*\tIN\t/ {
		sub(/^;/, "", $1)
		question = tolower($1) " " $3
		next
	}
	/^[^;]/ {
		$2 = $3 = ""
		record[++n] = tolower($0)
	}
	END { finish() }' | sort >"$net/said.$1"
}

# differences WHOSE PORT: on how many questions they say other things than we do,
# and for each kind of these an example.
differences()
{
	awk -F '\t' -v whose="$1" -v authority="$authority" -v most="$most" \
	    -v count="$(wc -l <"$net/questions")" '
	{
		rest = substr($0, length($1) + 2)
		rcode = $2
	}
	FNR == NR { ours[$1] = rest; our_rcode[$1] = rcode; next }
	{
		theirs[$1]
		if (!($1 in ours))
			our_rcode[$1] = "nothing"
		else if (ours[$1] == rest)
			next
		split($1, q, " ")
		kind = q[2] ": " our_rcode[$1] " here, " rcode " there"
		n++
		if (!kinds[kind]++)
			example[kind] = $1 "\n\t\t\t" ours[$1] "\n\t\t\t" rest
	}
	END {
		for (question in ours)
			if (!(question in theirs)) {
				n++
				kinds["nothing there"]++
				example["nothing there"] = question
			}
		percent = 100 * n / count
		printf "%s  %s: %d of %d answers are not those of %s, %.2f %%\n",
		    percent <= most ? "ok  " : "FAIL", authority, n, count,
		    whose, percent
		for (kind in kinds)
			printf "\t%d\t%s\n\t\t%s\n", kinds[kind], kind,
			    example[kind]
		exit (percent > most)
	}' "$net/said.53" "$net/said.$2" | cut -c 1-200
}

# compare COUNT AUTHORITY SEED
compare()
{
	authority=$2
	net_up
	sign_all
	net_serve "$net" "$authority"
	server_start -l 127.0.0.1 -p 53
	unbound_peer
	named_peer
	questions "$1" "$3" >"$net/questions"
	for port in 53 5301 5302; do
		await "an answer at port $port" \
		    dig @127.0.0.1 -p $port org SOA +time=1 +tries=1
		ask_all $port
	done
	differences Unbound 5301 >"$net/differences"
	differences BIND 5302 >>"$net/differences"
	cat "$net/differences"
	failed=$(grep -c '^FAIL ' "$net/differences")
}

# Each authority in a network of its own.
if [ $# -lt 2 ]; then
	for authority in nsd knotd named; do
		sh "$0" "${1-10000}" $authority || failed=1
	done
else
	net_enter "$@"
	compare "$1" "$2" "${3-1}"
fi
[ "$failed" = 0 ]
