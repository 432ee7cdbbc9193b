#!/bin/sh
# rfc8906.sh -- the tests of RFC 8906 8 with dig, as it gives them, over UDP and
# once more over TCP.  What is said there of a configured zone is asked here of
# one that is in the cache: AA is not set then, and RA is.
# The keys of two.org are more than 512 octets.
#
# D01 D02 D03 D04 D05 D06 D07 D08 D09 D10 D11 D12 D13 D14 D15 D16 D17 D18
# E13 V03

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=sign.sh
. "$(dirname "$0")/sign.sh"
needs='dnssec-keygen dnssec-signzone'

# What dig says: of flags, sections and OPT nothing else than this.
nothing=' QUERY: 0, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 0[|]'
plain='QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0[|].* IN SOA '
nodata='QUERY: 1, ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 0[|]'
opt='ADDITIONAL: 1[|][|];; OPT PSEUDOSECTION:[|]; EDNS: version: 0, flags:'
bare="$opt; udp: 1232[|];; QUESTION SECTION:"
dnssec="$opt do; udp: 1232[|];; QUESTION SECTION:"
whole='QUERY: 1, ANSWER: 1, AUTHORITY: 0'
badvers='status: BADVERS,.* flags: qr rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 0'
soa='.* IN SOA '
cookie='; COOKIE: [0-9a-f]{48} .good.[|];; QUESTION SECTION:'

# probe ROW PATTERN ARGUMENT...: in this transport.
probe()
{
	row=$1 wanted=$2
	shift 2
	expect "$row over $transport: dig $*" "$wanted" \
	    ask $over "$@"
}

probes()
{
	probe D01 "NOERROR,.* flags: qr ra; $plain" \
	    +noedns +noad +norec two.org soa
	probe D02 "NOERROR,.* flags: qr ra; $nodata" \
	    +noedns +noad +norec two.org type1000
	probe D03 "NOERROR,.* flags: qr ra cd; $plain" \
	    +noedns +noad +norec +cd two.org soa
	probe D04 "NOERROR,.* flags: qr ra; $plain" \
	    +noedns +norec +ad two.org soa
	probe D05 "NOERROR,.* flags: qr ra; $plain" \
	    +noedns +noad +norec +zflag two.org soa
	probe D06 "NOERROR,.* flags: qr rd ra; $plain" \
	    +noedns +noad +rec two.org soa
	probe D07 "RESERVED15, status: NOTIMP,.* flags: qr ra;$nothing" \
	    +noedns +noad +opcode=15 +norec +header-only two.org
	probe D08 "NOERROR,.* flags: qr rd ra; $plain" \
	    +noedns +noad +rec +tcp two.org soa
	probe D09 "NOERROR,.* flags: qr rd ra; $whole, $bare$soa" \
	    +nocookie +edns=0 +noad +rec two.org soa
	probe D10 "$badvers, $bare" \
	    +nocookie +edns=1 +noednsneg +noad +rec two.org soa
	probe D11 "NOERROR,.* flags: qr rd ra; $whole, $bare$soa" \
	    +nocookie +edns=0 +noad +rec +ednsopt=100 two.org soa
	probe D12 "NOERROR,.* flags: qr rd ra; $whole, $bare$soa" \
	    +nocookie +edns=0 +noad +rec +ednsflags=0x40 two.org soa
	probe D13 "$badvers, $bare" \
	    +nocookie +edns=1 +noednsneg +noad +rec +ednsflags=0x40 two.org soa
	probe D14 "$badvers, $bare" \
	    +nocookie +edns=1 +noednsneg +noad +rec +ednsopt=100 two.org soa
	probe D15 "$keys" \
	    +rec +noad +dnssec +bufsize=512 +ignore two.org dnskey
	probe D16 "NOERROR,.* flags: qr rd ra; QUERY: 1, ANSWER: 3,.*$dnssec" \
	    +nocookie +edns=0 +noad +rec +dnssec two.org soa
	probe D17 "$badvers, $dnssec" \
	    +nocookie +edns=1 +noednsneg +noad +rec +dnssec two.org soa
	probe D18 "NOERROR,.* flags: qr rd ra; $whole, $opt; udp: 1232[|]$cookie" \
	    +edns=0 +noad +rec +cookie +nsid +expire +subnet=0.0.0.0/0 two.org soa
}

net_enter "$@"
net_up
sign_all
net_serve "$net"
server_start -l 127.0.0.1 -p 53
expect "without RD what is not in the cache is refused, not looked up" \
    'REFUSED,.* flags: qr ra;.*ADDITIONAL: 0[|]' \
    ask +noedns +noad +norec two.org soa
ask two.org soa >/dev/null
ask two.org type1000 >/dev/null
cut="$opt do; udp: 1232[|]$cookie"
transport=UDP over=+notcp
keys="NOERROR,.* flags: qr tc rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 0, $cut"
probes
transport=TCP over=+tcp
keys="NOERROR,.* flags: qr rd ra; QUERY: 1, ANSWER: 4, AUTHORITY: 0, $cut"
probes
server_stop || fail "the server ends with 0"
[ $failed = 0 ]
