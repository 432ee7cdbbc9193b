#!/bin/sh
# install.sh -- the server as it is put on a machine: make install and what it
# leaves.  All of it happens below a directory that is gone at the end.
# shellcheck source-path=SCRIPTDIR source=serve.sh
. "$(dirname "$0")/serve.sh"
unset MAKEFLAGS MAKELEVEL
tree=$PWD
root=$dir/root

# As this make was called, but for what is said here: one with another
# SYSCONFDIR would make the server of $B anew.
do_make() { # ARGUMENT...
	make -s -C "$tree" CFLAGS=-O1 DESTDIR="$root" "$@" \
	    >"$dir/out" 2>"$dir/err"
}

# Every file below the root, with its mode, is one of these.
there() { # MODE:PATH...
	for file; do
		echo "$file"
	done | sort >"$dir/want"
	(cd "$root" && find . -type f -exec stat -c %a:%n {} +) |
	    sed 's,\./,,' | sort >"$dir/is"
	diff "$dir/want" "$dir/is" >>"$dir/err"
}

(umask 077 && do_make B="$B" install) && there 755:usr/local/sbin/dns \
    644:usr/local/share/man/man8/dns.8 644:usr/local/etc/dns/cache.dns
verdict $? 'make install puts down the server, its manual and cache.dns'
[ -z "$(find "$root" -type d ! -perm 755)" ]
verdict $? 'in directories that all may enter, whatever the umask'
cmp -s cache.dns "$root/usr/local/etc/dns/cache.dns" &&
    "$root/usr/local/sbin/dns" --version | grep -q '^dns [0-9]'
verdict $? 'and they are what they are called'
do_make B="$B" uninstall && there && [ ! -e "$root/usr/local/etc/dns" ]
verdict $? 'make uninstall leaves nothing'

mine=$root/usr/local/etc/dns/cache.dns
do_make B="$B" install &&
    printf '\n; mine\n' >>"$mine" && do_make B="$B" install &&
    grep -q '^; mine$' "$mine"
verdict $? 'a cache.dns that was edited is not overwritten'
do_make B="$B" uninstall && there 644:usr/local/etc/dns/cache.dns
verdict $? 'nor removed, and nothing else is left'

rm -rf "$root"
do_make B="$dir/build" && do_make B="$dir/build" PREFIX=/usr install &&
    there 755:usr/sbin/dns 644:usr/share/man/man8/dns.8 644:etc/dns/cache.dns
verdict $? 'below /usr, the hints are in /etc'
"$root/usr/sbin/dns" --help | grep -q ' /etc/dns/cache.dns$' &&
    grep -q '^\.It Pa /etc/dns/cache.dns$' "$root/usr/share/man/man8/dns.8" &&
    ! grep -q '/usr/local' "$root/usr/share/man/man8/dns.8"
verdict $? 'where the server, made anew for that, and its manual say they are'
do_make B="$dir/build" PREFIX=/usr SYSCONFDIR=/srv MANDIR=/srv/man install &&
    there 755:usr/sbin/dns 644:usr/share/man/man8/dns.8 \
	644:etc/dns/cache.dns 644:srv/dns/cache.dns 644:srv/man/man8/dns.8 &&
    "$root/usr/sbin/dns" --help | grep -q ' /srv/dns/cache.dns$'
verdict $? 'SYSCONFDIR and MANDIR are where they say'

sum install
