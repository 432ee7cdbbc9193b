#!/bin/sh
# package.sh -- what make deb and make static leave: is it installed, started,
# asked and purged without a trace?  The package, in a copy of all files of this
# machine that ends with the script; the static server, where there is no other
# file.  A network of our own has nobody in it but the server.

PATH=$PATH:/usr/sbin:/sbin
if [ -z "${PACKAGE_USER-}" ]; then
	PACKAGE_USER=$(id -u)
	export PACKAGE_USER
	for flags in -mn -rmn; do
		unshare $flags ip link set lo up 2>/dev/null &&
		    exec unshare $flags sh "$0"
	done
	echo "skip  package.sh: this machine lets us make no namespaces"
	exit 0
fi
# shellcheck source-path=SCRIPTDIR source=serve.sh
. "$(dirname "$0")/serve.sh"
unset MAKEFLAGS MAKELEVEL
ip link set lo up
export SYSTEMD_COLORS=0 SYSTEMD_EMOJI=0
root=/mnt/root
port=53
log=

skip() { # WHAT COMMAND
	echo "skip  $1: no $2 here"
}

has() {
	command -v "$1" >/dev/null
}

do_make() { # ARGUMENT...
	make -s B="$dir/build" "$@" >"$dir/out" 2>"$dir/err"
}

# Both transports at both addresses say who they are.
answers() {
	for at in 127.0.0.1 ::1; do
		for over in +notcp +tcp; do
			dig @$at $over +tries=1 +short version.bind CH TXT
		done
	done >"$dir/out" 2>&1
	[ "$(grep -c '^"dns [0-9.]*"$' "$dir/out")" = 4 ]
}

# --- The package.

inside() { # COMMAND...: in the copy
	chroot "$root" "$@" >"$dir/out" 2>"$dir/err"
}

# A copy of what this machine has on its disk; changes stay in memory.
copy() {
	mount -t tmpfs tmpfs /mnt &&
	    mkdir /mnt/changes /mnt/work "$root" &&
	    mount -t overlay overlay "$root" \
		-o lowerdir=/,upperdir=/mnt/changes,workdir=/mnt/work &&
	    : >>"$root/dev/null" &&
	    mount --bind /dev/null "$root/dev/null" &&
	    mount --rbind /proc "$root/proc" &&
	    mount -t tmpfs tmpfs "$root/run"
}

# Where a package may have put something.
listing() {
	(cd "$root" && find etc lib/systemd usr/lib/systemd usr/sbin \
	    usr/share/doc usr/share/man var/cache/dns var/lib/systemd \
	    var/log 2>/dev/null | sort)
}

# As systemd starts it, with the options that its unit has from there.
begin() {
	# shellcheck disable=SC2016
	chroot "$root" sh -c 'install -d -o _dns -g _dns -m 750 /run/dns
		. /etc/default/dns
		can=-all,+net_bind_service
		exec setpriv --reuid _dns --regid _dns --clear-groups \
		    --inh-caps=$can --ambient-caps=$can --bounding-set=$can \
		    --no-new-privs /usr/sbin/dns $DNS_OPTS' 2>"$dir/err" &
	pid=$!
	log=$root/var/log/dns/dns.log
	bound
}

package() {
	do_make deb
	verdict $? 'make deb makes a package'
	cp "$dir"/build/dns_*.deb "$root/dns.deb"
	listing >"$dir/before"
	inside dpkg -i /dns.deb &&
	    [ "$(chroot "$root" stat -c %a:%U:%G /var/log/dns /usr/sbin/dns \
		/etc/dns/cache.dns | xargs)" = \
		'750:_dns:_dns 755:root:root 644:root:root' ]
	verdict $? 'dpkg installs it, with a user who has but a place for its log'
	inside man -w dns || [ -e "$root/usr/share/man/man8/dns.8.gz" ]
	verdict $? 'and its manual'
	if has systemd-analyze; then
		inside systemctl is-enabled dns.service
		verdict $? 'its unit is enabled'
		inside systemd-analyze verify dns.service dns.socket &&
		    [ ! -s "$dir/err" ]
		verdict $? 'systemd finds nothing to say of its units'
		inside systemd-analyze security --offline=true --threshold=20 \
		    /lib/systemd/system/dns.service
		verdict $? 'and little exposed to harm: 2.0 at the most'
	else
		skip 'the units' systemd-analyze
	fi

	begin && answers
	verdict $? 'it serves port 53 as its user, and answers'
	inside dns --control /run/dns/control stats
	verdict $? 'and its operator'
	if has logrotate; then
		inside logrotate -f -s /var/log/dns/state \
		    /etc/logrotate.d/dns && until_true told_times 1 ' id=10020 '
		verdict $? 'logrotate takes its log away, and it opens another'
		kill -USR1 $pid && until_true told_times 1 ' id=10001 ' &&
		    sed 's/.* seq=\([0-9]*\).*/\1/' "$log.1" "$log" \
			>"$dir/out" &&
		    seq "$(wc -l <"$dir/out")" | diff - "$dir/out" >"$dir/err"
		verdict $? 'and no line is lost'
	else
		skip 'the rotation of its log' logrotate
	fi
	stop && [ -s "$root/var/cache/dns/cache" ]
	verdict $? 'it ends in order, and keeps what it knows'
	printf '\n; mine\n' >>"$root/etc/dns/cache.dns"
	inside dpkg -i /dns.deb && grep -q '^; mine$' "$root/etc/dns/cache.dns"
	verdict $? 'another installation leaves an edited cache.dns'
	inside dpkg -r dns && grep -q '^; mine$' "$root/etc/dns/cache.dns" &&
	    [ ! -e "$root/usr/sbin/dns" ]
	verdict $? 'so does its removal'
	inside dpkg -P dns
	listing | diff "$dir/before" - >"$dir/out" &&
	    ! chroot "$root" getent passwd _dns >>"$dir/out"
	verdict $? 'dpkg -P leaves neither a file nor the user'
}

lacks=
for tool in dpkg-deb objdump setpriv dig; do
	has $tool || lacks=$tool
done
if [ "$PACKAGE_USER" != 0 ]; then
	echo "skip  the package: only root can install it"
elif [ -n "$lacks" ]; then
	skip 'the package' "$lacks"
elif ! copy 2>"$dir/err"; then
	skip 'the package' "copy of this machine: $(tail -n 1 "$dir/err")"
else
	package
fi

# --- The static server.

alone() {
	do_make static
	verdict $? 'make static makes a server'
	mkdir "$dir/alone" && cp "$dir/build/static/dns" "$dir/alone"
	chroot "$dir/alone" /dns --print-hints >"$dir/out" 2>"$dir/err" &&
	    cmp -s cache.dns "$dir/out"
	verdict $? 'which needs no other file'
	chroot "$dir/alone" /dns 2>"$dir/err" &
	pid=$!
	log=
	bound && answers
	verdict $? 'not even to serve'
	stop
	verdict $? 'it ends in order'
}

if has musl-gcc && has dig; then
	alone
else
	skip 'the static server' 'musl-gcc or dig'
fi

sum package
