#!/bin/sh
# layers.sh -- the rules of structure, read off the objects in $B and the
# sources, and whether what is written about them is so.  Prints a line for
# each rule.
#
#	dns -> control -> referral -> server, cache -> eventlog -> message -> libc
#
# except that cache knows nobody but message.

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
parts="dns control referral server cache eventlog message confine"
. tests/rule.sh

# The fortified and the plain name of a libc function are one.
symbols()
{
	sed 's/^.* //; s/^__\(.*\)_chk$/\1/; s/^__isoc[0-9]*_//' | sort -u
}

for part in $parts; do
	[ -f "$B/$part.o" ] || {
		echo "FAIL  no $B/$part.o: run make first"
		exit 1
	}
	nm -g --defined-only "$B/$part.o" | symbols >"$work/$part.defines"
	nm -u "$B/$part.o" | symbols >"$work/$part.uses"
done

# Whom a part may call.
below()
{
	case $1 in
	dns)		echo control referral server cache eventlog message confine ;;
	control)	echo referral server cache eventlog message confine ;;
	referral)	echo server cache eventlog message ;;
	server)		echo eventlog message confine ;;
	eventlog)	echo message confine ;;
	cache)		echo message ;;
	esac
}

upward_calls()
{
	for part in $parts; do
		for other in $parts; do
			case " $part $(below "$part") " in
			*" $other "*)	continue ;;
			esac
			comm -12 "$work/$part.uses" "$work/$other.defines" |
			    sed "s/^/$part.c uses /"
		done
	done
}

# users SYMBOL PART...: who uses the symbol and is not in the list.
users()
{
	symbol=$1
	shift
	for part in $parts; do
		case " $* " in *" $part "*) continue ;; esac
		grep -qx "$symbol" "$work/$part.uses" &&
		    echo "$part.c uses $symbol"
	done
}

