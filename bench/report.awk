# report.awk -- the results as Markdown: goals, then all that was measured.
#
#	awk -f report.awk goals data
#
# Of each figure the median of the rounds is shown; of a ratio, the median of
# the ratios that the rounds have.

BEGIN {
	FS = "\t"
}

# --- The goals.
FNR == NR {
	if ($0 !~ /^#/)
		goal[++goals] = $0
	next
}

# --- The data.
$1 == "#" {
	if ($2 == "date" || $2 == "machine")
		fact[$2] = $3
	else if ($2 == "version") {
		if (!($3 in is_told))
			versions = versions (versions ? ", " : "") $3
		is_told[$3] = 1
	} else if (!($2 in about)) {
		about[$2] = $3
		measure[++measures] = $2
		date[$2] = fact["date"]
	}
	next
}
{
	if (!(($2, $3) in seen)) {
		seen[$2, $3] = 1
		who[$2, ++whos[$2]] = $3
	}
	if (!(($2, $4) in seen_key)) {
		seen_key[$2, $4] = 1
		key[$2, ++keys[$2]] = $4
	}
	n = ++rounds[$2, $3, $4]
	figure[$2, $3, $4, n] = $5
}

# --- Arithmetic.
function median_of(n,    i, j, v) {
	for (i = 2; i <= n; i++) {
		v = sorted[i]
		for (j = i - 1; j > 0 && sorted[j] > v; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = v
	}
	return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function median(m, w, k,    i, n) {
	n = rounds[m, w, k]
	for (i = 1; i <= n; i++)
		sorted[i] = figure[m, w, k, i] + 0
	return median_of(n)
}

# Of (m, w) to (m2, w2), round by round.
function ratio(m, w, m2, w2, k,    i, n) {
	n = rounds[m, w, k]
	if (rounds[m2, w2, k] < n)
		n = rounds[m2, w2, k]
	for (i = 1; i <= n; i++)
		sorted[i] = figure[m2, w2, k, i] == 0 ? 0 : \
		    figure[m, w, k, i] / figure[m2, w2, k, i]
	return median_of(n)
}

function is_floor(w) {
	return w == "echo" || w == "tcp" || w == "relay"
}

# The best of the others; more is better only of answers a second.
function best(m, k,    i, w, v, least, found) {
	found = ""
	for (i = 1; i <= whos[m]; i++) {
		w = who[m, i]
		if (w == "dns" || w == "dns, few ports" || is_floor(w) || !rounds[m, w, k])
			continue
		v = k == "qps" ? -median(m, w, k) : median(m, w, k)
		if (found == "" || v < least) {
			least = v
			found = w
		}
	}
	return found
}

function show(v) {
	return v >= 1000 ? sprintf("%.0f", v) : v >= 100 ? \
	    sprintf("%.1f", v) : sprintf("%.3g", v)
}

# --- What is shown.
function show_goal(g,    f, of, m, k, base, w, m2, v, text) {
	split(g, f, "\t")
	m = f[2]; k = f[3]; base = f[4]; w = "dns"
	if (split(m, of, "/") > 1) {
		m = of[1]; w = of[2]
	}
	m2 = m
	if (base == "best")
		base = best(m, k)
	if (base ~ /^=/) {
		m2 = substr(base, 2)
		base = "dns"
	}
	text = "| " f[1] " | " f[5] " " f[6] " | "
	if (!rounds[m, w, k] || base == "" || \
	    (base != "-" && !rounds[m2, base, k])) {
		print text "not measured | |"
		return
	}
	v = base == "-" ? median(m, w, k) : ratio(m, w, m2, base, k)
	v = show(v) + 0 # no more digits than are shown
	text = text show(v)
	if (base != "-")
		text = text " (" show(median(m, w, k)) " : " \
		    show(median(m2, base, k)) \
		    (base != "dns" ? " of " base : "") ")"
	if (f[5] == "<=" ? v <= f[6] : v >= f[6]) {
		print text " | met |"
		met++
	} else
		print text " | **not met** |"
}

function show_measure(m,    i, j, w, k, line, first, ratios) {
	first = key[m, 1]
	print "\n### " m "\n\n" toupper(substr(about[m], 1, 1)) \
	    substr(about[m], 2) ". Measured " date[m] " UTC.\n"
	ratios = whos[m] > 1 && rounds[m, "dns", first]
	line = m ~ /^profile/ ? "| where |" : "| server |"
	for (j = 1; j <= keys[m]; j++)
		line = line " " key[m, j] " |"
	print line (ratios ? " " first " / dns |" : "")
	gsub(/[^|]+/, "--:", line)
	sub(/--:/, "---", line)
	print line (ratios ? "--:|" : "")
	for (i = 1; i <= whos[m]; i++) {
		w = who[m, i]
		line = "| " w (is_floor(w) ? " (floor)" : "") " |"
		for (j = 1; j <= keys[m]; j++) {
			k = key[m, j]
			line = line " " (rounds[m, w, k] ? \
			    show(median(m, w, k)) : "-") " |"
		}
		if (ratios)
			line = line " " (rounds[m, w, first] ? sprintf( \
			    "%.2f", ratio(m, w, m, "dns", first)) : "-") " |"
		print line
	}
}

END {
	print "# Results\n"
	print "`make bench` on " fact["machine"] ".\n" versions ".\n"
	print "What the words mean, and how it is measured, is in " \
	    "`README.md`. What is compared was\nmeasured in one run.\n"
	print "| what | goal | measured | |\n|---|---|---|---|"
	for (i = 1; i <= goals; i++)
		show_goal(goal[i])
	for (i = 1; i <= measures; i++)
		if (whos[measure[i]])
			show_measure(measure[i])
}
