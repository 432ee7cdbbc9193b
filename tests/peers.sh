# shellcheck shell=sh
# peers.sh -- the same questions to this server and to others; compare.sh and
# forward.sh source it, after net.sh.
# shellcheck disable=SC2154	# net, tests and authority are theirs

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

# The two others, with the same hints and, like us, without judging signatures.
unbound_peer()
{
	{
		unbound_options 5301
		printf '\troot-hints: "%s"\n' "$tests/real/root.hints"
		printf '\tmodule-config: "iterator"\n'
	} >"$net/unbound.conf"
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

# differences WHOSE PORT [OURS [MOST]]: on how many questions they say other
# things than we do at port OURS, and for each kind of these an example; of 100
# there may be MOST.
differences()
{
	awk -F '\t' -v whose="$1" -v authority="$authority" -v most="${4-0.3}" \
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
	}' "$net/said.${3-53}" "$net/said.$2" | cut -c 1-200
}
