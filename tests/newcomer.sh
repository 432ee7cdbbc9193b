#!/bin/sh
# newcomer.sh -- does all that the README says to do, word by word, on a Debian
# with nothing on it but a C compiler and make: each command of its indented
# blocks, in their order.  That Debian comes from this machine's mirror by
# debootstrap; then it has no way out, and the Internet is NSD with the root
# servers of cache.dns and the zones of real.sh.  Root is needed, and minutes.

# shellcheck source-path=SCRIPTDIR source=net.sh
. "$(dirname "$0")/net.sh"
cd "$tests/.." || exit 1
root=${NEWCOMER_ROOT-}

# The indented lines of the README, those that go on put together, and without
# what is said beside them.
shown()
{
	sed -e ':more' -e '/^    .*[\\|]$/{N;s/ *\\\{0,1\}\n */ /;bmore' -e '}' \
	    README.md | sed -n 's/^    \([^ ]\)/\1/p' | sed 's/   .*//'
}

is_command='^(make|dig|tail|sh|build/dns|jq|grep|echo|install) '

commands()
{
	shown | grep -E "$is_command"
}

# What else is shown so: options, lines of the log, texts, what --trace says.
others()
{
	shown | grep -vE "$is_command" |
	    grep -vE '^(-|ts=|event=|msg=|peer=|ns=|qname=|no (server|answer) )' |
	    grep -vE '^([;$]|[^ ]*\. [0-9]+ IN )'
}

# COMMAND: as who has unpacked the sources there, and came into their folder.
newcomer()
{
	chroot "$root" env -i HOME=/root TERM=dumb \
	    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	    sh /root/come "$1"
}

# --- The machine.

# Where this one has its packages from, and which release they are of.
mirror()
{
	release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
	    sed 's/\[.*\]//' |
	    awk -v of="$release" '$1 == "deb" && $3 == of { print of, $2 }'
	awk -v of="$release" '
	/^URIs:/ { from = $2 }
	/^Suites:/ && (" " $0 " ") ~ (" " of " ") { found = 1 }
	/^$/ { if (found) print of, from; found = 0 }
	END { if (found) print of, from }' \
	    /etc/apt/sources.list.d/*.sources 2>/dev/null
}

machine_make()
{
	# shellcheck disable=SC2046
	set -- $(mirror)
	debootstrap --variant=minbase --include=gcc,libc6-dev,make,less \
	    "$1" "$root" "$2" >"$root.out" 2>&1 || {
		tail -n 5 "$root.out"
		die "debootstrap makes a Debian"
	}
	mount -t proc proc "$root/proc"
	mkdir "$root/root/dns"
	# shellcheck disable=SC2016
	echo 'cd /root/dns && eval "$1"' >"$root/root/come"
	tar -c --exclude='./build*' --exclude=./.git . |
	    tar -x -C "$root/root/dns"
	# As in a terminal, and without questions that nobody answers.
	export DEBIAN_FRONTEND=noninteractive
	commands | grep '^sh tests/need.sh ' >"$root.needs"
	while read -r command; do
		if newcomer "$command" >"$root.out" 2>&1 </dev/null; then
			pass "$command"
		else
			fail "$command"
			tail -n 5 "$root.out"
		fi
	done <"$root.needs"
}

machine_end()
{
	umount "$root/proc"
	rm -rf --one-file-system "$root" "$root.out" "$root.needs"
}

if [ -z "$root" ]; then
	if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
		echo "skip  newcomer.sh: root and debootstrap are needed"
		exit 0
	fi
	[ -n "${NEWCOMER-}" ] || NEWCOMER=1 exec unshare -m sh "$0"
	root=$(mktemp -d)
	chmod 755 "$root"
	trap machine_end EXIT
	trap 'exit 1' HUP INT TERM
	others | sed 's/^/neither a command nor known: /' >"$root.out"
	[ ! -s "$root.out" ] || die "$(cat "$root.out")"
	machine_make
	NEWCOMER_ROOT=$root sh "$0" || failed=1
	[ $failed = 0 ]
	exit
fi

# --- The Internet.

# NSD is all the root servers that cache.dns has.
internet()
{
	cp -r "$tests/real" "$net/zones"
	roots=$(sed 's/;.*//' cache.dns | awk '$3 ~ /^A/ { print $4 }' | xargs)
	sed "s/^root	[^	]*/root	$(echo "$roots" | tr ' ' ,)/" \
	    "$tests/real/servers" >"$net/zones/servers"
	net_serve "$net/zones"
}

