#!/bin/sh
# soak.sh -- everything at once, for as long as one likes: clients over UDP and
# TCP, a network that loses 5 of 100 datagrams, an operator who changes the hints
# and moves the log away, and attackers.  See load.sh.
#
#	sh tests/soak.sh [SECONDS]	60 seconds
#
# 900 questions a second are asked in good faith, for several thousand names of
# 100 zones, some far more often than others (Zipf).  50 a second are not:
# random names of a zone that is silent, referrals to twenty servers elsewhere
# (NXNSAttack), aliases through zones with dead servers (CAMP), long chains of
# aliases, and questions that are none.  A forger sends a reply with another ID
# before each true one of a zone, and clients over TCP send octet by octet.
#
# attacks:L12 attacks:D08 attacks:I13

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=load.sh
. "$(dirname "$0")/load.sh"
seconds=${1-60}
zones=100

world_of_soak()
{
	root_zone good 192.5.6.30 bad 192.5.6.31
	good_zones
	bad_zones
	echo 'network loss 5 delay 1ms 20ms'
}

# $GENERATE lines for the zone $zone.
good_zones()
{
	cat <<-END
	zone good on 192.5.6.30
	  \$GENERATE 1-$zones z\$ NS ns1.z\$
	  \$GENERATE 1-$zones z\$ NS ns2.z\$
	  \$GENERATE 1-$zones ns1.z\$ A 199.1.\$.53
	  \$GENERATE 1-$zones ns2.z\$ A 199.2.\$.53
	END
	zone=0
	while [ $zone -lt $zones ]; do
		next=$((zone % zones + 1)) zone=$((zone + 1))
		cat <<-END
		zone z$zone.good on 199.1.$zone.53 199.2.$zone.53
		  z$zone.good. NS ns1
		  z$zone.good. NS ns2
		  ns1 A 199.1.$zone.53
		  ns2 A 199.2.$zone.53
		  \$GENERATE 1-20 w\$ 20 A 10.$zone.0.\$
		  \$GENERATE 21-40 w\$ 300 A 10.$zone.0.\$
		  \$GENERATE 1-20 c\$ 30 CNAME w\$.z$next.good.
		  \$GENERATE 1-9 t 60 TXT "$(printf '%0180d' $zone)\$"
		END
	done
}

# All attackers' zones are on 199.9.0.0/16.
bad_zones()
{
	cat <<-END
	zone bad on 192.5.6.31
	  silent NS ns.silent
	  ns.silent A 199.9.1.53
	  nxns NS ns.nxns
	  ns.nxns A 199.9.2.53
	  chain NS ns.chain
	  ns.chain A 199.9.3.53
	  forged NS ns.forged
	  ns.forged A 199.9.5.53
	  \$GENERATE 1-12 camp\$ NS ns.camp\$
	  \$GENERATE 1-12 camp\$ NS ns1.dead\$.silent
	  \$GENERATE 1-12 camp\$ NS ns2.dead\$.silent
	  \$GENERATE 1-12 camp\$ NS dead.camp\$
	  \$GENERATE 1-12 ns.camp\$ A 199.9.4.\$
	  \$GENERATE 1-12 dead.camp\$ A 199.9.1.\$
	server 199.9.1.0/24 silent
	zone chain.bad on 199.9.3.53
	  \$GENERATE 1-30 *.a\$ CNAME x.a\${1}
	zone forged.bad on 199.9.5.53
	  * 5 A 199.9.5.80
	server 199.9.5.53 forge wrong-id
	zone nxns.bad on 199.9.2.53
	END
	for ns in 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20; do
		echo "  \$GENERATE 1-100 x\$ NS n\$-$ns.z1.good."
	done
	for camp in 1 2 3 4 5 6 7 8 9 10 11 12; do
		echo "zone camp$camp.bad on 199.9.4.$camp"
		echo "  * 30 CNAME x.camp$((camp + 1)).bad."
	done
}

# COUNT questions, the rth as often as 1/r; and what the forger is after.
benign_questions()
{
	awk -v zones=$zones -v count="$1" -v seed="$2" '
	BEGIN {
		srand(seed)
		for (r = 1; r <= 5000; r++)
			sum[r] = sum[r - 1] + 1 / r
		while (made++ < count)
			question(draw(rand() * sum[5000]))
	}
	function draw(x,    low, high, middle) {
		low = 1
		high = 5000
		while (low < high) {
			middle = int((low + high) / 2)
			if (sum[middle] < x)
				low = middle + 1
			else
				high = middle
		}
		return low
	}
	function question(r,    zone) {
		zone = "z" 1 + r * 61 % zones ".good"
		if (r % 20 == 0)
			print "f" r ".forged.bad A"
		else if (r % 20 == 1)
			print "t." zone " TXT"
		else if (r % 20 == 2)
			print "no" r % 50 "." zone " A"
		else if (r % 20 == 3)
			print "w" 1 + r % 40 "." zone " AAAA"
		else if (r % 20 < 7)
			print "c" 1 + r % 20 "." zone " A"
		else
			print "w" 1 + int(r / 20) % 40 "." zone " A"
	}'
}

attack_questions()
{
	awk -v count="$1" '
	BEGIN {
		srand(1)
		while (made++ < count) {
			x = int(rand() * 1000000000)
			kind = made % 4
			if (kind == 0)
				print x ".silent.bad A"
			else if (kind == 1)
				print x ".x" 1 + x % 100 ".nxns.bad A"
			else if (kind == 2)
				print x ".camp1.bad A"
			else
				print x ".a1.chain.bad A"
		}
	}'
}

