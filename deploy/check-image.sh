#!/usr/bin/env bash
# Builds the image and runs both profiles of compose.yaml, and looks at them as their
# user would. No image registry is asked: the base is made from Debian's packages. Where
# a tool is missing the check is skipped with a word. Nothing of it is left behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SUITE=trixie # as in the Dockerfile
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
KEY=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d " \n")
SECONDS_TO_START=60
# Debian's packages of the same names
TOOLS=(buildah curl git mmdebstrap podman runc)
# what lets containers find each other by name: Debian 12's, and its successor
NAMES=(/usr/lib/cni/dnsname /usr/lib/podman/aardvark-dns)

say() { echo "check-image: $*"; }
skip() { say "skipped: $*"; exit 0; }
wrong() { say "WRONG: $*" >&2; exit 1; }

((EUID == 0)) || skip "building a base image needs root"
for tool in "${TOOLS[@]}"; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done
[[ -x ${NAMES[0]} || -x ${NAMES[1]} ]] || skip "neither ${NAMES[*]} is there"
git rev-parse --git-dir >/dev/null || skip "this is no checkout"
curl -fsI --max-time 20 "$MIRROR/dists/$SUITE/InRelease" >/dev/null ||
    skip "$MIRROR does not answer"

place=$(mktemp -d)
clean_up() {
    set +e
    {
        podman rm --all --force --volumes
        podman network prune --force
        buildah rm --all
        umount --recursive --lazy "$place/storage/overlay"
    } &>/dev/null
    rm -rf "$place"
}

# A storage of its own, and containers as a machine without systemd can run them.
cat >"$place/containers.conf" <<END
[containers]
cgroups = "no-conmon"
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_config_dir = "$place/networks"
END
cat >"$place/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$place/storage"
runroot = "$place/run"
END
export CONTAINERS_CONF=$place/containers.conf CONTAINERS_STORAGE_CONF=$place/storage.conf
# not before: it removes whatever is in the storage
trap clean_up EXIT

make_base() {
    mmdebstrap --quiet --variant=minbase "$SUITE" "$place/base.tar" "$MIRROR"
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$place/base.tar" / >/dev/null
    buildah commit --quiet --rm "$container" localhost/base >/dev/null
    rm "$place/base.tar"
}

# The checkout with a key lying in it wherever a person may have put one. Files by name:
# what git ignores comes and goes while tests run beside this.
copy_source() {
    mkdir -p "$place/source"
    git ls-files -z --cached --others --exclude-standard |
        tar -c --null --files-from=- | tar -x -C "$place/source"
    mkdir -p "$place/source/secrets"
    echo "TMDB_API_KEY=$KEY" | tee "$place/source/.env" >"$place/source/streamr/.env"
    printf %s "$KEY" >"$place/source/secrets/tmdb-api-key"
    printf %s "a token of this check alone" | tr ' ' - >"$place/source/secrets/proxy-token"
    chmod 444 "$place/source/secrets/"*
}

build() {
    local roots=/etc/ssl/certs/ca-certificates.crt
    buildah build --quiet --isolation chroot --format docker \
        --volume "$roots:/roots.crt:ro" --build-arg PIP_CERT=/roots.crt \
        --build-arg BASE=localhost/base --tag localhost/streamr "$place/source" >/dev/null
}

holds_no_key() {
    local container root
    container=$(buildah from localhost/streamr)
    root=$(buildah mount "$container")
    ! grep -rlF "$KEY" "$root/opt" "$root/var/lib/streamr" "$root/etc" ||
        wrong "the image holds the key"
    ! buildah inspect localhost/streamr | grep -F "$KEY" || wrong "its history does"
}

# compose PROFILE ARGUMENT…: with images, ports and TMDB as they can be had here.
compose() {
    "$place/tools/bin/podman-compose" --profile "$1" -p check \
        -f "$place/source/compose.yaml" -f "$place/here.yaml" "${@:2}"
}

install_compose() {
    python3 -m venv "$place/tools"
    "$place/tools/bin/pip" install --quiet --disable-pip-version-check podman-compose
    # closed ports in TMDB's place; the simulator where something has to answer
    cat >"$place/here.yaml" <<END
services:
  streamr:
    image: localhost/streamr
    command: [demo]
    ports: !override ["127.0.0.1::3001"]
    environment: {STREAMR_LOG_LEVEL: info}
  main:
    image: localhost/streamr
    ports: !override ["127.0.0.1::3001"]
    environment: {TMDB_BASE_URL: "http://127.0.0.1:9/3"}
  proxy: {image: localhost/streamr, command: [demo], environment: {STREAMR_LOG_LEVEL: info}}
END
}

# up PROFILE CONTAINER…: starts them, and asks the image's own check until it is content
# (each run of it starts a Python, so there is no need to pause between two).
up() {
    compose "$1" up -d --no-build >"$place/compose.log" 2>&1 ||
        { cat "$place/compose.log"; wrong "profile $1 does not start"; }
    local container
    for container in "${@:2}"; do
        SECONDS=0
        until podman healthcheck run "check_${container}_1" &>/dev/null; do
            ((SECONDS < SECONDS_TO_START)) || {
                podman logs "check_${container}_1" |& tail -20
                wrong "$container is not healthy"
            }
        done
    done
}

