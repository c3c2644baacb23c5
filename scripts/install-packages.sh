#!/usr/bin/env bash
# Installs what is missing of the sections of packages.txt that are named: build, run, test, bench.
#
#   scripts/install-packages.sh build run
#
# Needs Debian's package tools, and root or sudo only if something is missing. Installs no service that runs: daemons that
# a package would start stay stopped. Exit code 0: all there; 1: something could not be installed; 2: bad usage.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
list=$root/packages.txt

fail() {
    echo "install-packages: $*" >&2
    exit 1
}

usage() {
    echo "usage: install-packages.sh SECTION... ; sections: $(awk '!/^#/ && NF { print $1 }' "$list" | sort -u | xargs)" >&2
    exit 2
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of() {
    local section package
    while read -r section package; do
        if [[ " $* " == *" $section "* ]] && ! is_installed "$package"; then echo "$package"; fi
    done <"$list"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# While packages are installed, this file tells Debian's scripts not to start services (exit code 101: forbidden).
policy=/usr/sbin/policy-rc.d
policy_is_ours=no
forbid_services() {
    [ -e "$policy" ] && return   # the administrator has a policy already, as container images do
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}
allow_services() {
    if [ "$policy_is_ours" = yes ]; then
        as_root rm -f "$policy"
    fi
}

# The package lists are fetched only when the ones at hand will not do.
install_all() {
    local options=(-y -q --no-install-recommends -o Dpkg::Use-Pty=0)
    as_root apt-get install "${options[@]}" "$@" </dev/null && return
    echo "install-packages: refreshing the package lists" >&2
    as_root apt-get update -q </dev/null && as_root apt-get install "${options[@]}" "$@" </dev/null
}

[ $# -gt 0 ] || usage
for section in "$@"; do
    grep -q "^$section " "$list" || usage
done

command -v dpkg-query >/dev/null || fail "this is no Debian; install what packages.txt lists in another way"
mapfile -t missing < <(missing_of "$@")
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || fail "no apt-get here; missing: ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || sudo -v 2>/dev/null ||
        fail "need root for: apt-get install ${missing[*]}"
fi

echo "install-packages: installing ${missing[*]}" >&2
trap allow_services EXIT
trap 'exit 1' INT TERM
forbid_services
log=$(mktemp)
if ! install_all "${missing[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "could not install: $(missing_of "$@" | xargs)"
fi
rm -f "$log"
