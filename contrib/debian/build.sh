#!/bin/sh
# build.sh -- a Debian package of what is installed below $1, into the directory
# $2; make deb calls it.
set -eu
here=$(dirname "$0")
contrib=$here/..
root=$1
umask 022

install -d "$root/DEBIAN" "$root/etc/default" "$root/etc/logrotate.d" \
    "$root/lib/systemd/system" "$root/usr/share/doc/dns"
install -m 644 "$contrib/default/dns" "$root/etc/default/dns"
install -m 644 "$contrib/logrotate/dns" "$root/etc/logrotate.d/dns"
install -m 644 "$contrib"/systemd/dns.* "$root/lib/systemd/system"
install -m 644 "$contrib/../README.md" "$contrib/../SECURITY.md" \
    "$root/usr/share/doc/dns"
gzip -9n "$root/usr/share/man/man8/dns.8"
strip --remove-section=.comment --remove-section=.note "$root/usr/sbin/dns"

install -m 644 "$here/conffiles" "$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN"
(cd "$root" && find usr lib -type f -exec md5sum {} + >DEBIAN/md5sums)

version=$("$root/usr/sbin/dns" --version | cut -d ' ' -f 2)
# The newest version of a symbol that it takes from the C library.
libc=$(objdump -T "$root/usr/sbin/dns" |
    sed -n 's/.*(\{0,1\}GLIBC_\([0-9.]*\)).*/\1/p' | sort -V | tail -n 1)
sed "s/@VERSION@/$version/
	s/@ARCHITECTURE@/$(dpkg --print-architecture)/
	s/@MAINTAINER@/${DEBEMAIL:-root <root@localhost>}/
	s/@SIZE@/$(du -sk --exclude=DEBIAN "$root" | cut -f 1)/
	s/@LIBC@/$libc/" "$here/control" >"$root/DEBIAN/control"
dpkg-deb --root-owner-group --build "$root" "$2"
