#!/usr/bin/env bash
# Prints what Gumshoe costs, beside the limits we hold it to. Run it on a quiet
# machine: docs/bench/figures.sh
#
# It fails nothing: a figure over its limit is marked, and a person decides.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
export XDG_STATE_HOME=$here/state
make --no-print-directory build >/dev/null
program=bin/gumshoe

row() { # figure, limit, measured, unit
  local mark=
  if awk -v m="$3" -v l="$2" 'BEGIN { exit !(m == "" || m > l) }'; then mark='  <- over'; fi
  [ -n "$3" ] || mark='  <- not measured'
  printf '%-46s %10s %10s %-3s%s\n' "$1" "$2" "${3:--}" "$4" "$mark"
}

# milliseconds COMMAND: the median wall time of 50 runs, after 3 that warm up.
milliseconds() {
  if command -v hyperfine >/dev/null; then
    hyperfine -N --warmup 3 --runs 50 --export-csv "$here/times" "$1" >/dev/null 2>&1
    awk -F, 'NR == 2 { printf "%.1f", $(NF-4) * 1000 }' "$here/times"
    return
  fi
  local i from to
  for i in $(seq 53); do
    from=${EPOCHREALTIME/./}
    $1 >/dev/null
    to=${EPOCHREALTIME/./}
    if [ "$i" -gt 3 ]; then echo $((to - from)); fi
  done | sort -n | awk '{ t[NR] = $1 } END { printf "%.1f", t[int((NR + 1) / 2)] / 1000 }'
}

# peak COMMAND…: the most memory in MB that it had resident.
peak() {
  local pid high=0 now
  "$@" >/dev/null 2>&1 &
  pid=$!
  while now=$(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
    high=$now
    sleep 0.01
  done
  wait "$pid" || true # a sick host is not our failure
  awk -v k="$high" 'BEGIN { if (k > 0) printf "%.1f", k * 1024 / 1e6 }'
}

# cost_of COMMAND…: its wall and its processor time in seconds.
cost_of() {
  local TIMEFORMAT='%R %U %S'
  { time "$@" >/dev/null 2>&1 || true; } 2>&1 | awk '{ printf "%.2f %.3f\n", $1, $2 + $3 }'
}

# benchmark FOLDER NAME: the median of 5, in milliseconds; nothing when there is
# no such benchmark.
benchmark() {
  go test -run '^$' -bench "^$2\$" -count 5 "$1" 2>/dev/null |
    awk '/ ns\/op/ { for (i = 2; i <= NF; i++) if ($i == "ns/op") print $(i-1) }' |
    sort -n | awk '{ t[NR] = $1 } END { if (NR) printf "%.3f", t[int((NR + 1) / 2)] / 1e6 }'
}

printf '%s, %s cores, %s\n\n' "$(go version | cut -d' ' -f3-)" "$(nproc)" "$(date -u +%Y-%m-%d)"
printf '%-46s %10s %10s\n' figure limit measured
row 'gumshoe version: start to end' 30 "$(milliseconds "$program version")" ms
row 'the program, stripped' 45 "$(awk -v b="$(stat -c %s "$program")" 'BEGIN { printf "%.1f", b / 1e6 }')" MB
row 'gumshoe run host-sick: resident memory' 60 "$(peak "$program" run host-sick)" MB
read -r wall cpu < <(cost_of "$program" run --all --format json host-sick)
row 'gumshoe run host-sick --all: wall' 3 "$wall" s
row 'gumshoe run host-sick --all: processor' 0.5 "$cpu" s
row 'a run of 40 steps that do nothing' 20 "$(benchmark ./engine BenchmarkRun40)" ms
row 'loading a runbook of 500 lines' 20 "$(benchmark ./engine/load BenchmarkLoad)" ms
row 'choosing a step: 30 hypotheses, 40 steps' 0.1 "$(benchmark ./engine/belief BenchmarkChoose)" ms

# 200 services that answer after 20 ms each and one of them after 200 ms.
row 'topology.walk, 200 targets: over the slowest' 20 "$(go test -run '^$' -bench '^BenchmarkWalk$' -count 3 ./checks/topology |
  awk '/over-slowest/ { for (i = 2; i <= NF; i++) if ($i ~ /over-slowest/) print $(i-1) }' | sort -n | sed -n 2p)" %

# The checks at 2,000 processes, 10,000 sockets, 200 control groups and disks; the
# time is nearly all that of a processor.
for check in Processes Sockets Limits Load DiskIO Cgroups; do
  row "checks/host Benchmark$check" 100 "$(benchmark ./checks/host "Benchmark$check")" ms
done
