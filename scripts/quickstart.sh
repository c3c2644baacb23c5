#!/usr/bin/env bash
# Builds Tiercel and runs it: by default with conf/quickstart.yaml, a sample origin and a private Redis, all of which end
# with this script.
#
#   scripts/quickstart.sh             run until Ctrl-C; shows what to try
#   scripts/quickstart.sh --check     try it all by itself: exit code 0 if every answer came from where it should
#   scripts/quickstart.sh -c FILE     run another configuration; then nothing but the proxy is started
#
# TIERCEL_PORT, TIERCEL_ADMIN_PORT, TIERCEL_ORIGIN_PORT choose ports (8080, 9080, 3000; free ones when those are taken, and always with --check).
# TIERCEL_SKIP_PACKAGES=1 leaves the installed packages as they are. TIERCEL_BUILD=DIR takes the programs of that build
# directory as they are.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
quickstart=$root/conf/quickstart.yaml
build=${TIERCEL_BUILD:-$root/build/release}
tiercel=$build/src/app/tiercel
origin=$build/bench/origin/tiercel-origin

configuration=$quickstart
check=no
work=
declare -A pids=()     # name → process id of what we started

say() { echo "quickstart: $*"; }
fail() {
    echo "quickstart: $*" >&2
    exit 1
}

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit "$1"
}

# ---- processes ----

# start NAME COMMAND...: in the background, output to $work/NAME.log
start() {
    local name=$1
    shift
    "$@" >>"$work/$name.log" 2>&1 </dev/null &
    pids[$name]=$!
}

# By the shell's own list, so that an id which has passed to a stranger is never taken for ours.
is_ours() { [[ $'\n'$(jobs -rp)$'\n' == *$'\n'$1$'\n'* ]]; }
is_running() { [ -n "${pids[$1]:-}" ] && is_ours "${pids[$1]}"; }

# stop NAME [SECONDS]: TERM, and KILL when it has not ended by then. Returns its exit code.
stop() {
    local name=$1 deadline=$((SECONDS + ${2:-10})) pid=${pids[$1]:-} status=0
    [ -n "$pid" ] || return 0
    unset "pids[$name]"
    if is_ours "$pid"; then kill -TERM "$pid"; fi
    while is_ours "$pid" && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.05; done
    if is_ours "$pid"; then kill -KILL "$pid"; fi
    wait "$pid" 2>/dev/null || status=$?
    return "$status"
}

# shellcheck disable=SC2317  # reached by the trap
clean_up() {
    trap '' INT TERM
    stop proxy || true
    stop origin || true
    stop redis || true
    [ -z "$work" ] || rm -rf "$work"
}

# await NAME SECONDS COMMAND...: until the command succeeds; fails with NAME's log when NAME ends or takes too long
await() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        is_running "$name" || { tail -n 20 "$work/$name.log" >&2; fail "$name has ended"; }
        [ "$SECONDS" -lt "$deadline" ] || { tail -n 20 "$work/$name.log" >&2; fail "$name does not get ready"; }
        sleep 0.05
    done
}

# ---- ports ----

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

declare -A given_out=()
free_port() {   # result in $port
    local tries
    for tries in {1..100}; do
        port=$((20000 + RANDOM % 12000))   # below the range that outgoing connections use
        if [ -z "${given_out[$port]:-}" ] && ! is_taken "$port"; then
            given_out[$port]=$tries
            return
        fi
    done
    fail "no free port found"
}

# choose_port VARIABLE DEFAULT: the one that was asked for, else the default, else any free one
choose_port() {
    local variable=$1 default=$2 port
    if [ "$check" = no ]; then
        local wanted=${!variable:-$default}
        if ! is_taken "$wanted"; then
            export "$variable=$wanted"
            return
        fi
        free_port
        say "port $wanted is taken; using $port ($variable chooses)"
    else
        free_port
    fi
    export "$variable=$port"
}

# ---- parts ----

install_packages() {
    [ -z "${TIERCEL_SKIP_PACKAGES:-}" ] || return 0
    "$root/scripts/install-packages.sh" build ||
        fail "the packages of section \"build\" are needed (TIERCEL_SKIP_PACKAGES=1 if they are there in another way)"
    "$root/scripts/install-packages.sh" run || say "going on without some packages"
    command -v curl >/dev/null || fail "curl is needed"
}

build_programs() {
    [ -z "${TIERCEL_BUILD:-}" ] || return 0
    say "building (the first time takes some minutes)"
    if ! (cd "$root" && cmake --preset release -DTIERCEL_TESTS=OFF) >"$work/cmake.log" 2>&1; then
        cat "$work/cmake.log" >&2
        fail "cmake failed"
    fi
    ninja -C "$build" -j"$(nproc)" tiercel tiercel-origin || fail "the build failed"
}

start_redis() {
    if ! command -v redis-server >/dev/null; then
        export TIERCEL_L2=none
        say "redis-server is not installed: running with the in-process tier (L1) alone"
        return
    fi
    free_port
    export TIERCEL_L2=redis TIERCEL_REDIS_URL="redis://127.0.0.1:$port/0"
    mkdir "$work/redis"
    start redis redis-server --bind 127.0.0.1 --port "$port" --dir "$work/redis" --save "" --appendonly no --daemonize no
    await redis 10 is_taken "$port"
}

