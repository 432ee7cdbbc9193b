#!/bin/sh
# confine.sh -- the server with -u and --chroot, as root starts it: it is nobody,
# sees an empty directory, makes no call that is not on its list, and does all
# it does otherwise.  See net.sh for the network.

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"

# status KEY: of the process, as the kernel tells it.
status()
{
	sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$server/status"
}

confined_start()
{
	server_start -l 127.0.0.1 -p 53 -u nobody --chroot "$net/empty" \
	    --control "$net/control" --cache-file "$net/cache" \
	    -r "$net/hints"
}

control()
{
	"$dns" --control "$net/control" "$@"
}

became()
{
	expect "it is another user" "^$(id -u nobody)\$" status Uid
	expect "in no group of root's" '^$' status Groups
	expect "who gets no privilege back" '^1$' status NoNewPrivs
	expect "in an empty directory" "^$net/empty\$" \
	    readlink "/proc/$server/root"
	expect "the log tells what was given up" \
	    "user=nobody chroot=$net/empty seccomp=yes" events 10050
	if [ "$(uname -m)" = x86_64 ] || [ "$(uname -m)" = aarch64 ]; then
		expect "its system calls are filtered" '^2$' status Seccomp
	fi
}

serves()
{
	expect "it walks to an answer" NOERROR \
	    ask www.example.com
	expect "over TCP too" NOERROR ask +tcp www.example.com AAAA
	expect "a name that is not there" NXDOMAIN ask nothing.example.com
	expect "--control answers" '^uptime_s' control stats
	expect "and looks into the cache" 'www.example.com' \
	    control lookup www.example.com A
	expect "its socket is the user's alone" "^600 nobody\$" \
	    stat -c '%a %U' "$net/control"
}

rotated()
{
	mv "$net/dns.log" "$net/dns.log.1"
	kill -HUP "$server"
	await "another log" grep -q ' id=10020 ' "$net/dns.log"
	pass "a log that was renamed is made anew"
	echo '; edited' >>"$net/hints"
	cp "$net/hints" "$net/hints.new"
	sed -i '/AAAA/d' "$net/hints.new"
	mv "$net/hints.new" "$net/hints"
	await "the hints to be taken" grep -q ' id=540 ' "$net/dns.log"
	pass "hints that were edited are taken"
}

ended()
{
	if server_stop; then
		pass "it ends in order"
	else
		fail "it ends in order"
	fi
	expect_not "nothing was refused that it needs" 10051 \
	    grep -h ' id=10051 ' "$net/dns.log" "$net/dns.log.1"
	expect "its socket is gone" 'No such file' ls "$net/control"
	confined_start
	await "the cache file to be read" grep -q ' id=10040 ' \
	    "$net/dns.log"
	pass "what it wrote at its end is read after the next start"
	server_stop
}

# refused EXPRESSION TITLE OPTION...: it does not start.
refused()
{
	pattern=$1 title=$2
	shift 2
	expect "$title" "$pattern" "$dns" -l 127.0.0.1@5300 \
	    -r "$net/hints" -e /dev/null "$@"
}

[ "$(id -u)" = 0 ] || {
	echo "skip  confine.sh: only root has something to give up"
	exit 0
}
net_enter "$@"
net_up
net_serve "$tests/real"
: >"$net/dns.log"
chown nobody "$net" "$net/dns.log"
mkdir "$net/empty"
cp "$tests/real/root.hints" "$net/hints"
confined_start
became
serves
rotated
ended
mkdir "$net/roots"
chown root "$net/roots"
ln -s "$net/roots/log" "$net/leads.log"
expect "the user cannot have root open a file for him" \
    'cannot open the event log .*Permission denied' "$dns" \
    -l 127.0.0.1@5300 -r "$net/hints" -u nobody -e "$net/leads.log"
refused 'unknown user nemo' "a user that does not exist" -u nemo
refused 'nothing is given up by root' "root gives nothing up" -u root
refused 'cannot give up chroot: No such' "a root that does not exist" \
    --chroot "$net/none"
expect "only root becomes another" 'cannot give up user: Operation not' \
    setpriv --reuid nobody --clear-groups "$dns" -l 127.0.0.1@5300 \
    -r "$net/hints" -e /dev/null -u daemon
[ "$failed" = 0 ]