# In the form of TCP, a message after its length, as dnsperf has it: a header
# and chance; a pointer to itself; a response; two questions; a name cut short.
malformed_questions()
{
	i=0
	while [ $i -lt 50 ]; do
		i=$((i + 1))
		printf '\0\120'
		head -c 80 /dev/urandom
	done
	printf '\0\22\0\0\1\0\0\1\0\0\0\0\0\0\300\14\0\1\0\1'
	printf '\0\21\0\0\201\0\0\1\0\0\0\0\0\0\0\0\1\0\1'
	printf '\0\26\0\0\1\0\0\2\0\0\0\0\0\0\0\0\1\0\1\0\0\1\0\1'
	printf '\0\17\0\0\1\0\0\1\0\0\0\0\0\0\77\141\141'
}

loads_start()
{
	benign_questions 40000 1 >"$net/udp.questions"
	benign_questions 10000 2 >"$net/tcp.questions"
	attack_questions $((seconds * 45)) >"$net/attack.questions"
	malformed_questions >"$net/malformed.questions"
	load_start udp -a $client -c 20 -q 2000 -Q 800 -l "$seconds"
	load_start tcp -m tcp -a $client -c 10 -q 1000 -Q 100 -l "$seconds" \
	    -O num-queries-per-conn=50
	load_start attack -a $attacker -q 2000 -t 2 -Q 45 -l "$seconds"
	load_start malformed -B -a $attacker -q 1000 -t 2 -Q 5 -l "$seconds"
	background crawl nsenter -n -t "$world" "$build/flood" crawl \
	    $attacker 192.0.2.1 50 "$seconds"
	loads="$loads $pid"
}

hints_write()
{
	cat "$tests/real/root.hints" >"$net/hints.new"
	[ $((1 + $1 % 2)) = 1 ] || cat <<-END >>"$net/hints.new"
	. 3600000 NS b.root-servers.net.
	b.root-servers.net. 3600000 A 198.41.0.4
	END
	mv "$net/hints.new" "$hints"
}

# The operator: at every third look the hints are another file, and at every
# second the log is moved away, if it is there again; the server is told of half
# of that.
operate()
{
	[ $(($1 % 3)) != 0 ] || hints_write $(($1 / 3))
	[ $(($1 % 2)) != 0 ] || [ ! -e "$net/dns.log" ] ||
	    mv "$net/dns.log" "$net/dns.log.$((10000 + $1))"
	[ $(($1 % 4)) != 0 ] || kill -HUP "$server"
}

progress()
{
	printf '      %4d s: %d answers, %d KiB, %d descriptors\n' "$1" \
	    "$(cat "$net/udp.out" "$net/tcp.out" | grep -c '^> [^T]')" \
	    "$(memory VmRSS)" "$(descriptors)"
}

soak()
{
	began=$(date +%s) early=$((seconds / 10)) at=0 looks=0 next=10
	early_kib=
	while [ $at -lt "$seconds" ] && kill -0 "$server"; do
		sleep 1
		at=$(($(date +%s) - began)) looks=$((looks + 1))
		operate $looks
		if [ -z "$early_kib" ] && [ $at -ge $early ]; then
			early_kib=$(memory VmRSS)
		fi
		if [ $at -ge $next ]; then
			progress $at
			next=$((at / 10 * 10 + 10))
		fi
	done
	load_wait
}

few_descriptors()
{
	[ "$(descriptors)" -le "$held" ]
}

judge()
{
	end_kib=$(memory VmRSS)
	# Pools are touched for the first time for a while; 100 octets lost for
	# each question would be 5 MiB a minute.
	growth_kib_max=$((4096 + 64 * seconds / 60))
	grown_kib=$((end_kib - early_kib))
	expect_good "over UDP" udp
	expect_good "over TCP" tcp
	echo "      $(latency udp tcp)"
	echo "      attackers: $(answered attack)"
	expect_memory "memory"
	no_more "$early_kib KiB at $early s, $end_kib KiB at the end: it grew by \
$grown_kib KiB, $((grown_kib * 60 / (seconds - early + 1))) a minute" \
	    $grown_kib $growth_kib_max
	await "descriptors to be given back" few_descriptors
	pass "$held descriptors at the begin, $(descriptors) at the end"
	answers
}

# Each zone still has its data, and not the forger's.
answers()
{
	seq 1 20 | sed 's/.*/f&0.forged.bad A/' >"$net/asked"
	seq 1 $zones | sed 's/.*/w7.z&.good A/' >>"$net/asked"
	expect_never "nothing forged is in the cache" '6[.]6[.]6[.]6'
	right=$(grep -Ec '^w7[.]z([0-9]+)[.]good[.].*A.10[.]\1[.]0[.]7$' \
	    "$net/answer")
	if [ "$right" = $zones ]; then
		pass "each of $zones zones has what it should"
	else
		fail "$right of $zones zones have what they should"
	fi
}

event_counts()
{
	cat "$net"/dns.log.* "$net/dns.log" | sed 's/.* event=\([A-Z_]*\).*/\1/' |
	    sort | uniq -c | sort -rn | sed 's/^/      /'
	events 10001 | tail -n 1 | sed 's/.* seq=[0-9]* /      /' |
	    fold -s -w 70 | sed '2,$s/^/      /'
}

net_enter "$@"
net_up
world_of_soak >"$net/world"
play_start
hints=$net/root.hints
hints_write 0
server_start -l 0.0.0.0 -p 53 -a 192.0.2.0/24 -c 2M
expect "the first answer" 'NOERROR.* A 10[.]1[.]0[.]1' ask w1.z1.good
held=$(descriptors)
loads_start
soak
judge
server_statistic hits >/dev/null
event_counts
expect_end
expect_log "$net"/dns.log.* "$net/dns.log"
[ $failed = 0 ]
