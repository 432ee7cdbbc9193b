#!/bin/sh
# control.sh -- the socket of --control and the file of --metrics, with the
# program as it is: who can open it, what stands in its way, both ends of the
# protocol; the form of the metrics.  What commands do is shown by scenarios.
#
# What needs nc or promtool is skipped where it is missing.
# shellcheck source-path=SCRIPTDIR source=serve.sh
. "$(dirname "$0")/serve.sh"

socket=$dir/socket
serve() {
	start -l "127.0.0.1@$port" -e "$log" --control "$socket"
}

# refused EXPRESSION NAME: a server with that socket does not start.
refused() {
	"$dns" -r "$dir/hints" -l "127.0.0.1@$((port + 1))" -e /dev/null \
	    --control "$socket" >"$dir/out" 2>"$dir/err"
	[ $? = 2 ] && grep -qE -- "$1" "$dir/err" && [ "$(wc -l <"$dir/err")" = 1 ]
	verdict $? "$2"
}

# gives STATUS EXPRESSION NAME WORD...: a command ends so and prints that.
gives() {
	want=$1 expression=$2 name=$3
	shift 3
	"$dns" --control "$socket" "$@" >"$dir/out" 2>"$dir/err"
	[ $? = "$want" ] &&
	    cat "$dir/out" "$dir/err" | grep -qE -- "$expression"
	verdict $? "$name"
}

# --- The socket.

(umask 000 && exec "$dns" -r "$dir/hints" -l "127.0.0.1@$port" -e "$log" \
    --control "$socket") &
pid=$!
bound && until_true test -S "$socket" &&
    [ "$(stat -c %a "$socket")" = 600 ]
verdict $? 'only the user of the server can open the socket'
refused "cannot make the control socket $socket: a server answers there" \
    'a socket at which a server answers is left to it'
gives 0 '^uptime_s +[0-9]+$' 'and that server goes on answering' stats
stop && [ ! -e "$socket" ]
verdict $? 'an orderly end removes it'

serve && kill -9 "$pid" && { wait "$pid"; pid=; [ -S "$socket" ]; } 2>/dev/null
verdict $? 'a server that is killed leaves its socket behind'
gives 2 "no server answers at $socket: Connection refused" \
    'at which nobody answers' stats
serve
gives 0 '^uptime_s' 'the next server replaces it' stats
mv "$socket" "$dir/moved"
"$dns" -r "$dir/hints" -l "127.0.0.1@$((port + 1))" -e /dev/null \
    --control "$socket" &
other=$!
until_true "$dns" --control "$socket" stats
stop
gives 0 '^uptime_s' 'a server that ends leaves the socket of another' stats
kill $other
wait $other

echo text >"$socket"
refused "$socket: a file that is no socket is there" \
    'a file that is no socket is refused'
[ "$(cat "$socket")" = text ]
verdict $? 'and left as it was'
"$dns" --check -r "$dir/hints" --control "$socket" >"$dir/out" 2>"$dir/err"
[ $? = 1 ] && grep -q "^$socket: a file that is no socket" "$dir/out"
verdict $? '--check says so as well'
rm "$socket"
ln -s "$dir/nowhere" "$socket"
refused "$socket: a file that is no socket is there" 'so is a symbolic link'
rm "$socket"
socket=$dir/no/socket
refused "$socket: No such file or directory" 'a directory that is not there'
socket=$dir/$(printf '%0100d' 0)
refused "$socket: File name too long" 'a path that is too long'
socket=$dir/socket

# --- Both ends.

serve
gives 0 '^root hints of .*hints: 1 names, 1 addresses$' \
    'a reload is done when the reply comes' reload
[ ! -s "$dir/err" ] && ! grep -q '^; ok' "$dir/out"
verdict $? 'and its last line is for the program'
mv "$log" "$log.1" && "$dns" --control "$socket" reload >/dev/null &&
    [ -e "$log" ]
verdict $? 'it opens the log anew'
gives 1 '^error: unknown command restart$' 'an error is a failure' restart
[ ! -s "$dir/out" ]
verdict $? 'and goes to standard error'
"$dns" --control "$socket" stats >/dev/full 2>"$dir/err"
[ $? = 1 ]
verdict $? 'what could not be printed is a failure'
gives 2 'a command takes no other option: --control PATH alone' \
    'no option does nothing' stats -p 53
gives 0 '^localhost. 10800 IN A 127.0.0.1$' 'a lookup has a type, or it is A' \
    lookup localhost
gives 1 '^error: this is too long: lookup.0320*[.][.][.]$' 'a command has its length' \
    lookup "$(printf '%01300d' 0)"

