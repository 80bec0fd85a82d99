#!/usr/bin/env bash
# A Docker engine for tests, on a bare Debian 12 machine: as root, without systemd, without an image registry.
#
#   .ci/docker_engine.sh up              install and start a private dockerd, and make the base image; again: no change
#   eval "$(.ci/docker_engine.sh env)"   point clients at it
#   .ci/docker_engine.sh down            stop it, and undo what it did to the machine's network
#
# It has a socket, a data folder and a process of its own, so a developer's engine is never touched. Everything in the
# cache may vanish; it is made again, which takes a minute.
set -euo pipefail

run=${TOWPATH_ENGINE_RUN:-/run/towpath-engine}              # containerd's sockets live below: at most 108 characters
cache=${TOWPATH_ENGINE_CACHE:-/var/cache/towpath/engine}
base=${TOWPATH_ENGINE_BASE:-python:3.11-slim}
export DOCKER_HOST=unix://$run/docker.sock

say() { printf '[engine %3ds] %s\n' "$SECONDS" "$*" >&2; }
# By its path: another client in front of it may lack what the engine of this release speaks.
docker() { /usr/bin/docker "$@"; }

state_of() { awk '/^State:/ {print $2}' "/proc/$1/status" 2>/dev/null; }
# A process that ended and that nobody waited for (state Z) counts as gone.
alive() { local state; state=$(state_of "$1"); [ -n "$state" ] && [ "$state" != Z ]; }
wait_for() {  # wait_for SECONDS COMMAND…: until it succeeds
  local end=$((SECONDS + $1)); shift
  until "$@"; do ((SECONDS < end)) || return 1; sleep 0.2; done
}

install() {
  local package missing=()
  for package in docker.io mmdebstrap iptables iproute2 ca-certificates; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  say "apt installed ${missing[*]}"
}

answers() { docker version >/dev/null 2>&1; }

start() {
  if answers; then say "the engine runs already"; return; fi
  mkdir -p "$run" "$cache/data"
  [ -s "$run/ip_forward" ] || cat /proc/sys/net/ipv4/ip_forward >"$run/ip_forward"
  [ -s "$run/forward" ] || iptables -S FORWARD | awk '$1 == "-P" {print $3}' >"$run/forward"
  # After a kill -9 the files that name its process are still there, and the next dockerd would believe them.
  alive "$(cat "$run/dockerd.pid" 2>/dev/null || echo none)" || rm -f "$run/dockerd.pid" "$run/exec/containerd/containerd.pid"
  # A bridge with larger packets than the machine's own link would lose them.
  local link mtu
  link=$(ip route show default | awk '{for (i = 1; i < NF; i++) if ($i == "dev") {print $(i + 1); exit}}')
  mtu=$(cat "/sys/class/net/${link:-none}/mtu" 2>/dev/null || echo 1400)
  setsid dockerd --host "$DOCKER_HOST" --data-root "$cache/data" --exec-root "$run/exec" --pidfile "$run/dockerd.pid" \
    --mtu "$mtu" --group root --log-level warn </dev/null >"$run/dockerd.log" 2>&1 &
  if ! wait_for 60 answers; then
    say "dockerd does not answer; the end of its log:"
    tail -n 20 "$run/dockerd.log" >&2
    return 1
  fi
  say "dockerd answers"
}

# A stand-in for the official python image, from Debian's packages: the same paths (/usr/local/bin/python, pip), the
# Python that Debian 12 has. The build takes the machine's resolver and host name along; they are removed.
recipe() { cat <<'RECIPE'
--variant=minbase
--include=ca-certificates,netbase,tzdata,python3,python3-venv
--dpkgopt=path-exclude=/usr/share/man/*
--dpkgopt=path-exclude=/usr/share/locale/*
--dpkgopt=path-exclude=/usr/share/doc/*
--dpkgopt=path-include=/usr/share/doc/*/copyright
--customize-hook=chroot "$1" python3 -m venv /usr/local
--customize-hook=rm -rf "$1/etc/resolv.conf" "$1/etc/hostname" "$1/root/.cache" "$1/var/log/apt"
--customize-hook=find "$1/usr" -name __pycache__ -type d -prune -exec rm -rf {} +
RECIPE
}

base_image() {
  local key tar options
  key=$(recipe | sha256sum | cut -c1-16)
  tar=$cache/base-$key.tar
  if [ "$(docker image inspect -f '{{index .Config.Labels "towpath.recipe"}}' "$base" 2>/dev/null || true)" = "$key" ]; then
    say "the base image is there"
    return
  fi
  if [ ! -s "$tar" ]; then
    mapfile -t options < <(recipe)
    SOURCE_DATE_EPOCH=1750000000 mmdebstrap --quiet --format=tar "${options[@]}" bookworm "$tar.part"
    mv "$tar.part" "$tar"
    say "made a base of $(($(stat -c %s "$tar") >> 20)) MiB"
  fi
  docker import \
    --change "LABEL towpath.recipe=$key" \
    --change 'LABEL org.opencontainers.image.title="local stand-in for python:3.11-slim, of Debian 12 packages"' \
    --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' \
    --change 'CMD ["python3"]' "$tar" "$base" >/dev/null
  say "imported it as $base"
}

stop() {
  [ -d "$run" ] || return 0
  answers || start || true  # a killed engine leaves containers: a new one takes them over, and can remove them
  docker ps --all --quiet | xargs --no-run-if-empty /usr/bin/docker rm --force >/dev/null 2>&1 || true
  docker image prune --force >/dev/null 2>&1 || true
  local pid
  pid=$(cat "$run/dockerd.pid" 2>/dev/null || echo none)
  if alive "$pid"; then
    kill "$pid"
    wait_for 30 eval "! alive $pid" || kill -KILL "$pid"
  fi
  # What a stopped dockerd leaves behind: mounts, its chains, a bridge, FORWARD DROP and forwarding switched on.
  awk '{print $2}' /proc/mounts | grep -E "^($run|$cache/data)(/|$)" | sort -r | xargs --no-run-if-empty -n 1 umount -l || true
  forget_rules
  ip link delete docker0 2>/dev/null || true
  [ -s "$run/ip_forward" ] && cat "$run/ip_forward" >/proc/sys/net/ipv4/ip_forward
  rm -rf "$run"
  say "stopped"
}

forget_rules() {
  local table rule chain
  for table in filter nat; do
    # First the rules that mention a chain or the bridge, then the chains.
    iptables -t $table -S 2>/dev/null | grep -E '^-A .*(DOCKER|docker0)' | while read -r rule; do
      eval "iptables -t $table -D ${rule#-A }" 2>/dev/null || true
    done || true
    for chain in $(iptables -t $table -S 2>/dev/null | awk '$1 == "-N" && $2 ~ /^DOCKER/ {print $2}'); do
      iptables -t $table -F "$chain" 2>/dev/null || true
    done
    for chain in $(iptables -t $table -S 2>/dev/null | awk '$1 == "-N" && $2 ~ /^DOCKER/ {print $2}'); do
      iptables -t $table -X "$chain" 2>/dev/null || true
    done
  done
  iptables -P FORWARD "$(cat "$run/forward" 2>/dev/null || echo ACCEPT)" 2>/dev/null || true
}

case ${1:-} in
  up) install; start; base_image ;;
  env) echo "export DOCKER_HOST=$DOCKER_HOST" ;;
  down) stop ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
