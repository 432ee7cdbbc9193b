# shellcheck shell=sh
# rule.sh -- for scripts that hold what is written against rules.  Sourced; it
# makes the directory $work, which is gone when the script ends.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# rule TITLE: holds if standard input is empty, else that is what breaks it.
rule()
{
	cat >"$work/broken"
	if [ -s "$work/broken" ]; then
		echo "FAIL  $1"
		sed 's/^/	/' "$work/broken"
		: >"$work/failed"
	else
		echo "ok    $1"
	fi
}

# The last of such a script: its exit status.
rules_held()
{
	[ ! -e "$work/failed" ]
}
