# chart.awk -- six of the figures as bars, in SVG.
#
#	awk -f chart.awk data
#
# There is no background: the text is legible on light and dark pages alike.

BEGIN {
	FS = "\t"
	panel("hits.hot", "cpu_us", "Cache hit: CPU time", "us")
	panel("cold", "cpu_us", "Cold name, 2.2 exchanges: CPU time", "us")
	panel("memory", "octets", "Memory for a cached A record", "octets")
	panel("latency", "p99_ms", "Servers 5-150 ms away, 1 % loss: p99", "ms")
	panel("tcp.1000x1", "qps", "TCP, 1,000 connections", "answers/s")
	panel("tcp.10x16", "qps", "TCP, 10 connections of 16", "answers/s")
	panel("start", "ms", "From start to first answer", "ms")
	panel("dead", "ms", "Silent servers: until SERVFAIL", "ms")
	colour["dns"] = "#2a7de1"
	colour["echo"] = colour["tcp"] = colour["relay"] = "none"
	label["echo"] = label["tcp"] = label["relay"] = "floor"
	label["dns"] = "dns"
	label["dns, few ports"] = "few ports"
	label["unbound"] = "Unbound"
	label["kresd"] = "Knot Resolver"
	label["named"] = "BIND"
	label["pdns"] = "PowerDNS"
	width = 420; bar = 18; head = 46; most = 250
}

function panel(m, k, title, unit) {
	panels++
	of[panels] = m
	of_key[panels] = k
	title_of[panels] = title
	unit_of[panels] = unit
	wanted[m, k] = panels
}

($2, $4) in wanted {
	p = wanted[$2, $4]
	if (!((p, $3) in rounds))
		who[p, ++whos[p]] = $3
	figure[p, $3, ++rounds[p, $3]] = $5
}

function median(p, w,    i, j, n, v) {
	n = rounds[p, w]
	for (i = 1; i <= n; i++) {
		v = figure[p, w, i] + 0
		for (j = i - 1; j > 0 && sorted[j] > v; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = v
	}
	return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function show(v) {
	return v >= 100 ? sprintf("%.0f", v) : sprintf("%.3g", v)
}

# Best first; more is better only of answers a second.
function sort(p,    i, j, w, v) {
	for (i = 1; i <= whos[p]; i++) {
		w = who[p, i]
		v = value[w] = median(p, w)
		if (unit_of[p] == "answers/s")
			v = -v
		for (j = i - 1; j > 0 && weight[j] > v; j--) {
			weight[j + 1] = weight[j]
			order[j + 1] = order[j]
		}
		weight[j + 1] = v
		order[j + 1] = w
	}
}

function draw(p, x, y,    i, w, top, len) {
	sort(p)
	top = 0
	for (i = 1; i <= whos[p]; i++)
		if (value[order[i]] > top)
			top = value[order[i]]
	printf "<text class=\"title\" x=\"%d\" y=\"%d\">%s, %s</text>\n", x, \
	    y + 20, title_of[p], unit_of[p]
	for (i = 1; i <= whos[p]; i++) {
		w = order[i]
		len = top > 0 ? value[w] / top * (most - 60) : 0
		y += i == 1 ? 30 : bar + 4
		printf "<text x=\"%d\" y=\"%d\" text-anchor=\"end\"%s>%s" \
		    "</text>\n", x + 100, y + 13, \
		    w == "dns" ? " class=\"own\"" : "", label[w]
		printf "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" " \
		    "fill=\"%s\"%s/>\n", x + 108, y, len + 1, bar - 2, \
		    w in colour ? colour[w] : "#8a8f98", label[w] == "floor" ? \
		    " stroke=\"#8a8f98\" stroke-dasharray=\"3 2\"" : ""
		printf "<text x=\"%.1f\" y=\"%d\">%s</text>\n", \
		    x + 115 + len, y + 13, show(value[w])
	}
}

END {
	rows = 0
	for (p = 1; p <= panels; p++)
		if (whos[p]) {
			shown[++count] = p
			if (whos[p] > rows)
				rows = whos[p]
		}
	step = head + rows * (bar + 4)
	height = int((count + 1) / 2) * step + 10
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" " \
	    "height=\"%d\" viewBox=\"0 0 %d %d\">\n", \
	    2 * width, height, 2 * width, height
	print "<title>dns beside other resolvers, from one run of make bench" \
	    "</title>"
	print "<style>"
	print "text { font: 13px sans-serif; fill: #57606a; }"
	print ".title, .own { font-weight: bold; }"
	print "@media (prefers-color-scheme: dark) { text { fill: #b3bac4; } }"
	print "</style>"
	for (i = 1; i <= count; i++)
		draw(shown[i], (i - 1) % 2 * width, int((i - 1) / 2) * step)
	print "</svg>"
}