# ask CONTAINER PATH OPTION…: the head and body of an answer, over the published port.
ask() {
    curl -sSi --max-time 20 "${@:3}" "http://$(podman port "check_$1_1" 3001)$2"
}

# status METHOD PATH OPTION…: of an answer over the one container's published port.
status() {
    curl -sS -o "$place/body" -w '%{http_code}' --max-time 20 -X "$1" \
        "${@:3}" "http://$(podman port check_streamr_1 3001)$2"
}

# What a person who follows the README may do from the machine itself, and no more.
can_be_broken_and_read() {
    local named=(-H "Host: localhost:3001") app=(-H "Origin: http://localhost:5173")
    [[ $(status POST "/demo/fault?fault=html" "${named[@]}") == 200 ]] ||
        wrong "the demo cannot be broken from outside: $(cat "$place/body")"
    [[ $(status POST /demo/heal "${named[@]}" "${app[@]}") == 200 ]] ||
        wrong "a front end on this machine cannot heal it"
    status GET / "${named[@]}" -H "Accept: text/html" >/dev/null
    grep -q 'action="demo/heal"' "$place/body" || wrong "its page has no buttons"
    ! grep -q 'id="settings"' "$place/body" || wrong "its page shows settings"
    curl -sSi --max-time 20 "${app[@]}" "http://$(podman port check_streamr_1 3001)/3/movie/550" |
        grep -qi '^Access-Control-Allow-Origin: http://localhost:5173' ||
        wrong "a front end on this machine cannot read it"
    local closed
    for closed in "Origin: https://evil.example" "Via: 1.1 edge"; do
        [[ $(status POST /demo/heal "${named[@]}" -H "$closed") == 403 ]] ||
            wrong "open with $closed"
    done
    [[ $(status POST /demo/heal -H "Host: streamr:3001") == 421 ]] ||
        wrong "open under another name"
    [[ $(status GET /metrics "${named[@]}") == 403 ]] || wrong "metrics are open"
}

# over_both: IPv4 and IPv6 reach the server inside.
over_both() {
    local address
    for address in 127.0.0.1 '[::1]'; do
        podman exec check_streamr_1 /opt/streamr/bin/python -c \
            "import urllib.request as u; u.urlopen('http://$address:3001/api/health')" ||
            wrong "$address does not answer inside"
    done
}

# Docker gives containers no IPv6 unless it is told to.
without_ipv6() {
    local id
    id=$(podman run --detach --sysctl net.ipv6.conf.all.disable_ipv6=1 \
        --sysctl net.ipv6.conf.default.disable_ipv6=1 localhost/streamr demo)
    SECONDS=0
    until podman healthcheck run "$id" &>/dev/null; do
        ((SECONDS < SECONDS_TO_START)) || {
            podman logs "$id" |& tail -20
            wrong "it does not start where IPv6 is off"
        }
    done
    podman rm --force --time 25 "$id" >/dev/null
}

# stops_well CONTAINER: SIGTERM reaches it, and it lets its requests finish.
stops_well() {
    podman stop --time 25 "check_$1_1" &>/dev/null
    [[ $(podman inspect "check_$1_1" --format '{{.State.ExitCode}}') == 0 ]] ||
        wrong "$1 does not stop by itself"
    podman logs "check_$1_1" &>"$place/log"
    grep -q 'streamr has stopped$' "$place/log" ||
        wrong "$1 has not stopped in order"
}

one_container() {
    up one streamr
    ask streamr /api/tmdb/trending >"$place/answer"
    grep -q '^HTTP/1.1 200' "$place/answer" || wrong "no list"
    [[ $(podman exec check_streamr_1 id -u) == 10001 ]] || wrong "it runs as root"
    ! podman exec --user 0 check_streamr_1 touch /probe 2>/dev/null ||
        wrong "its root can be written"
    can_be_broken_and_read
    over_both
    stops_well streamr
    compose one down -v &>/dev/null
}

two_containers() {
    up two main proxy
    # not one that is fetched at the start, or the store may answer; a main that was up
    # before its proxy has opened its breaker, and probes it within seconds
    ask main /api/tmdb/movie/550 --fail --output "$place/answer" \
        --retry 20 --retry-max-time 60 --retry-all-errors 2>/dev/null || true
    grep -qi '^X-Proxy-Source: .*proxy:5001' "$place/answer" ||
        { head -20 "$place/answer"; wrong "main does not reach the proxy"; }
    stops_well main
    stops_well proxy
    compose two down -v &>/dev/null
}

no_key() {
    local status=0
    podman run --rm localhost/streamr 2>"$place/said" || status=$?
    ((status == 78)) || wrong "without a key it ends with $status"
    grep -q '^streamr: streamr needs a TMDB key' "$place/said" || wrong "it does not say why"
}

step() { say "$1" && "$1"; }

for each in make_base copy_source build holds_no_key; do step "$each"; done
podman run --rm localhost/base true 2>"$place/said" ||
    skip "containers do not run here: $(tail -1 "$place/said")"
for each in install_compose one_container two_containers without_ipv6 no_key; do step "$each"; done
say "all is well"
