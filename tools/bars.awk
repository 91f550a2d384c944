# Reads the bars of docs/performance.md, then the output of "go test -bench",
# and prints what was measured beside them. See "Benchmarks" in CONTRIBUTING.md.
#
#	awk -f tools/bars.awk docs/performance.md bench.txt

FILENAME ~ /\.md$/ {
	if (split($0, cell, "|") > 3 && match(cell[2], /x-[a-z0-9-]+/))
		bar[substr(cell[2], RSTART, RLENGTH)] = cell[3]
	next
}

/^Benchmark/ {
	for (i = 3; i < NF; i += 2) {
		if ($(i + 1) !~ /^x-/) continue
		split(bar[$(i + 1)], want, " ")
		verdict = "no bar in docs/performance.md"
		if (want[1] == "<=") verdict = $i <= want[2] + 0 ? "met" : "MISSED"
		if (want[1] == "none") verdict = ""
		if (want[1] == ">=") verdict = $i >= want[2] + 0 ? "met" : "MISSED"
		row[++rows] = sprintf("%-24s %10s   %-10s %-8s %s", $(i + 1), $i, want[1] " " want[2], verdict, $1)
	}
}

END {
	printf "\n%-24s %10s   %-10s %-8s %s\n", "metric", "measured", "bar", "", "benchmark"
	for (i = 1; i <= rows; i++) print row[i]
}
