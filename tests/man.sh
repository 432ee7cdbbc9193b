#!/bin/sh
# man.sh -- what is told of the options is told everywhere: by --help, in dns.8
# and in the README.  Prints a line for each rule.

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
case $B in /*) dns=$B/dns ;; *) dns=$PWD/$B/dns ;; esac
. tests/rule.sh

# The options in what is read, one a line.
options()
{
	grep -oE '(^|[][ ,|`])--?[A-Za-z0-9][a-z-]*' | sed 's/^[^-]//' | sort -u
}

# Those with an entry in the manual: "Fl a , Fl -allow" is -a and --allow.
manual_options()
{
	sed -n 's/^\.It \(Nm \)\{0,1\}\(Fl .*\)/\2/p' dns.8 |
	    grep -oE 'Fl [^ ]+' | sed 's/^Fl /-/' | sort -u
}

# Those that the program takes: its table of them.
taken_options()
{
	sed -n '/ choices\[\] = {/,/^};/p' control.c >"$work/choices"
	sed -n 's/^ *{"\([a-z-]*\)",.*/--\1/p' "$work/choices"
	sed -n "s/^ *{[^,]*, '\(.\)',.*/-\1/p" "$work/choices"
}

"$dns" --help >"$work/help" || exit 1
options <"$work/help" >"$work/options"
[ "$(wc -l <"$work/options")" -gt 20 ] || echo "these are too few" |
    rule "--help has options"
taken_options | sort -u | diff "$work/options" - |
    rule "--help names the options that there are, and no others"
sed -n '/^## Options/,/^[A-Z]/s/^    //p' README.md | options |
    diff "$work/options" - | rule "so does the README"
manual_options | diff "$work/options" - | rule "so does dns.8"
sed -n '/^\.Sh SYN/,/^\.Sh DESC/p' dns.8 | grep -o 'Fl [^ ]*' |
    sed 's/^Fl -/--/; s/^Fl //' | sed '/^[^-]/s/./-&\n/g' | sed '/^$/d' |
    sort -u | diff - "$work/options" | grep '^<' |
    rule "its synopsis has none besides these"
awk 'length > 79 || NR > 24 { print NR ": " $0 }' "$work/help" |
    rule "--help fits a screen of 24 lines and 80 columns"

# An example that wraps cannot be copied.
examples()
{
	sed -n '/^\.Bd -literal/,/^\.Ed/p' dns.8
}
examples | awk 'length > 68' | rule "no example of dns.8 is too wide for it"

if command -v mandoc >/dev/null; then
	mandoc -T lint dns.8 2>&1 | rule "mandoc finds nothing to say of dns.8"
else
	echo "skip  the form of dns.8: this machine lacks mandoc"
fi
rules_held