# callers FILE FUNCTION: each function of the file that calls it.  A function
# begins with its name in column 1.
callers()
{
	awk -v call="$2" '
	/^[a-z_0-9]+\(/ { sub(/\(.*/, ""); inside = $0; next }
	/^( \*|\/\*)/ || /^\t+(\/\*| \*)/ { next }
	match($0, "(^|[^a-z_0-9])" call "\\(") { print inside }' "$1"
}

undeclared()
{
	for part in $parts; do
		while read -r symbol; do
			[ "$symbol" = main ] ||
			    grep -Eq "(^|[ *])$symbol\(" dns.h ||
			    echo "$part.c defines $symbol"
		done <"$work/$part.defines"
	done
}

upward_calls | rule "calls go only down"

undeclared | rule "what a file shows to others stands in dns.h"

{
	for part in $parts; do
		grep -n '^#include "' "$part.c" |
		    grep -Ev '"(dns.h|hints.inc)"' |
		    sed "s/^/$part.c:/"
	done
	grep -n '^#include "' dns.h
} | rule "a file includes dns.h and the system's headers, no other"

# In the function that sends, what comes between its head and the calls.
before_sending()
{
	awk '
	/^[a-z_0-9]+\(/ { body = "" }
	/(^|[^a-z_0-9])(connect|sendto)\(/ { print body; exit }
	{ body = body $0 }' referral.c
}

# The address filter stands before these two calls, and there are no others but
# that of outlet_loosen, which connects to nobody, and those of control.c, to
# sockets of this host alone.
{
	users sendto referral
	users connect referral control
	[ "$(callers referral.c sendto | tr '\n' ' ')" = "server_send " ] ||
	    echo "not server_send alone calls sendto, once"
	[ "$(callers referral.c connect | sort | tr '\n' ' ')" = \
	    "outlet_loosen server_send " ] ||
	    echo "not outlet_loosen and server_send call connect, once each"
	awk '/^outlet_loosen\(/, /^}/' referral.c | tr -d '\n\t' |
	    grep -q 'nobody = {.sa_family = AF_UNSPEC};.*connect(o->fd, &nobody,' ||
	    echo "outlet_loosen connects to somebody"
	before_sending |
	    grep -q 'if (candidate_refuse(w, to))	*return SEND_REFUSED;' ||
	    echo "the filter is not asked before"
} | rule "nobody is sent or connected to before the address filter was asked"

{
	for symbol in send sendmsg sendmmsg write writev sendfile splice; do
		grep -qx $symbol "$work/referral.uses" &&
		    echo "referral.c uses $symbol"
	done
	users sendmsg dns
	users sendmmsg dns
} | rule "nothing else in referral.c sends"

{
	callers control.c connect | grep -v '^unix_connect$'
	awk '/^unix_connect\(/ { inside = 1 } /^}/ { inside = 0 }
	inside && /[^a-z_]socket\(/ && !/socket\(AF_UNIX,/' control.c
} | rule "control.c connects to sockets of this host alone"

callers dns.c manager_turn | grep -v '^serve$' |
    rule "the watchdog hears of nothing but turns of the loop"

# server.c tells the kernel's netlink alone, and by one call.
{
	n=$(callers server.c send | wc -l)
	[ "$n" = 1 ] || echo "server.c calls send $n times"
	grep -n '[^a-z_]socket(' server.c | grep -v 'socket(AF_NETLINK,'
	for symbol in sendto sendmsg sendmmsg connect; do
		grep -qx $symbol "$work/server.uses" &&
		    echo "server.c uses $symbol"
	done
} | rule "server.c sends to the kernel alone"

{
	users accept dns
	users accept4 dns control
	users listen control
} | rule "only dns.c takes clients, and only control.c listens for them"

heap="malloc calloc realloc reallocarray aligned_alloc posix_memalign strdup
    strndup asprintf vasprintf getline mmap free"
{
	for symbol in $heap; do
		users "$symbol" cache server referral dns control
		for part in cache server referral dns control; do
			callers $part.c "$symbol"
		done | grep -Ev '_(init|open|close)$|hints' |
		    sed "s/\$/ calls $symbol/"
	done
} | rule "only what runs before the loop allocates"

stdio="fopen fdopen fclose fread fgets getc fgetc fwrite fputs fputc putc puts
    putchar printf fprintf vprintf vfprintf dprintf perror syslog stdout"
{
	for symbol in $stdio; do
		users "$symbol" control
	done
} | rule "only control.c speaks to the terminal"

{
	for symbol in name_text type_text rcode_text address_text \
	    address_port_text snprintf; do
		callers dns.c "$symbol" | grep -v '^listener_refuse$' |
		    sed "s/\$/ calls $symbol/"
	done
} | rule "dns.c turns nothing into text once it serves"

{
	for symbol in sprintf vsprintf strcpy strcat gets sscanf scanf atoi \
	    atol strtok alloca system popen fork execve setjmp longjmp; do
		users $symbol
	done
} | rule "nobody uses what is unsafe or leaves the process"

# attacks:S05, attacks:S06: and no port is anybody's in particular.
{
	grep -n SO_REUSEPORT ./*.c
	for symbol in rand random rand_r srand srandom drand48 lrand48 \
	    arc4random; do
		users $symbol
	done
} | rule "chance comes from getrandom alone, and ports from chance"

{
	for symbol in time gettimeofday ftime clock timespec_get; do
		users $symbol
	done
	users clock_gettime dns
} | rule "only dns.c reads the clock"

{
	for symbol in getaddrinfo gethostbyname res_query getnameinfo \
	    inet_addr inet_aton; do
		users $symbol
	done
} | rule "nobody asks the system's resolver"

# A name of more than three words between back quotes is a scenario's.
grep -ohE "\`[a-z0-9]+(-[a-z0-9.]+){3,}\`" README.md \
    SECURITY.md tests/scenarios/README.md | tr -d '\140' | sort -u | while read -r name; do
	[ -f "tests/scenarios/$name.txt" ] || echo "no scenario $name"
done | rule "the scenarios that are named by those who explain them exist"

rules_held
