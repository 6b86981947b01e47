#!/usr/bin/env bash
# Reads the same capture with tshark, tcpdump and Gumshoe, side by side, each on one
# core: docs/bench/packets.sh [FILE]. Without a file it makes one, of half a million
# packets at least: nginx serves files to curl in a network namespace whose firewall
# drops four packets of a thousand. Making it needs root, ip, nft, nginx, curl and tcpdump.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
export XDG_STATE_HOME=$here/state
make --no-print-directory build >/dev/null

# make_capture FILE: run in a network namespace of its own.
make_capture() {
  ip link set lo up mtu 1500 gso_max_segs 1
  nft 'add table ip loss; add chain ip loss in { type filter hook input priority 0; }; add rule ip loss in tcp dport 8080 numgen random mod 1000 < 4 drop; add rule ip loss in tcp sport 8080 numgen random mod 1000 < 4 drop'
  mkdir -p "$here/www" "$here/logs"
  head -c 100000 /dev/urandom > "$here/www/file"
  cat > "$here/nginx.conf" <<END
daemon off; master_process off; pid $here/pid; error_log $here/logs/error;
events { worker_connections 512; }
http {
  access_log off; client_body_temp_path $here/logs; proxy_temp_path $here/logs; fastcgi_temp_path $here/logs;
  uwsgi_temp_path $here/logs; scgi_temp_path $here/logs; keepalive_requests 20;
  server { listen 127.0.0.1:8080; root $here/www; location / { try_files /file =404; } }
}
END
  nginx -c "$here/nginx.conf" 2>/dev/null &
  local server=$!
  tcpdump -i lo -w "$1" -B 262144 -Z root -n tcp 2>"$here/tcpdump" &
  local recorder=$!
  until grep -q listening "$here/tcpdump" && curl -s -o /dev/null http://127.0.0.1:8080/; do sleep 0.1; done
  curl -s --no-progress-meter -Z --parallel-max 32 -o /dev/null 'http://127.0.0.1:8080/[1-6000]'
  sleep 2
  kill -INT $recorder
  wait $recorder || true
  kill $server
  wait $server || true
}

if [ "${1:-}" = --make ]; then # in the namespace: see below
  here=$(dirname "$2")
  trap - EXIT
  make_capture "$2"
  exit
fi
file=${1:-}
if [ -z "$file" ]; then
  file=$here/big.pcap
  unshare -n "$0" --make "$file"
fi

# measure NAME COMMAND…: its wall and processor time, the most memory it had, and how
# many packets it reads in a second of processor time.
packets=$(tcpdump -r "$file" --count 2>/dev/null | awk '{ print $1 }')
measure() {
  local name=$1 pid high=0 now
  shift
  local TIMEFORMAT='%R %U %S'
  { time taskset -c 0 "$@" >/dev/null 2>&1; } 2>"$here/time" &
  pid=$!
  while [ -e /proc/$pid ]; do
    for now in $(pgrep -P $pid); do
      now=$(awk '/^VmHWM:/ { print $2 }' "/proc/$now/status" 2>/dev/null) && [ "${now:-0}" -gt "$high" ] && high=$now
    done
    sleep 0.005
  done
  wait $pid || true
  awk -v name="$name" -v n="$packets" -v k="$high" '{ cpu = $2 + $3; printf "%-34s %8.2f %8.2f %10.1f %10.2f\n", name, $1, cpu, k * 1024 / 1e6, n / cpu / 1e6 }' "$here/time"
}

echo "$packets packets, $(stat -c %s "$file") bytes"
printf '%-34s %8s %8s %10s %10s\n' '' 'wall s' 'cpu s' 'memory MB' 'Mpackets/s'
cat "$file" >/dev/null
measure "tshark -q -z expert" tshark -r "$file" -q -z expert
measure "tcpdump --count" tcpdump -r "$file" --count
measure "tcpdump -nn (text)" tcpdump -nn -r "$file"
measure "gumshoe check packets.file" bin/gumshoe check packets.file "path=$file" --format json
echo
for field in retransmission fast_retransmission out_of_order duplicate_ack; do
  printf 'tshark    %-22s %s\n' $field "$(tshark -r "$file" -Y tcp.analysis.$field 2>/dev/null | wc -l)"
done
bin/gumshoe check packets.file "path=$file" --format json | awk '/"(retransmitted|fast_retransmitted|out_of_order|duplicate_acks)":/ && !seen[$1]++ { printf "gumshoe   %-22s %s\n", $1, $2 }'
