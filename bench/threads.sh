#!/usr/bin/env bash
# Compiles some of bench/programs at -O3 and prints how much faster they are on two threads than on one.
#
# usage: bench/threads.sh [PASSES=7] [FILTER-regex]; THREADS=4 compares with four
# One pass runs each program on one thread and then on several; the ratio is that of the medians of the time that the programs measure themselves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
passes=${1:-7}
filter=${2:-.}
threads=${THREADS:-2}
orionc=${ORIONC:-$PWD/../target/release/orionc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What computes, then what talks.
rows=(
    "skynet 1000000" "merge_sort 1000000" "fork_join 38"
    "sieve 4000 0" "sieve 4000 1" "chain 100000 20" "threadring 10000000" "pingpong 2000000"
)

for row in "${rows[@]}"; do
    [[ "$row" =~ $filter ]] || continue
    name=${row%% *}
    [ -x "$work/$name" ] || "$orionc" build "programs/$name.or" -O 3 -o "$work/$name"
done

# The time that a program prints, in ms.
pass() {
    # shellcheck disable=SC2086 # the arguments are words
    "$work/$1" --threads "$2" -- $3 | awk '/^RESULT/ {
        t = $NF
        unit = t; sub(/^[0-9.]+/, "", unit); sub(/[a-z]+$/, "", t)
        print t * (unit == "s" ? 1000 : unit == "ms" ? 1 : unit == "us" ? 0.001 : 0.000001)
    }'
}

median() { sort -n "$1" | awk '{ t[NR] = $1 } END { print NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2 }'; }

printf '%-24s %12s %12s %8s\n' program "1 thread ms" "$threads threads" ratio
for row in "${rows[@]}"; do
    [[ "$row" =~ $filter ]] || continue
    name=${row%% *} arguments=${row#* }
    : >"$work/one"; : >"$work/several"
    for _ in $(seq "$passes"); do
        pass "$name" 1 "$arguments" >>"$work/one"
        pass "$name" "$threads" "$arguments" >>"$work/several"
    done
    one=$(median "$work/one") several=$(median "$work/several")
    printf '%-24s %12.1f %12.1f %8s\n' "$row" "$one" "$several" "$(awk "BEGIN { printf \"%.2f\", $one / $several }")"
done
