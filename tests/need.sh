#!/bin/sh
# need.sh -- install what the tests need and this machine lacks.
#
#	sh tests/need.sh check nsd dig kdig tcpdump ip
#
# "check" is the unit test library with pkg-config; the others are commands.
# Installs with the system's package manager, as root or by sudo.  Where that
# is not possible it says what to install and fails.  A daemon that comes with
# a package is kept from being started.

PATH=$PATH:/usr/sbin:/sbin

has()
{
	case $1 in
	check)	pkg-config --exists check 2>/dev/null ;;
	*)	command -v "$1" >/dev/null 2>&1 ;;
	esac
}

# The package manager of this system.
manager()
{
	for m in apt-get apk dnf pacman; do
		has $m && echo $m && return
	done
}

# What that manager calls the package that has it.
package()
{
	case $1:$2 in
	apt-get:check)	echo check pkg-config ;;
	apt-get:dig)	echo bind9-dnsutils ;;
	apt-get:dnsmasq) echo dnsmasq-base ;;
	apt-get:kdig)	echo knot-dnsutils ;;
	apt-get:knotd)	echo knot ;;
	apt-get:named)	echo bind9 ;;
	apt-get:delv)	echo bind9-dnsutils ;;
	apt-get:dnssec-*) echo bind9-utils ;;
	apt-get:script)	echo bsdutils ;;
	apt-get:nc | apk:nc) echo netcat-openbsd ;;
	apt-get:musl-gcc) echo musl-tools ;;
	apk:check)	echo check-dev pkgconf ;;
	apk:dig)	echo bind-tools ;;
	apk:kdig)	echo knot-utils ;;
	apk:knotd)	echo knot ;;
	apk:named)	echo bind ;;
	apk:delv)	echo bind-tools ;;
	apk:dnssec-*)	echo bind-dnssec-tools ;;
	apk:script)	echo util-linux-misc ;;
	apk:setpriv)	echo setpriv ;;
	dnf:check)	echo check-devel pkgconf-pkg-config ;;
	dnf:dig)	echo bind-utils ;;
	dnf:kdig)	echo knot-utils ;;
	dnf:knotd)	echo knot ;;
	dnf:named)	echo bind ;;
	dnf:delv)	echo bind-utils ;;
	dnf:dnssec-*)	echo bind-dnssec-utils ;;
	dnf:ip)		echo iproute ;;
	apt-get:promtool | apk:promtool | pacman:promtool) echo prometheus ;;
	dnf:promtool)	echo golang-github-prometheus ;;
	dnf:nc)		echo nmap-ncat ;;
	dnf:script)	echo util-linux-script ;;
	dnf:vim)	echo vim-enhanced ;;
	pacman:check)	echo check pkgconf ;;
	pacman:dig)	echo bind ;;
	pacman:nc)	echo openbsd-netcat ;;
	pacman:kdig | pacman:knotd) echo knot ;;
	pacman:named | pacman:delv | pacman:dnssec-*) echo bind ;;
	*:ip)		echo iproute2 ;;
	*:node)		echo nodejs ;;
	*:systemd-analyze) echo systemd ;;
	*:script | *:setpriv) echo util-linux ;;
	*)		echo "$2" ;;
	esac
}

# Debian starts a daemon as it installs it, unless this file says no.
install_debian()
{
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		trap 'rm -f $policy' EXIT INT TERM
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
	fi
	export DEBIAN_FRONTEND=noninteractive
	quietly="apt-get install -y -q --no-install-recommends"
	$quietly "$@" 2>/dev/null || { apt-get update -q && $quietly "$@"; }
}

install_packages()
{
	case $(manager) in
	apt-get) install_debian "$@" ;;
	apk)	apk add "$@" ;;
	dnf)	dnf install -y "$@" ;;
	pacman)	pacman -S --noconfirm --needed "$@" ;;
	esac
}

missing=
for thing; do
	has "$thing" || missing="$missing $thing"
done
[ -z "$missing" ] && exit 0

system=$(manager)
packages=
for thing in $missing; do
	packages="$packages $(package "$system" "$thing")"
done

if [ -n "$system" ] && [ "$(id -u)" = 0 ]; then
	echo "need.sh: installing$packages"
	# Split on purpose: it is a list.
	# shellcheck disable=SC2086
	install_packages $packages >&2
elif [ -n "$system" ] && has sudo; then
	# Without a terminal nobody could type a password.
	[ -t 0 ] && ask= || ask=-n
	echo "need.sh: asking sudo to install$packages"
	# shellcheck disable=SC2086
	sudo $ask sh "$0" "$@"
fi

for thing in $missing; do
	has "$thing" || {
		echo "need.sh: please install:$packages" >&2
		exit 1
	}
done
