#!/bin/sh
# log.sh -- the event log under the hands of an operator and his tools: rotated,
# emptied, deleted, on a full disk, in a pipe that nobody reads, at a terminal.
# The server goes on, and every line is in some file or counted as lost.
#
#	sh tests/log.sh		ROTATIONS=N rotates so often, else 100 times
#
# A disk that can be filled needs a mount namespace; where one cannot be had,
# that case says so and is skipped.
for flags in -m -Urm; do
	[ "${1-}" = inside ] && break
	unshare $flags mount -t tmpfs tmpfs /mnt 2>/dev/null &&
	    exec unshare $flags sh "$0" inside
done
# shellcheck source-path=SCRIPTDIR source=serve.sh
. "$(dirname "$0")/serve.sh"

skip() {
	echo "skip $1: no $2 here"
}

# Statistics are lines that can be had for a signal; each waits to be written
# or lost before the next, so that none of the signals is merged with another.
ask_for_lines() { # COUNT
	n=0
	while [ $n -lt "$1" ]; do
		n=$((n + 1))
		kill -USR1 "$pid" 2>/dev/null || return 1
		sleep 0.002
	done
}

numbers() { # FILE...
	cat "$@" | sed -n 's/^ts=.* seq=\([0-9]*\).*/\1/p'
}

# No line is torn, and none is missing or there twice.
all_there() { # FILE...
	[ "$(cat "$@" | wc -l)" = "$(numbers "$@" | wc -l)" ] &&
	    numbers "$@" | awk '$1 != NR { bad = 1 } END { exit bad || !NR }'
}

# As many are missing as the line that tells of it says.
loss_is_told() { # FILE, and sets lost
	lost=$(sed -n 's/.* id=3153 .* lost=\([0-9]*\).*/\1/p' "$1")
	gaps=$(numbers "$1" | awk '{ n += $1 - at - 1; at = $1 } END { print n }')
	[ "$(wc -l <"$1")" = "$(numbers "$1" | wc -l)" ] && [ "$gaps" = "$lost" ]
}

serve() {
	start -l "127.0.0.1@$port" -e "$log"
}

one_more() { # the server writes a line of statistics
	before=$(told ' id=10001 ')
	kill -USR1 "$pid" && until_true told_times $((before + 1)) ' id=10001 '
}

# --- Renamed, deleted, emptied.

serve && mv "$log" "$log.1" &&
    until_true told_times 1 " id=10020 .*file=$log" && one_more && stop &&
    all_there "$log.1" "$log"
verdict $? 'a log that was renamed is opened anew'
serve && rm "$log" && until_true told_times 1 ' id=10020 ' && one_more && stop
verdict $? 'a log that was deleted is opened anew'
serve && : >"$log" && one_more && [ "$(head -c 3 "$log")" = ts= ] && stop
verdict $? 'a log that was emptied goes on from its start'

mkdir "$dir/logs"
log=$dir/logs/log
serve && mv "$dir/logs" "$dir/moved" && log=$dir/moved/log &&
    until_true told_times 1 ' id=1000 .*errno=ENOENT' && one_more &&
    mkdir "$dir/logs" && log=$dir/logs/log &&
    until_true told_times 1 ' id=10020 ' && stop &&
    all_there "$dir/moved/log" "$log" &&
    [ "$(grep -c ' id=1000 ' "$dir/moved/log")" = 1 ]
verdict $? 'a log whose directory is gone goes on in the old file, and says so'
log=$dir/log

# --- Rotated all the time while lines come all the time.

rotations=${ROTATIONS:-100}
serve
before=$(descriptors)
(while [ ! -e "$dir/enough" ]; do ask_for_lines 10; done) &
load=$!
i=0
while [ $i -lt "$rotations" ]; do
	i=$((i + 1))
	mv "$log" "$dir/rotated.$(printf %04d $i)" || break
	kill -HUP "$pid"
	until_true test -e "$log" || break
done
: >"$dir/enough"
wait $load
[ "$(descriptors)" = "$before" ]
verdict $? "after $rotations rotations there are as many descriptors"
stop
lines=$(cat "$dir"/rotated.* "$log" | wc -l)
[ $i = "$rotations" ] && all_there "$dir"/rotated.* "$log"
verdict $? "of $lines lines none is lost or torn"
rm -f "$dir"/rotated.*

# --- Nobody takes the lines.

quiet=yes
log=/dev/full
serve_full() {
	"$dns" -r "$dir/hints" -l "127.0.0.1@$port" -e /dev/full 2>"$dir/err" &
	pid=$!
	bound
}
serve_full && ask_for_lines 600 && stop && [ ! -s "$dir/err" ]
verdict $? 'a device that is always full costs the service nothing'

