#!/bin/sh
# forward.sh -- real servers as forwarders: the same questions to Unbound, BIND
# and dnsmasq, and to this server, which asks nobody else.  Do they say the same?
#
#	sh tests/forward.sh [QUESTIONS [SEED]]

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
# shellcheck source-path=SCRIPTDIR source=sign.sh
. "$(dirname "$0")/sign.sh"
# shellcheck source-path=SCRIPTDIR source=peers.sh
. "$(dirname "$0")/peers.sh"
needs='unbound named dnsmasq dnssec-keygen dnssec-signzone'

# It walks nowhere, as Unbound does that for it; and what it says from its cache
# is another thing than what it said at first.
dnsmasq_peer()
{
	background dnsmasq dnsmasq -k -C /dev/null -u "$(id -un)" --port=5303 -c 0 \
	    --listen-address=127.0.0.1 --bind-interfaces --no-resolv \
	    --no-hosts --pid-file --server=127.0.0.1#5301 --proxy-dnssec \
	    --log-facility=-
}

# through NAME PORT: what we say with it as the forwarder, at PORT + 10.
through()
{
	ours=$(($2 + 10))
	server_start -l 127.0.0.1 -p $ours -f ".=127.0.0.1@$2"
	ask_all "$2"
	ask_all $ours
	differences "$1" "$2" $ours >"$net/differences"
	cat "$net/differences"
	if grep -q '^FAIL ' "$net/differences"; then
		failed=$((failed + 1))
	fi
	sent=$(server_statistic sent)
	if root_heard; then
		fail "no root is asked where all is forwarded to $1"
	elif [ "$sent" -lt 100 ]; then
		fail "$1 was asked $sent times, which is too few"
	else
		pass "$1 alone was asked, $sent times"
	fi
	server_stop || fail "the server does not end in order"
}

# Has our server primed its roots, as whoever asks one does?
root_heard()
{
	events 10004 | grep -q .
}

net_enter "$@"
authority=nsd
net_up
sign_all
net_serve "$net"
unbound_peer
named_peer
dnsmasq_peer
questions "${1-1000}" "${2-1}" >"$net/questions"
for port in 5301 5302 5303; do
	await "an answer at port $port" \
	    dig @127.0.0.1 -p $port org SOA +time=1 +tries=1
done
through Unbound 5301
through BIND 5302
through dnsmasq 5303
[ "$failed" = 0 ]
