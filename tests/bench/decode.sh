#!/usr/bin/env bash
# How fast captured traffic becomes calls: `shoal calls --pcap` beside Suricata and tshark, on the same files, on one core
# each, in turns. The files are recorded once: about 500 MB of HTTP/1 and of HTTP/2 between a client and an nginx, small ones as services make them. Zeek is
# not among the peers, since Debian does not package it. `./dev bench decode [MEGABYTES]`
set -euo pipefail
readonly megabytes=${1:-500} rounds=3 image=shoal/bench:decode data=$PWD/target/bench
mkdir -p "$data"

# A current Debian in a container has the peers in their current versions, whatever this machine runs.
make_image() {
  docker image inspect $image >/dev/null 2>&1 && return
  local work mirror
  work=$(mktemp -d)
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' 'Origin: Debian' | awk '$2 == "Debian" { print $1; exit }')
  command -v debootstrap >/dev/null || apt-get install -y debootstrap >/dev/null
  debootstrap --variant=minbase trixie "$work/root" ${mirror:+"$mirror"} >"$data/debootstrap.log"
  tar -C "$work/root" -c . | docker import - $image-base >/dev/null
  cat >"$work/Dockerfile" <<TEXT
FROM $image-base
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    suricata tshark tcpdump nginx-light nghttp2-client time && rm -rf /var/lib/apt/lists/*
TEXT
  mkdir "$work/context"
  DOCKER_BUILDKIT=0 docker build -q -t $image -f "$work/Dockerfile" "$work/context" >/dev/null
  rm -rf "$work"
}

in_container() { docker run --rm --cpuset-cpus 1 -v "$data:/data" -v "$PWD/target/release:/shoal:ro" $image "$@"; }

# record NAME H2LOAD-FLAG HTTP2: calls of some hundred bytes, until the file has its size.
record() {
  local file=$data/$1-$megabytes.pcap
  [[ ! -s $file ]] || return 0
  docker run --rm -v "$data:/data" $image bash -c '
    set -e
    mkdir -p /www && for n in $(seq 100); do
      { printf "{\"id\":%d,\"text\":\"" $n; head -c $((n * 6)) /dev/urandom | base64 -w0; printf "\"}"; } >/www/$n.json
    done
    cat >/tmp/nginx.conf <<TEXT
events {}
http { access_log off; keepalive_requests 1000000000;
  server { listen 8080; http2 '"$3"'; root /www; default_type application/json; } }
TEXT
    nginx -c /tmp/nginx.conf
    for n in $(seq 100); do echo http://127.0.0.1:8080/$n.json; done >/tmp/urls
    tcpdump -q -i lo -s 0 -B 65536 -w /data/part.pcap tcp port 8080 2>/dev/null & tap=$!
    sleep 1
    while (($(stat -c %s /data/part.pcap) < '"$megabytes"' * 1000000)); do
      h2load '"$2"' -n 4000 -c 8 -m 4 -i /tmp/urls >/dev/null
    done
    kill -INT $tap; wait $tap || true
    mv /data/part.pcap /data/'"$1-$megabytes"'.pcap'
}

# run PROGRAM FILE: prints `SECONDS MEGABYTES`: its processor time and its largest memory.
run() {
  local command
  case $1 in
    shoal) command="/shoal/shoal calls --pcap /data/$2" ;;
    suricata) command="suricata -r /data/$2 -l /tmp -k none --runmode single -S /dev/null" ;;
    tshark) command="tshark -n -r /data/$2 -Y http||http2 -T fields -e frame.time_epoch -e http.request.method -e http.request.uri -e http.response.code -e http2.headers.method -e http2.headers.path -e http2.headers.status" ;;
  esac
  in_container time -f '%U %S %M' -o /data/time.txt $command >/dev/null 2>"$data/$1.log" || { cat "$data/$1.log" >&2; exit 1; }
  awk '{ printf "%.2f %.0f\n", $1 + $2, $3 / 1024 }' "$data/time.txt"
}

make_image
record http1 --h1 off
record http2 '' on
printf '%-8s %-10s %12s %10s %10s\n' file program 'CPU seconds' 'memory' 'of ours'
for file in http1 http2; do
  rm -f "$data"/*.times
  for ((round = 0; round < rounds; round++)); do
    for program in shoal suricata tshark; do run $program $file-"$megabytes".pcap >>"$data/$program.times"; done
  done
  for program in shoal suricata tshark; do
    read -r seconds memory < <(sort -n "$data/$program.times" | sed -n $((rounds / 2 + 1))p)
    [[ $program != shoal ]] || ours=$seconds
    awk -v file=$file -v program=$program -v s="$seconds" -v m="$memory" -v ours="$ours" \
      'BEGIN { printf "%-8s %-10s %10.2f s %7d MB %9.1fx\n", file, program, s, m, s / ours }'
  done
done