# A FIFO that is open and not read, until there is a reader after all.
log=$dir/read
mkfifo "$dir/fifo"
exec 4<>"$dir/fifo"
: >"$log"
"$dns" -r "$dir/hints" -l "127.0.0.1@$port" -e "$dir/fifo" 2>"$dir/err" 4>&- &
pid=$!
bound && ask_for_lines 800
lost=no
cat <"$dir/fifo" >"$log" 4>&- &
reader=$!
until_true told_times 1 ' id=3153 ' && loss_is_told "$log" && [ "$lost" -gt 0 ]
verdict $? "a reader that stopped and goes on hears of $lost lines lost"
kill $reader
wait $reader 2>/dev/null
exec 4>&-
ask_for_lines 5
exec 4<>"$dir/fifo"
: >"$log"
cat <"$dir/fifo" >"$log" 4>&- &
reader=$!
until_true told_times 1 ' id=10001 '
verdict $? 'a reader that went and came back gets lines again'
kill $reader
wait $reader 2>/dev/null
exec 4>&-
ask_for_lines 5
stop
verdict $? 'and without one the server ends in order'

# Standard error is a pipe, as for a shell or a container, and is closed.
exec 4<>"$dir/fifo"
"$dns" -r "$dir/hints" -l "127.0.0.1@$port" 2>"$dir/fifo" 4>&- &
pid=$!
bound && exec 4>&- && ask_for_lines 5 && stop
verdict $? 'a pipe that is closed behind standard error ends nothing'

# A disk that is full, and then has room.
log=$dir/disk/log
mkdir "$dir/disk"
if [ "${1-}" = inside ] &&
    mount -t tmpfs -o size=1m tmpfs "$dir/disk" 2>/dev/null; then
	quiet=
	serve && { cat /dev/zero >"$dir/disk/filler"; ask_for_lines 800; } \
	    2>/dev/null
	rm "$dir/disk/filler"
	lost=no
	until_true told_times 1 ' id=3153 .*errno=ENOSPC' &&
	    loss_is_told "$log" && [ "$lost" -gt 0 ] && stop
	verdict $? "a full disk that has room again tells of $lost lines lost"
	mount -o remount,ro "$dir/disk"
	"$dns" -r "$dir/hints" -p "$port" -e "$log" >"$dir/out" 2>"$dir/err"
	[ $? = 2 ] && grep -q "$log: Read-only file system" "$dir/err"
	verdict $? 'a disk that may not be written is named at the start'
	umount "$dir/disk"
else
	skip 'a full disk that has room again tells of the loss' \
	    'mount namespace'
fi

# --- A terminal.

quiet=
log=$dir/log
# at_terminal COMMAND...: in a terminal of its own, which is the process
# $terminal; the server is $pid.
at_terminal() {
	rm -f "$log" "$dir/pid"
	$hup script -qfc "echo \$\$ >'$dir/pid'; exec $* -l 127.0.0.1@$port \
	    -r '$dir/hints'" "$dir/screen" </dev/null >/dev/null 2>&1 &
	terminal=$!
	until_true test -s "$dir/pid"
	pid=$(cat "$dir/pid")
}

ended() {
	! kill -0 "$pid" 2>/dev/null
}

# What is started under nohup ignores SIGHUP, and would hand that on.
hup='env --default-signal=HUP'
$hup true 2>/dev/null || hup=

if command -v script >/dev/null; then
	log=$dir/screen
	at_terminal "$dns" && bound
	flags=$(sed -n 's/^flags:[^0-9]*//p' "/proc/$pid/fdinfo/2")
	[ $((flags & 04000)) = 0 ] && told_times 1 ' id=2 '
	verdict $? 'a terminal gets the lines and is left as it was'
	kill "$pid"
	wait $terminal

	log=$dir/log
	at_terminal "$dns -e '$log'" && bound && kill -HUP "$pid" &&
	    one_more && kill -9 $terminal && until_true ended &&
	    told_times 1 ' id=3 .*cause=SIGHUP'
	verdict $? 'when its terminal is gone the server ends in order'
	at_terminal "nohup $dns -e '$log' >'$dir/nohup' 2>&1" && bound &&
	    kill -9 $terminal && kill -HUP "$pid" && one_more &&
	    kill "$pid" && until_true ended
	verdict $? 'unless nohup started it'
	at_terminal "setsid -w $dns -e '$log'" && bound
	read -r pid <"/proc/$pid/task/$pid/children"
	kill -9 $terminal
	kill -HUP "$pid" && one_more && kill "$pid" && until_true ended
	verdict $? 'or it has none'
	pid=
else
	skip 'when its terminal is gone the server ends in order' script
fi

sum log
