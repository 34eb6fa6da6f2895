#!/usr/bin/env bash
# make-debian-root.sh FOLDER: a Debian bookworm root with compilers, interpreters, databases and servers, for the Runtime tests.
# SANDBOX_DEBIAN=FOLDER names one that exists already: nothing is downloaded then.
set -eu
root=$1
if [ -n "${SANDBOX_DEBIAN:-}" ]; then
    echo "using the Debian root of SANDBOX_DEBIAN, $SANDBOX_DEBIAN"
    mkdir -p "$(dirname "$root")" && ln -sfn "$SANDBOX_DEBIAN" "$root"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "making the Debian root needs root (debootstrap); run as root once: make rootfs" >&2
    exit 1
fi
echo "downloading a Debian root into $root (a few minutes, once)"
include=python3,perl,gcc,libc6-dev,git,sqlite3,procps,nodejs,bash,make,nginx-light,redis-server,curl,strace
rm -rf --one-file-system "$root.new"
mkdir -p "$(dirname "$root")"
for attempt in 1 2 3; do
    if debootstrap --variant=minbase --include="$include" bookworm "$root.new" http://deb.debian.org/debian \
        </dev/null >"$root.log" 2>&1; then
        # debootstrap may leave its mounts and its package cache.
        umount "$root.new/proc" "$root.new/sys" 2>/dev/null || true
        rm -rf "$root.new"/var/cache/apt/archives/*.deb
        mv "$root.new" "$root"
        exit 0
    fi
    echo "debootstrap failed (attempt $attempt), the end of its log:" >&2
    tail -n 5 "$root.log" >&2
    umount "$root.new/proc" "$root.new/sys" 2>/dev/null || true
    rm -rf --one-file-system "$root.new"
done
exit 1
