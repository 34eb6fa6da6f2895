#!/usr/bin/env bash
# make-root.sh DEBIAN FOLDER: the root that the compared programs run in: a copy of the tests' Debian root with what it lacks.
set -eu
debian=$(realpath "$1") root=$2
echo "making the root of the comparison in $root (a minute or two, once)"
rm -rf --one-file-system "$root.new"
mkdir -p "$(dirname "$root")"
cp -a --reflink=auto "$debian" "$root.new"
umask 022
mkdir -p "$root.new/usr/sbin" "$root.new/data"
printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d" # no service is to start in there
chmod 755 "$root.new/usr/sbin/policy-rc.d"
cp -L /etc/resolv.conf "$root.new/etc/resolv.conf" 2>/dev/null || true
cp -r /etc/apt/apt.conf.d/*proxy* "$root.new/etc/apt/apt.conf.d/" 2>/dev/null || true
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
install() {
    unshare --mount sh -euc 'mount -t proc proc "$1/proc"; shift; exec chroot "$@"' sh "$root.new" "$root.new" "$@" </dev/null
}
{
    install apt-get -q -o APT::Sandbox::User=root update
    install apt-get -q -y -o APT::Sandbox::User=root install --no-install-recommends redis-server redis-tools fio
    install apt-get -q clean
} >"$root.log" 2>&1 || {
    echo "installing the programs failed, the end of its log:" >&2
    tail -n 8 "$root.log" >&2
    exit 1
}
rm -rf --one-file-system "$root"
mv "$root.new" "$root"
