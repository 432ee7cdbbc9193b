#!/bin/sh
# hints.sh -- cache.dns under the hands of an operator: the article's procedure,
# every way that editors save, and what gets its name by mistake.  The server
# runs all the while.  One line a case; a missing editor is skipped.
# shellcheck source-path=SCRIPTDIR source=serve.sh
. "$(dirname "$0")/serve.sh"
PATH=$PATH:/usr/sbin:/sbin

skip() {
	echo "skip $1: no $2 here"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

# --- The article: stop, keep the old file, get the one it came with, start.

hints=$dir/cache.dns
cp "$dir/hints" "$hints"
begin() {
	(cd "$dir" && exec "$dns" -l "127.0.0.1@$port" -e log 2>err) &
	pid=$!
	bound
}
begin && told "id=540 .*file=$hints roots=1 addresses=1" >/dev/null && stop &&
    mv "$hints" "$dir/cache.old" && "$dns" --print-hints >"$hints" && begin &&
    told " id=540 .*file=$hints roots=13 addresses=26" >/dev/null && stop
verdict $? 'the article: stop, rename to cache.old, --print-hints, start'

# --- Who may not read a file that root may?  As root, the server is nobody.

as=
if [ "$(id -u)" = 0 ] && has setpriv; then
	as='setpriv --reuid=65534 --regid=65534 --clear-groups'
	cp "$dns" "$dir/dns"
	chmod 755 "$dir" "$dir/dns"
	dns=$dir/dns
fi
: >"$dir/log"
chmod 666 "$dir/log"
cp "$dir/hints" "$hints"
# Two words or none.
# shellcheck disable=SC2086
$as "$dns" -l "127.0.0.1@$port" -r "$hints" -e "$dir/log" 2>"$dir/err" &
pid=$!
bound
verdict $? 'the server runs'
before=$(descriptors)

# Each edit adds an address, so that every line of 540 is another one; there
# must be as many as edits, and none of them with half of one.
n=1 edits=1 errors=0
line=
next() {
	n=$((n + 1))
	edits=$((edits + 1))
	line="a.root. A 127.0.1.$n"
}

taken() {
	grep ' id=540 ' "$dir/log" | tail -n 1 | grep -qE " addresses=$n( |\$)"
}

as_counted() {
	[ "$(told ' id=540 ')" = "$edits" ] &&
	    [ "$(told ' level=error ')" = "$errors" ]
}

# edited NAME: the edit is told in one line, and nothing else is.
edited() {
	until_true taken && as_counted
	verdict $? "$1"
}

next
echo "$line" >>"$hints"
edited 'a line put at the end by the shell is taken'
next
{ cat "$hints"; echo "$line"; } >"$dir/new" && cp "$dir/new" "$hints"
edited 'a file copied over it by cp is taken'
next
{ cat "$hints"; echo "$line"; } >"$dir/new" && mv "$dir/new" "$hints"
edited 'a file renamed over it by mv is taken'
next
sed -i "\$a $line" "$hints"
edited 'an edit by sed -i is taken'
next
mv "$hints" "$hints~" && { cat "$hints~"; echo "$line"; } >"$hints"
edited 'a file written anew beside its backup is taken'
next
{ cat "$hints"; echo "$line"; } >"$dir/two" &&
    ln -s two "$dir/new" && mv "$dir/new" "$hints"
edited 'a symbolic link in its place is taken'
next
{ cat "$hints"; echo "$line"; } >"$dir/three" &&
    ln -s three "$dir/new" && mv -T "$dir/new" "$hints"
edited 'the link led to another file is taken'
next
echo "$line" >>"$dir/three"
edited 'an edit of the file behind the link is taken'

if has ed; then
	next
	printf '%s\n' "\$a" "$line" . w q | ed -s "$hints"
	edited 'an edit by ed is taken'
else
	skip 'an edit by ed is taken' ed
fi
for way in no yes; do
	if has vi && vi --version 2>/dev/null | grep -q '^VIM'; then
		next
		vi -es -u NONE -i NONE -c 'set nocompatible backup' \
		    -c "set backupcopy=$way" -c '$' -c "normal o$line" \
		    -c wq "$hints" </dev/null >/dev/null 2>&1
		edited "an edit by vi with backupcopy=$way is taken"
	else
		skip "an edit by vi with backupcopy=$way is taken" vim
	fi
done

# nano wants a terminal; it is ready when it shows the name of the file.
if has nano && has script; then
	next
	mkfifo "$dir/keys"
	TERM=xterm script -qefc "nano -I '$hints'" "$dir/screen" \
	    <"$dir/keys" >/dev/null 2>&1 &
	nano=$!
	exec 3>"$dir/keys"
	until_true grep -q 'cache.dns' "$dir/screen"
	printf '%s\r\017' "$line" >&3
	until_true grep -q 'File Name to Write' "$dir/screen"
	printf '\r' >&3
	until_true grep -q 'Wrote' "$dir/screen"
	printf '\030' >&3
	exec 3>&-
	wait $nano
	edited 'an edit by nano is taken'
else
	skip 'an edit by nano is taken' 'nano or script'
fi

# --- A writer that takes seconds for a file whose every beginning is good.
# If this machine stops it for longer than the rule allows, it begins again.

milliseconds() {
	awk '{ print int($1 * 1000) }' /proc/uptime
}

write_slowly() { # FILE
	longest=0 last=$(milliseconds)
	while read -r words; do
		printf '%s\n' "$words" >>"$1"
		sleep 0.3
		now=$(milliseconds)
		[ $((now - last)) -le $longest ] || longest=$((now - last))
		last=$now
	done
}

longest=1000 tries=0
while [ $longest -ge 900 ] && [ $tries -lt 5 ]; do
	tries=$((tries + 1))
	edits=$(told ' id=540 ') errors=$(told ' level=error ')
	next
	{ cat "$hints"; echo "$line"; } >"$dir/new"
	: >"$hints"
	write_slowly "$hints" <"$dir/new"
	until_true taken
done
edited 'a file that is written line by line is taken when it is whole'

# --- What gets the name by mistake.  The old hints stay, it is told, and the
# next good file is taken.

# mistake NAME EXPRESSION: it is told, once, and that is all.
mistake() {
	errors=$((errors + 1))
	until_true told_times 1 "$2" && as_counted && kill -0 "$pid"
	verdict $? "$1 is told"
	rm -rf "$hints"
	next
	{ cat "$dir/good"; echo "$line"; } >"$dir/new" &&
	    cp "$dir/new" "$dir/good" && mv "$dir/new" "$hints"
	kill -HUP "$pid"
	edited 'and the good file after it is taken'
}
cp "$hints" "$dir/good"

rm -f "$hints"
mistake 'a deleted file' ' id=1003 .*errno=ENOENT'
rm -f "$hints" && mkdir "$hints"
mistake 'a directory' ' id=1003 .*errno=EISDIR'
rm -f "$hints" && mkfifo "$hints"
mistake 'a FIFO' ' id=1003 .*why="no regular file"'
rm -f "$hints" && ln -s cache.dns "$hints"
mistake 'a link to itself' ' id=1003 .*errno=ELOOP'
dd if=/dev/zero of="$hints" bs=1024 count=10240 2>/dev/null
mistake 'a file of 10 MiB' ' id=1003 .*errno=EFBIG'
if [ "$(id -u)" != 0 ] || [ -n "$as" ]; then
	chmod 000 "$hints"
	mistake 'a file that may not be read' ' id=1003 .*errno=EACCES'
else
	skip 'a file that may not be read is told' setpriv
fi
errors=$((errors + 1))
head -c 100000 "$dns" >"$hints"
mistake 'a program' ' id=1504 .*line=1 '
errors=$((errors + 20)) # of its faults, and the sum
cp tests/hints.sh "$hints"
mistake 'a text that is no hints file' ' id=1501 .*file=.* faults=[0-9]{2,}'
errors=$((errors + 1))
echo 'a.root. A 127.0.0.256' >>"$hints"
mistake 'a slip of the pen' ' id=1617 .*token=127.0.0.256'
errors=$((errors - 1)) # this one is a warning
: >"$hints"
mistake 'an empty file' ' id=706 '

# --- After all this.

i=0
while [ $i -lt 1000 ]; do
	i=$((i + 1))
	kill -HUP "$pid"
done
next
{ cat "$dir/good"; echo "$line"; } >"$hints" && kill -HUP "$pid"
edited 'an edit after a thousand SIGHUPs is taken'
[ "$(descriptors)" = "$before" ]
verdict $? 'no descriptor is left open'
stop && told_times 1 ' id=3 '
verdict $? 'and it ends in order'

sum hints
