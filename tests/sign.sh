# shellcheck shell=sh
# sign.sh -- signed zones for the small Internet of net.sh: signed.sh,
# rfc8906.sh and compare.sh source it.  Keys are made anew each time and end
# with the run.
# shellcheck disable=SC2154 # net and tests are those of net.sh

# sign_all: the zones of tests/signed, signed as its table says, lie in $net
# then, and what a validator is to trust in root.key.
sign_all()
{
	mkdir "$net/keys"
	cp "$tests/signed/servers" "$net/servers"
	sed '/^#/d' "$tests/signed/zones" >"$net/zones"
	while read -r zone source how algorithms; do
		sign_zone "$zone" "$tests/signed/$source.zone" "$how" \
		    "$algorithms" >"$net/sign.out" 2>&1 || {
			cat "$net/sign.out"
			die "cannot sign $zone"
		}
	done <"$net/zones"
	cp "$net"/keys/K.+*.key "$net/root.key"
}

# sign_zone ZONE FILE HOW ALGORITHM,...: what its parent says of its key is
# found there by -g, as the zones below were signed first.
sign_zone()
{
	signed=$(zone_file "$net" "$1")
	case $3 in
	unsigned) cp "$2" "$signed" && return ;;
	nsec)	how= ;;
	nsec3)	how='-3 beef -H 0' ;;
	optout)	how='-3 - -H 0 -A' ;;
	expired) how='-s 20200101000000 -e 20200201000000' ;;
	esac
	for algorithm in $(echo "$4" | tr , ' '); do
		dnssec-keygen -q -K "$net/keys" -a "$algorithm" -f KSK "$1" ||
		    return
	done
	# shellcheck disable=SC2086
	dnssec-signzone -q -S -z -g -P -K "$net/keys" -d "$net/keys" $how \
	    -o "$1" -f "$signed" "$2"
}
