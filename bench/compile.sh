#!/usr/bin/env bash
# Compiles a generated program of 3,000 lines and one of twice as many, and prints medians: wall-clock and CPU seconds, and the ratio of the two.
#
# usage: bench/compile.sh [PASSES=5] [LEVEL=2]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
passes=${1:-5}
level=${2:-2}
orionc=${ORIONC:-$PWD/target/release/orionc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

TIMEFORMAT='%R %U %S'
for lines in 3000 6000; do
    cargo run --quiet --release -p orion-tests --bin large-program -- "$lines" >"$work/$lines.or"
done
for _ in $(seq "$passes"); do
    for lines in 3000 6000; do
        { time "$orionc" build "$work/$lines.or" -O "$level" -o "$work/$lines"; } 2>"$work/time"
        echo "$lines $(tail -n 1 "$work/time")"
    done
done >"$work/raw"
awk '
function median(list, n,   i, j, t) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
{ n[$1]++; wall[$1, n[$1]] = $2; cpu[$1, n[$1]] = $3 + $4 }
END {
    for (lines = 3000; lines <= 6000; lines += 3000) {
        for (i = 1; i <= n[lines]; i++) { w[i] = wall[lines, i]; c[i] = cpu[lines, i] }
        mw[lines] = median(w, n[lines]); mc[lines] = median(c, n[lines])
        printf "%d lines: %.2f s, CPU %.2f s\n", lines, mw[lines], mc[lines]
    }
    printf "twice the source takes %.2f times as long\n", mw[6000] / mw[3000]
}' "$work/raw"