start_origin() {
    start origin "$origin" --listen "127.0.0.1:$TIERCEL_ORIGIN_PORT"
    await origin 10 grep -q '^listening ' "$work/origin.log"
}

# With all it depends on: Redis, above all.
is_well() { curl -sf --max-time 2 "http://127.0.0.1:$TIERCEL_ADMIN_PORT/readyz" | grep -q '"status":"ok"'; }

start_proxy() {
    start proxy "$tiercel" run -c "$configuration"
    # Of a configuration that is not ours we do not know where it listens.
    if [ "$configuration" = "$quickstart" ]; then
        await proxy 20 is_well
    fi
}

restart_proxy() {
    stop proxy 40 || fail "the proxy did not end cleanly"
    start_proxy
}

# ---- what it is for ----

# expect WHAT PATTERN URL: one request; its Cache-Status must match
expect() {
    local what=$1 pattern=$2 url=$3 head status
    head=$(curl -sS -o /dev/null -D - --max-time 10 "$url") || fail "$what: no answer from $url"
    status=$(tr -d '\r' <<<"$head" | sed -n 's/^[Cc]ache-[Ss]tatus: *//p')
    printf '  %-34s Cache-Status: %s\n' "$what" "${status:-(none)}"
    if ! grep -Eq "$pattern" <<<"$status"; then
        printf '%s\n' "$head" >&2
        echo "quickstart: $what: expected Cache-Status to match: $pattern" >&2
        return 1
    fi
}

run_check() {
    local url="http://127.0.0.1:$TIERCEL_PORT/page/hello?ttl=600" failed=0
    say "checking $url"
    expect "first request" '^tiercel; ?fwd=(uri-)?miss;.*stored' "$url" || failed=1
    expect "second request" '^tiercel; ?hit.*detail=l1' "$url" || failed=1
    restart_proxy
    if [ "$TIERCEL_L2" = redis ]; then
        expect "after a restart of the proxy" '^tiercel; ?hit.*detail=l2' "$url" || failed=1
    else
        expect "after a restart, without Redis" '^tiercel; ?fwd=(uri-)?miss' "$url" || failed=1
    fi
    stop proxy 40 || { echo "quickstart: the proxy did not end cleanly" >&2; failed=1; }
    [ "$failed" -eq 0 ] || fail "check failed"
    say "check passed"
}

show_what_to_try() {
    local curl="curl -si 'http://127.0.0.1:$TIERCEL_PORT/page/hello?ttl=600' | head -20"
    local last="hit; detail=l2: this process has forgotten it, Redis has not"
    [ "$TIERCEL_L2" = redis ] || last="fwd=uri-miss again: without Redis nothing outlives the process"
    cat <<TEXT

Tiercel is ready on http://127.0.0.1:$TIERCEL_PORT, its state is shown by http://127.0.0.1:$TIERCEL_ADMIN_PORT/v1/status
Try, in another terminal, and look at the Cache-Status line:

  $curl
      fwd=uri-miss; stored: asked the origin, and kept the answer
  $curl
      hit; detail=l1: from the memory of this process, the origin is not asked
  kill -USR1 $$ && sleep 2 && $curl
      restarts the proxy; $last

What else the sample origin can do: curl http://127.0.0.1:$TIERCEL_ORIGIN_PORT/
Log: $work/proxy.log. Ctrl-C ends everything.
TEXT
}

# Waits for the proxy to end; signals are handled meanwhile.
wait_for_end() {
    local status=0 pid
    while is_running proxy; do
        pid=${pids[proxy]}
        status=0
        wait "$pid" || status=$?   # interrupted by USR1 too; then there is a new process to wait for
    done
    tail -n 20 "$work/proxy.log" >&2
    fail "the proxy has ended (exit code $status)"
}

while [ $# -gt 0 ]; do
    case $1 in
    --check) check=yes ;;
    -c)
        [ $# -ge 2 ] || usage 2 >&2
        configuration=$(realpath "$2")
        shift
        ;;
    -h | --help) usage 0 ;;
    *) usage 2 >&2 ;;
    esac
    shift
done
[ "$configuration" = "$quickstart" ] || [ "$check" = no ] || fail "--check is for conf/quickstart.yaml"
[ -r "$configuration" ] || fail "cannot read $configuration"

# Named before it is made, and the traps first: an interrupt at any moment leaves nothing behind.
work=${TMPDIR:-/tmp}/tiercel-quickstart.$$.$RANDOM
trap clean_up EXIT
trap '[ "$check" = no ] || exit 130; exit 0' INT TERM
mkdir -m 700 "$work" || { work=; fail "cannot write to ${TMPDIR:-/tmp}"; }

install_packages
build_programs
if [ "$configuration" = "$quickstart" ]; then
    choose_port TIERCEL_PORT 8080
    choose_port TIERCEL_ADMIN_PORT 9080
    choose_port TIERCEL_ORIGIN_PORT 3000
    start_redis
    start_origin
fi
start_proxy
if [ "$check" = yes ]; then
    run_check
    exit 0
fi
if [ "$configuration" = "$quickstart" ]; then
    trap 'say "restarting the proxy"; restart_proxy; say "ready again"' USR1
    show_what_to_try
else
    say "running with $configuration; log: $work/proxy.log"
fi
wait_for_end