if command -v nc >/dev/null; then
	printf 'lookup localhost AAAA\n' | nc -U "$socket" >"$dir/out"
	grep -q '^localhost. 10800 IN AAAA ::1$' "$dir/out" &&
	    [ "$(tail -n 1 "$dir/out")" = '; ok' ]
	verdict $? 'a line through nc is a command'
	printf 'lookup localhost' | nc -N -U "$socket" >"$dir/out"
	grep -q '^localhost. 10800 IN A 127.0.0.1$' "$dir/out"
	verdict $? 'so is one without its end'
	printf '\n' | nc -U "$socket" >"$dir/out"
	[ "$(cat "$dir/out")" = 'error: unknown command ' ]
	verdict $? 'but not an empty one'
	printf 'flush \033[31m\n' | nc -U "$socket" >"$dir/out"
	head -c 100000 /dev/zero | tr '\000' '\377' | nc -N -U "$socket" \
	    >>"$dir/out"
	head -c 2000 /dev/urandom | nc -N -U "$socket" >>"$dir/out"
	LC_ALL=C grep -q '[^ -~]' "$dir/out"
	[ $? = 1 ] && gives 0 '^uptime_s' 'rubbish does no harm' stats
	i=0
	before=$(descriptors)
	while [ $i -lt 50 ]; do
		nc -N -U "$socket" </dev/null
		i=$((i + 1))
	done
	gives 0 '^uptime_s' 'who says nothing takes no place' stats
	until_true [ "$(descriptors)" = "$before" ]
	verdict $? 'and no descriptor'
else
	echo 'skip a line through nc is a command: this machine lacks nc'
fi

# The server's end is there as soon as the client has connected.
connected() {
	[ "$(grep -c " $socket\$" /proc/net/unix)" -gt 1 ]
}
stop

# --- The file of --metrics.

prom=$dir/dns.prom
start -l "127.0.0.1@$port" -e "$log" --metrics "$prom" && [ -s "$prom" ] &&
    [ ! -e "$prom.new" ]
verdict $? 'the metrics are there at the start'
if command -v promtool >/dev/null; then
	promtool check metrics <"$prom" >"$dir/out" 2>"$dir/err" &&
	    [ ! -s "$dir/out" ] && [ ! -s "$dir/err" ]
	verdict $? 'promtool finds nothing to say of them'
else
	echo 'skip promtool finds nothing to say of them: this machine lacks it'
fi
# A comment that says what and of which type, then the numbers of that name.
awk '
/^# HELP dns_[a-z_]* [^ ].*[.]$/ { name = $3; next }
/^# TYPE / { type = $4; if ($3 == name && !seen[name]++) next }
{
	base = $1
	sub(/[{].*/, "", base)
	if (type == "histogram")
		sub(/_(bucket|sum|count)$/, "", base)
	if (base != name || $2 !~ /^[0-9]+([.][0-9]+)?$/ || NF != 2 ||
	    (type == "counter") != (base ~ /_total$/)) {
		print
		bad = 1
	}
}
END { exit bad || NR < 100 }' "$prom" >"$dir/out"
verdict $? 'each has its help, its type and a number'
before=$(stat -c %i "$prom")
replaced() {
	[ "$(stat -c %i "$prom" 2>/dev/null)" != "$before" ] && [ -e "$prom" ]
}
ln -s "$dir/victim" "$prom.new"
kill -USR1 "$pid" && until_true replaced && [ ! -e "$dir/victim" ] &&
    [ ! -L "$prom.new" ]
verdict $? 'they take the place of those before, and follow no link'
mkdir "$dir/away" && rm "$prom" && mkdir "$prom" && kill -USR1 "$pid" &&
    until_true told_times 1 ' id=10021 .*errno=EISDIR'
verdict $? 'what stands in their way is told'
kill -USR1 "$pid"
until_true told_times 3 ' id=10001 '
rmdir "$prom" && kill -USR1 "$pid" && until_true test -f "$prom" &&
    [ "$(told ' id=10021 ')" = 1 ] && stop
verdict $? 'once, until they can be written again'
"$dns" -r "$dir/hints" -l "127.0.0.1@$port" --metrics "$dir/no/prom" \
    >"$dir/out" 2>"$dir/err"
[ $? = 2 ] && grep -q "cannot write the metrics file $dir/no/prom: No such" \
    "$dir/err"
verdict $? 'a directory that is not there ends the start'
"$dns" --check -r "$dir/hints" --metrics "$dir/no/prom" >"$dir/out"
[ $? = 1 ] && grep -q "no file can be made in $dir/no/: No such" "$dir/out"
verdict $? 'as --check says'

serve
kill -STOP "$pid"
"$dns" --control "$socket" stats >"$dir/out" 2>"$dir/err" &
client=$!
until_true connected
kill -9 "$pid"
wait "$pid" 2>/dev/null
pid=
wait $client
[ $? = 1 ] && grep -q 'the reply broke off' "$dir/err"
verdict $? 'a reply that breaks off is a failure'

sum control
