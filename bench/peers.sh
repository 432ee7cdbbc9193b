# shellcheck shell=sh
# peers.sh -- the servers that are measured, and how each is started; run.sh
# sources it.  All of them: one thread, IPv4 upstream, no validation, the same
# root servers, room for all names, and no limits in the way.
#
# To add one: its name to `servers', a port, and a function that prints the
# command, with what it needs in the directory $home.  Floors are echo, tcp and
# relay, of floor.c.
# shellcheck disable=SC2034,SC2154 # names of run.sh

servers='dns unbound kresd named pdns'

port_of()
{
	case $1 in
	dns)	echo 5300 ;;
	unbound) echo 5301 ;;
	kresd)	echo 5302 ;;
	named)	echo 5303 ;;
	pdns)	echo 5304 ;;
	echo)	echo 5310 ;;
	tcp)	echo 5311 ;;
	relay)	echo 5312 ;;
	esac
}

is_installed()
{
	case $1 in
	pdns)	command -v pdns_recursor >/dev/null ;;
	dns | echo | tcp | relay) true ;;
	*)	command -v "$1" >/dev/null ;;
	esac
}

version_of()
{
	case $1 in
	dns)	"$dns" -V ;;
	unbound) unbound -V | sed -n 's/^Version/Unbound/p' ;;
	kresd)	kresd -V | sed 's/, version//' ;;
	named)	named -v | sed 's/-Debian.*//' ;;
	pdns)	pdns_recursor --version 2>&1 |
		    sed -n 's/.*\(PowerDNS Recursor [0-9.]*\).*/\1/p' ;;
	esac | head -n 1
}

# The command of a server, with a home as if it had never run.
command_of()
{
	port=$(port_of "$1")
	home=$work/$1
	rm -rf "$home"
	mkdir -p "$home"
	"$1_command"
}

dns_command()
{
	echo "$dns -4 -l 127.0.0.1 -p $port -r $hints -c 1G -e $home/log"
}

unbound_command()
{
	cat >"$home/conf" <<-END
	server:
		interface: 127.0.0.1@$port
		do-daemonize: no
		do-ip6: no
		username: ""
		chroot: ""
		directory: "$home"
		pidfile: ""
		use-syslog: no
		verbosity: 0
		root-hints: "$hints"
		module-config: "iterator"
		num-threads: 1
		msg-cache-size: 1g
		rrset-cache-size: 1g
		infra-cache-numhosts: 100000
		num-queries-per-thread: 8192
		outgoing-range: 16000
		incoming-num-tcp: 2000
		so-rcvbuf: 4m
		so-sndbuf: 4m
	remote-control:
		control-enable: no
	END
	echo "unbound -d -c $home/conf"
}

kresd_command()
{
	cat >"$home/conf" <<-END
	net.ipv6 = false
	net.listen('127.0.0.1', $port, { kind = 'dns' })
	for _, m in ipairs({ 'ta_update', 'ta_signal_query', 'ta_sentinel',
	    'priming', 'detect_time_skew', 'detect_time_jump' }) do
		modules.unload(m)
	end
	trust_anchors.remove('.')
	modules.load('hints')
	hints.root_file('$hints')
	cache.open(3 * GB, 'lmdb://$home/cache')
	log_level('crit')
	END
	echo "kresd -n -q -c $home/conf $home"
}

named_command()
{
	cat >"$home/conf" <<-END
	options {
		directory "$home";
		pid-file none;
		session-keyfile none;
		lock-file none;
		listen-on port $port { 127.0.0.1; };
		listen-on-v6 { none; };
		dnssec-validation no;
		recursive-clients 20000;
		tcp-clients 2000;
		clients-per-query 0;
		max-cache-size 4g;
	};
	controls { };
	logging { category default { null; }; };
	zone "." { type hint; file "$hints"; };
	END
	echo "named -4 -f -n 1 -c $home/conf"
}

pdns_command()
{
	cat >"$home/recursor.conf" <<-END
	local-address=127.0.0.1
	local-port=$port
	hint-file=$hints
	dnssec=off
	threads=1
	pdns-distributes-queries=no
	max-mthreads=8192
	max-cache-entries=4000000
	max-packetcache-entries=4000000
	max-tcp-clients=2000
	max-tcp-per-client=0
	socket-dir=$home
	security-poll-suffix=
	quiet=yes
	loglevel=1
	daemon=no
	disable-syslog=yes
	END
	echo "pdns_recursor --config-dir=$home"
}

echo_command()
{
	echo "$tools/floor echo $port"
}

tcp_command()
{
	echo "$tools/floor tcp $port"
}

relay_command()
{
	echo "$tools/floor relay $port"
}
