# shellcheck shell=sh
# serve.sh -- the server on a port of its own; cli.sh, hints.sh, log.sh and
# readers.sh source it.  Nothing leaves the machine: the hints name loopback only.
set -u
B=${B:-build}
dns=$PWD/$B/dns
case $B in /*) dns=$B/dns ;; esac
dir=$(mktemp -d) || exit 1
log=$dir/log
pid=
trap 'test -n "$pid" && kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
passed=0 failed=0

printf '. NS a.root.\na.root. A 127.0.0.1\n' >"$dir/hints"
port=$((20000 + $$ % 10000))

verdict() { # STATUS NAME
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok   $2"
	else
		failed=$((failed + 1))
		echo "FAIL $2"
		tail -n 30 "$dir/out" "$dir/err" "$log" 2>/dev/null |
		    sed 's/^/     /'
	fi
}

# Start in the background and wait until it has its port.
start() { # ARGUMENT...
	rm -f "$log"
	"$dns" -r "$dir/hints" "$@" >"$dir/out" 2>"$dir/err" &
	pid=$!
	bound
}

# Both defaults are bound before the line of the start, so wait for that too
# where there is one.
bound() {
	n=0
	until grep -qi ":$(printf %04X "$port") " /proc/net/udp &&
	    { [ "${quiet-}" ] ||
		grep -qsE ' id=2 |"id":2,' "$dir/err" "$log"; }; do
		n=$((n + 1))
		[ $n -lt 1000 ] || return 1
		sleep 0.01
	done
}

stop() {
	kill "$pid" && wait "$pid" 2>/dev/null
	status=$?
	pid=
	return $status
}

# until_true COMMAND...: it succeeds within 20 seconds.
until_true() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || return 1
		sleep 0.02
	done
}

# How many lines with this expression the log has.
told() {
	grep -cE -- "$1" "$log"
}

told_times() { # COUNT EXPRESSION
	[ "$(told "$2")" -ge "$1" ]
}

descriptors() {
	for fd in /proc/"$pid"/fd/*; do
		echo "$fd"
	done | wc -l
}

# The last line, and the exit status.
sum() { # NAME
	echo "$1: $passed passed, $failed failed"
	[ $failed -eq 0 ]
}