# --- What the README says.

# NAME COMMAND: something that goes on until it is killed, as $pid.
newcomer_begins()
{
	background "$1" newcomer "echo \$\$ >/root/$1.pid; exec $2"
	await "$2 to begin" [ -s "$root/root/$1.pid" ]
	pid=$(cat "$root/root/$1.pid")
	pids="$pids $pid"
	rm "$root/root/$1.pid"
}

# serve PORT COMMAND: instead of the server before; and it answers.
serve()
{
	port=$1 at=127.0.0.1
	case $2 in *"-l 192.0.2.1 "*) at=192.0.2.1 ;; esac
	if [ -n "$served" ]; then
		kill "$served"
		await "a server to end" ended "$served"
	fi
	rm -f "$root/root/dns/dns.log"
	newcomer_begins served "$2"
	served=$pid
	until dig @$at -p "$port" +time=1 +tries=1 any.invalid >/dev/null
	do
		kill -0 "$served" 2>/dev/null || break
	done
	expect "$2" NXDOMAIN dig @$at -p "$port" any.invalid
}

ended()
{
	! kill -0 "$1"
}

# asked NAME ID: so that the log has this to say.
asked()
{
	dig @$at -p "$port" +time=9 "$1" >/dev/null
	await "event $2" grep -Eq "id\"?[=:]$2[ ,]" "$root/root/dns/dns.log"
}

# shows PATTERN COMMAND: it succeeds and says such a thing.
shows()
{
	expect "$2" "$1" newcomer "$2 && echo all is well"
	grep -q '^all is well$' "$net/answer" || fail "$2 fails"
}

follow()
{
	newcomer_begins follow "$1"
	await "$1 to show a line" grep -q ' id=2 ' "$net/follow.out"
	pass "$1"
	kill "$pid"
}

do_as_told()
{
	case $1 in
	"sh tests/need.sh "*) ;; # done, while there was a way out
	"make test") ;; # .ci/run does that, and here is no time
	"make run")
		serve 5300 "$1" ;;
	"tail -F "*)
		follow "$1" ;;
	*"version.bind"*)
		shows 'TXT	"dns [0-9]' "$1" ;;
	*"id.server"*)
		shows 'id.server.*TXT	"' "$1" ;;
	dig*www.example.com)
		shows '^www.example.com.*	199.43.135.80$' "$1" ;;
	*" --control "* | "echo stats"*)
		[ -S "$root/root/dns/dns.sock" ] || serve 5300 \
		    'build/dns -p 5300 --control dns.sock -e dns.log'
		shows '[a-z]' "$1" ;;
	*" --trace "*)
		shows '"REPLY"' "$1" ;;
	install*)
		shows 'all is well' "$1" ;;
	*" --classify "*)
		shows '^0.0.0.0: .*never asked' "$1" ;;
	*" --events "*)
		shows '(INVALID_SERVER_ADDRESS|CACHE_FILE)' "$1" ;;
	*" --print-hints "*)
		shows . "$1" ;;
	*" --check "*)
		shows 'name servers: 13' "$1" ;;
	"build/dns "*)
		printf '%s\n' '. NS a.root-servers.net.' \
		    'a.root-servers.net. A 198.41.0.4' >"$root/root/dns/site.dns"
		serve 53 "$1" ;;
	jq*)
		serve 5300 'build/dns -p 5300 -e dns.log --log-format json'
		asked www.one-bad.example.com 10002
		shows '^one-bad.example.com.	ns1.*	0.0.0.0	unspecified$' \
		    "$1" ;;
	"grep ' id=10002 '"*)
		serve 5300 'build/dns -p 5300 -e dns.log'
		asked www.one-bad.example.com 10002
		shows 'addr=0.0.0.0' "$1" ;;
	grep*)
		serve 5300 'build/dns -p 5300 -e dns.log --log-level debug'
		asked www.example.com 10102
		shows ' id=10100 .* q=1 ' "$1" ;;
	"make bench"*)
		shows 'is written|are written' "$1 QUICK=1" ;;
	"make "*)
		shows . "$1" ;;
	*)
		fail "it is not known what this should do: $1" ;;
	esac
}

net_enter "$@"
net_up
internet
served=
commands >"$net/commands"
while read -r command <&3; do
	do_as_told "$command"
done 3<"$net/commands"
shows 'ok ' 'make demo'
[ "$(wc -l <"$net/commands")" -gt 20 ] || fail "these are too few commands"
[ $failed = 0 ]
