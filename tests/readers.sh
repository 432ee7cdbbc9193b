#!/bin/sh
# readers.sh -- the event log in the hands of its readers: jq takes the JSON
# lines and lnav the others, with no format file.  The log has what nobody should
# be able to bring in: names and tokens with newline, escape, quotes, NUL and
# octets that are no UTF-8.
for tool in dig jq lnav; do
	command -v $tool >/dev/null || {
		echo "skip the readers of the event log: no $tool here"
		exit 0
	}
done
# shellcheck source-path=SCRIPTDIR source=serve.sh
. "$(dirname "$0")/serve.sh"
export HOME="$dir" # where lnav keeps what it likes to keep
unset XDG_CONFIG_HOME
# Nobody listens there.
printf '. NS a.root.\na.root. A 127.93.0.1\n' >"$dir/hints"
printf '. NS a.root.\na.root. A 127.93.0.1\nx \033[2J"=\\\377z A\n' >"$dir/bad"

# holds NAME COMMAND...: the command succeeds; what it says helps if not.
holds()
{
	name=$1
	shift
	"$@" >"$dir/out" 2>&1
	verdict $? "$name"
}

# same A B: these are the same text.
same()
{
	[ "$1" = "$2" ] && return
	echo "$1"
	echo "is not"
	echo "$2"
	return 1
}

ask()
{
	dig @127.0.0.1 -p "$port" +tries=1 +time=9 "$@" >/dev/null
}

# write_log FORMAT FILE: the log of a server that served, then of a start that
# fails.
write_log()
{
	start -l "127.0.0.1@$port" -e "$log" --log-format "$1" \
	    --log-level debug &&
	    ask "$asked" A && ask "$asked" A && ask plain.example TYPE65280 &&
	    kill -USR1 "$pid" && stop || return 1
	"$dns" -r "$dir/bad" -p "$port" -e "$log" --log-format "$1" 2>/dev/null
	mv "$log" "$2"
}

# As dig takes it, and as the log has to tell it.
asked='a\010b\027\"=\255\000\\ .{}\127.example'
told='a\010b\027\"=\255\000\\\032.{}\127.example.'

json=$dir/json logfmt=$dir/logfmt
holds "a log in JSON is written" write_log json "$json"
holds "a log in logfmt is written" write_log logfmt "$logfmt"

# of_each FILTER: it is true of each line of the JSON log.
of_each()
{
	jq -es "all(.[]; $1)" "$json"
}

holds "jq reads each line as one object" same "$(jq -c . "$json" | wc -l)" \
    "$(wc -l <"$json")"
holds "each has a time" of_each \
    '.ts | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z$")'
holds "each has a level" of_each \
    '.level | . == "error" or . == "warning" or . == "info" or . == "debug"'
holds "numbers are numbers" of_each \
    '[.id, .seq, .q // 0, .count // 0] | all(type == "number")'
holds "names are texts" of_each '[.event, .msg] | all(type == "string")'
holds "listeners are a list" \
    jq -es "map(select(.id == 2).listen) == [[\"127.0.0.1:$port\"]]" "$json"
holds "a name has come whole" same "$(jq -r \
    'select(.id == 10015 and .q == 1).qname' "$json")" "$told"
holds "a token has come whole" same \
    "$(jq -c 'select(.id == 1504).token | explode' "$json")" \
    '[27,91,50,74,34,61,92,255,122]'
"$dns" --events --log-format json >"$dir/events"
# The variables are those of jq.
# shellcheck disable=SC2016
holds "jq reads --events, which knows every event and key" \
    jq -es --slurpfile events "$dir/events" '
	($events | map({key: "\(.id)", value: .}) | from_entries) as $known |
	all(.[]; ["ts", "level", "id", "oldid", "event", "msg", "seq", "cut",
		"count", "first"] as $common | $known["\(.id)"] as $row |
	    .event == $row.event and .level == $row.level and
	    (keys - $common - $row.fields == []))' "$json"

# lnav_of QUERY: what it says of the logfmt log.
lnav_of()
{
	lnav -n -c ";$1" -c ':write-csv-to -' "$logfmt" | sed 1d
}

holds "lnav takes each line for logfmt" same \
    "$(lnav_of 'SELECT count(*) FROM logfmt_log')" "$(wc -l <"$logfmt")"
holds "it reads the time of each" same \
    "$(lnav_of 'SELECT log_time FROM all_logs' | sort)" \
    "$(sed 's/^ts="\([^T]*\)T\([^Z]*\)Z".*/\1 \2/' "$logfmt" | sort)"
for level in error warning info debug; do
	n=$(grep -c " level=$level " "$logfmt")
	holds "and the level of the $n that are $level" same "$(lnav_of \
	    "SELECT count(*) FROM all_logs WHERE log_level = '$level'")" "$n"
done
# field ID KEY: of the lines with this id, hexadecimal.
field()
{
	lnav_of "SELECT hex(json_extract(fields, '\$.$2'))
	    FROM logfmt_log WHERE json_extract(fields, '\$.id') = $1 LIMIT 1"
}
hex()
{
	od -An -v -tx1 | tr -d ' \n' | tr '[:lower:]' '[:upper:]'
}
holds "it reads a name as it is" same "$(field 10015 qname)" \
    "$(printf %s "$told" | hex)"
holds "and a token" same "$(field 1504 token)" \
    "$(printf '\033[2J"=\\\303\277z' | hex)"

sum readers
