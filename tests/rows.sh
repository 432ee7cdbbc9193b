#!/bin/sh
# rows.sh -- tests/RFC.md and tests/ATTACKS.md: each rule of tests/rows.txt and
# each attack of tests/attacks.txt, the tests that prove it and how they went.
#
#	sh tests/rows.sh		are they what the tests say?
#	sh tests/rows.sh --write	make them so
#
# How they went is read from $B/results, where tests/run.sh puts it: what a
# Check program says in TAP, and the output of scripts.

cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
export LC_ALL=C
. tests/rule.sh

# ROW TEST: what proves what.  Names of tests are those of scenarios, of
# scripts, and check_FILE:TEST.
proofs()
{
	awk '
	FNR == 1 {
		test = FILENAME
		sub(/.*\//, "", test)
		sub(/[.](txt|c)$/, "", test)
		waiting = 0
	}
	FILENAME ~ /[.]txt$/ {
		if ($1 == "proves")
			for (i = 2; i <= NF; i++)
				print $i, test
		next
	}
	# START_TEST in what a script writes is none.
	FILENAME ~ /[.]c$/ && sub(/^START_TEST[(]/, "") {
		for (i = 0; i < waiting; i++)
			print rows[i], test ":" substr($0, 1, index($0, ")") - 1)
		waiting = 0
	}
	sub(/^ *(\/[*]|[*]|#) (Attack )?/, "") {
		while (match($0, /^(attacks:)?[A-Z]+[0-9][0-9]($|[:, ])/)) {
			row = substr($0, 1, RLENGTH)
			sub(/[:, ]$/, "", row)
			if (FILENAME ~ /[.]sh$/)
				print row, test
			else
				rows[waiting++] = row
			$0 = substr($0, RLENGTH + 1)
			sub(/^ /, "")
		}
	}' tests/scenarios/*.txt tests/check_*.c tests/*.sh | sort -u
}

# ROW FAULT: what breaks a rule, by the rows that the first line of the fault
# has in its brackets.
faults()
{
	awk '
	FNR == 1 {
		fault = FILENAME
		sub(/.*\//, "", fault)
		n = split($0, word, /[(), ]+/)
		for (i = 1; i <= n; i++)
			if (word[i] ~ /^(attacks:)?[A-Z]+[0-9][0-9]$/)
				print word[i], fault
	}' tests/mutants/*
}

# TEST RESULT: of every test that ran; scenarios come in the order of their
# names in the simulator, which has them all.
results()
{
	for file in "$B"/results/*; do
		case $file in
		*.tap)	awk '
			BEGIN {
				while (("ls tests/scenarios/*.txt" | getline f) > 0)
					scenario[n++] = f
				n = 0
			}
			/^(not )?ok / {
				bad = $1 == "not"
				split($0, part, ":")
				test = part[3]
				program = part[1]
				sub(/.*\//, "", program)
				sub(/[.]c$/, "", program)
				if (test == "scenario_comes_true" &&
				    program != "check_scenarios")
					next
				if (test == "scenario_comes_true") {
					test = scenario[n++]
					sub(/.*\//, "", test)
					sub(/[.]txt$/, "", test)
				} else
					test = program ":" test
				result[test] = bad || result[test] == "FAIL" \
				    ? "FAIL" : "pass"
			}
			END { for (test in result) print test, result[test] }
			' "$file" ;;
		*.sh)	result=pass
			grep -q '^ok ' "$file" || result=skipped
			! grep -q '^FAIL ' "$file" || result=FAIL
			echo "$(basename "$file") $result" ;;
		esac
	done
}

# table ROWS PREFIX COLUMNS: the table of the rows in this file, which the tests
# name with this prefix, and whose next two columns are called so.  A test whose
# program ran without it has failed.
table()
{
	awk -v prefix="$2" -v columns="$3" \
	    -v programs="$(cd "$B/results" 2>/dev/null && echo ./*.tap)" '
	FILENAME ~ /results$/ { result[$1] = $2; next }
	FILENAME ~ /faults$/ { faults[$1] = faults[$1] " " $2; next }
	FILENAME ~ /proofs$/ { tests[$1] = tests[$1] " " $2; next }
	function ran(test) {
		sub(/:.*/, "", test)
		if (test !~ /^check_/)
			test = "check_scenarios"
		return index(programs, "./" test ".tap")
	}
	function outcome(list,    test, n, i, sum) {
		n = split(list, test, " ")
		if (n == 0)
			return "no test"
		sum = "not run"
		for (i = 1; i <= n; i++) {
			if (result[test[i]] == "FAIL" ||
			    (!(test[i] in result) && test[i] !~ /[.]sh$/ &&
			    ran(test[i])))
				return "FAIL"
			if (result[test[i]] == "pass")
				sum = "pass"
		}
		return sum
	}
	function listed(names) {
		gsub(/ /, ", ", names)
		sub(/^, /, "", names)
		return names
	}
	/^#/ || NF == 0 { next }
	$1 == "=" {
		sub(/^= /, "")
		print "\n## " $0 "\n"
		print "| row | " columns " | tests | faults | result |"
		print "|---|---|---|---|---|---|"
		next
	}
	{
		row = prefix $1
		# The level is a word, an attack ends at a bar.
		sub(/ /, " | ")
		if (!/ [|] .* [|] /)
			sub(/[|] [^ ]+ /, "&| ")
		if (sub(/[|] n\/a: /, "| does not apply: "))
			print "| " $0 " | | | |"
		else
			print "| " $0 " | " listed(tests[row]) " | " \
			    listed(faults[row]) " | " outcome(tests[row]) " |"
	}' "$work/results" "$work/proofs" "$work/faults" "$1"
}

rfc()
{
	cat <<-END
	# What the tests prove

	Made by \`make tests/RFC.md\` from the rules in \`tests/rows.txt\`, the rows
	that the tests name and the results of a run; \`make test\` fails when it is
	out of date or a MUST has no test. A plain name is a scenario,
	\`tests/scenarios/NAME.txt\`; \`check_FILE:NAME\` is a test in
	\`tests/check_FILE.c\`. Faults are those of \`tests/mutants\`, which break the
	rule, and which \`make mutants\` shows to be caught.
	END
	table tests/rows.txt "" "level | rule"
}

attacks()
{
	cat <<-END
	# What is done against attacks

	Made with \`RFC.md\`, and read like it, from \`tests/attacks.txt\`; \`make test\`
	fails when it is out of date or an attack that applies has no test.
	END
	table tests/attacks.txt attacks: "attack | what holds"
}

# What need not have run here, as the tools are not there, may be so.
as_if_run()
{
	sed 's/ not run |$/ pass |/' "$1"
}

# holds TABLE: is it in tests/ as it was made?
holds()
{
	as_if_run "tests/$1" >"$work/old"
	as_if_run "$work/$1" | diff "$work/old" - |
	    rule "tests/$1 is what the tests say, or make tests/RFC.md"
}

proofs >"$work/proofs"
faults >"$work/faults"
results >"$work/results"
rfc >"$work/RFC.md"
attacks >"$work/ATTACKS.md"
[ "${1-}" != --write ] || cp "$work/RFC.md" "$work/ATTACKS.md" tests

# Of attacks.md that table has sections 3 to 6.
awk 'FILENAME ~ /rows.txt$/ { known[$1]; next }
    FILENAME ~ /attacks.txt$/ { known["attacks:" $1]; next }
    !($1 in known) && $1 !~ /^(attacks:[BIZ]|DEC|Q244132)/' \
    tests/rows.txt tests/attacks.txt "$work/proofs" |
    rule "every row that a test names is there"
grep -E '^\| [A-Z0-9]+ \| MUST.* no test \|$' "$work/RFC.md" |
    rule "every MUST that applies has a test"
grep -E ' no test \|$' "$work/ATTACKS.md" |
    rule "every attack that applies has a test"
grep -hE ' FAIL \|$' "$work/RFC.md" "$work/ATTACKS.md" |
    rule "every test of a row has passed"
holds RFC.md
holds ATTACKS.md
rules_held
