#!/bin/sh
# signed.sh -- what the server passes on of really signed zones is enough to
# validate it: for delv, and for an Unbound that asks nobody but the server.
# See net.sh for the network and tests/signed/zones for the zones.  A case is a
# record there and a line here.
#
# V01 V05 V07 V08 V09 V10 V11

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=sign.sh
. "$(dirname "$0")/sign.sh"
needs='delv unbound dnssec-keygen dnssec-signzone'

# The root's key in the form of delv.
anchor_delv()
{
	awk '!/^;/ {
		printf "trust-anchors { . static-key %s %s %s \"", $4, $5, $6
		for (i = 7; i <= NF; i++)
			printf "%s", $i
		print "\"; };"
	}' "$net/root.key" >"$net/anchors"
}

# A validator whose only way to any name server is the server under test.
unbound_start()
{
	{
		unbound_options 5301
		cat <<-END
			do-not-query-localhost: no
			trust-anchor-file: "$net/root.key"
			aggressive-nsec: no
			val-log-level: 2
		forward-zone:
			name: .
			forward-addr: 127.0.0.1@53
		END
	} >"$net/unbound.conf"
	background unbound unbound -c "$net/unbound.conf"
	await "Unbound to start" grep -q 'start of service' "$net/unbound.out"
}

ask_delv()
{
	delv @127.0.0.1 -a "$net/anchors" +root=. "$@" 2>&1 |
	    tr -s '\t ' ' ' | tr '\n' '|'
}

# validated NAME TYPE VERDICT: by both.
validated()
{
	case $3 in
	secure)	 delv="^; fully validated[|].* IN $2 "
		 rcode=NOERROR ad=' ad' ;;
	missing) delv='ncache nxdomain[|]; (negative response, )?fully valid'
		 rcode=NXDOMAIN ad=' ad' ;;
	empty)	 delv='ncache nxrrset[|]; (negative response, )?fully valid'
		 rcode=NOERROR ad=' ad' ;;
	insecure) delv="; unsigned answer[|].* IN $2 "
		 rcode=NOERROR ad= ;;
	insecure-missing) delv='ncache nxdomain[|].*; negative response, unsig'
		 rcode=NXDOMAIN ad= ;;
	insecure-empty) delv='ncache nxrrset[|].*; negative response, unsigned'
		 rcode=NOERROR ad= ;;
	# RFC 5155 9.2: opt-out proves that nothing signed is there.
	opted-out) delv='ncache nx.*; negative response, fully validated'
		 rcode=N ad= ;;
	bogus)	 delv='^;; .*resolution failed: '
		 rcode=SERVFAIL ad= ;;
	esac
	expect "delv: $1 $2 is $3" "$delv" ask_delv "$1" "$2"
	expect "Unbound: $1 $2 is $3" "status: $rcode.*flags: qr rd ra$ad;" \
	    ask -p 5301 +dnssec "$1" "$2"
}

# With NSEC and with NSEC3.
signed_zone()
{
	while read -r name type verdict; do
		validated "$name.$1" "$type" "$verdict"
	done <<-END
	www A secure
	odd TYPE65400 secure
	big TXT secure
	chain A secure
	out A secure
	www.old A secure
	down A secure
	any.wild A secure
	x.y.to-www A secure
	x.to-wild A secure
	x.to-out A secure
	www.sub A secure
	sub DS secure
	x.wild.sub A secure
	nothing A missing
	x.nothing A missing
	gone A missing
	gone-out A missing
	x.to-gone A missing
	www MX empty
	b.c.d A empty
	any.wild MX empty
	up.sub MX empty
	END
	validated "$1" DNSKEY secure
	validated "$1" DS secure
}

unsigned_zones()
{
	while read -r name type verdict; do
		validated "$name" "$type" "$verdict"
	done <<-END
	www.insecure.org A insecure
	nothing.insecure.org A insecure-missing
	www.insecure.org MX insecure-empty
	any.wild.insecure.org A insecure
	www.sub.insecure.org A insecure
	www.island.nsec.org A insecure
	www.island.nsec3.org A insecure
	nothing.island.nsec.org A insecure-missing
	www.island.nsec3.org MX insecure-empty
	island.nsec.org DS empty
	island.nsec3.org DS empty
	insecure.org DS opted-out
	nothing.org A opted-out
	nothing. A missing
	. DNSKEY secure
	END
}

# Two signatures over each set, of which a validator may want either.
two_algorithms()
{
	while read -r name type verdict; do
		validated "$name" "$type" "$verdict"
	done <<-END
	two.org DNSKEY secure
	www.two.org A secure
	any.wild.two.org A secure
	www.old.two.org A secure
	nothing.two.org A missing
	www.two.org MX empty
	END
	expect "both signatures are there" \
	    'NOERROR.* IN RRSIG A 8 3 .* IN RRSIG A 13 3 ' \
	    ask +dnssec +nosplit www.two.org A
}

# We judge no signature (RFC 4035 3.2.3): those who do must get it.
badly_signed()
{
	expect "what is badly signed is passed on, and not called authentic" \
	    'NOERROR.*flags: qr rd ra;.* IN A 199.43.135.80.* IN RRSIG A ' \
	    ask +dnssec +adflag www.expired.org A
	validated www.expired.org A bogus
}

net_enter "$@"
net_up
sign_all
net_serve "$net"
anchor_delv
server_start -l 127.0.0.1 -p 53
unbound_start
signed_zone nsec.org
signed_zone nsec3.org
two_algorithms
unsigned_zones
badly_signed
server_stop || fail "the server ends with 0"
[ $failed = 0 ]
