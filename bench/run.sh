#!/usr/bin/env bash
# Compiles the programs of bench/programs at -O3 and prints medians of several passes.
#
# usage: bench/run.sh [PASSES=5] [FILTER-regex]; THREADS=2 runs them on two threads
# A program prints `RESULT name operations duration`. CPU time is the process's own, user and system:
# it is the figure to compare on a machine that does other things as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
passes=${1:-5}
filter=${2:-.}
orionc=${ORIONC:-$PWD/../target/release/orionc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Program and arguments, one row each; the same rows as those of the peers.
rows=(
    "yield 10000000 1" "yield 10000000 2" "yield 10000000 10" "yield 10000000 1000"
    "spawn_seq 1000000" "spawn_seq_chan 1000000" "spawn_alive 1000000"
    "pingpong 1000000" "buffered 10000000" "sieve 4000 1" "sieve 4000 0"
    "select 1000000 0" "select 1000000 128" "skynet 1000000" "threadring 10000000" "fib_spawn 27" "fib 40"
    "merge_sort 1000000" "fork_join 36"
)

for row in "${rows[@]}"; do
    name=${row%% *}
    [[ "$row" =~ $filter ]] || continue
    [ -x "$work/$name" ] || "$orionc" build "programs/$name.or" -O 3 -o "$work/$name"
done

TIMEFORMAT='%U %S'
for _ in $(seq "$passes"); do
    for row in "${rows[@]}"; do
        [[ "$row" =~ $filter ]] || continue
        # shellcheck disable=SC2086 # the arguments are words
        if { time "$work/${row%% *}" ${THREADS:+--threads "$THREADS" --} ${row#"${row%% *}"} >"$work/out"; } 2>"$work/cpu"; then
            printf '%s\t%s\t%s\n' "$row" "$(grep '^RESULT' "$work/out")" "$(tail -n 1 "$work/cpu")"
        else
            printf '%s\tFAILED\n' "$row"
        fi
    done
done >"$work/raw"

# Durations in Go's way become nanoseconds.
awk -F'\t' '
function ns(text,   total, number, unit, rest) {
    total = 0; rest = text
    while (match(rest, /^[0-9.]+/)) {
        number = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1)
        match(rest, /^[a-z]+/); unit = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1)
        total += number * (unit == "h" ? 3.6e12 : unit == "m" ? 6e10 : unit == "s" ? 1e9 : unit == "ms" ? 1e6 : unit == "us" ? 1e3 : 1)
    }
    return total
}
function median(list, n,   i, j, t) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
$2 == "FAILED" { failed[$1] = 1; if (!seen[$1]++) order[++rows] = $1; next }
{
    if (!seen[$1]++) order[++rows] = $1
    split($2, result, " "); split($3, time, " ")
    n = ++count[$1]; wall[$1, n] = ns(result[4]) / result[3]; cpu[$1, n] = (time[1] + time[2]) * 1e9 / result[3]
}
END {
    printf "%-28s %14s %14s\n", "program", "cpu ns/op", "wall ns/op"
    for (r = 1; r <= rows; r++) {
        row = order[r]
        if (failed[row]) { printf "%-28s %14s\n", row, "FAILED"; continue }
        for (i = 1; i <= count[row]; i++) { w[i] = wall[row, i]; c[i] = cpu[row, i] }
        printf "%-28s %14.2f %14.2f\n", row, median(c, count[row]), median(w, count[row])
    }
}' "$work/raw"
