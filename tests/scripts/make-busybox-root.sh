#!/usr/bin/env bash
# make-busybox-root.sh FOLDER: a root file system of one static binary and links to it.
set -eu
root=$1
busybox=$(command -v busybox)
rm -rf "$root.new"
mkdir -p "$root.new"/{bin,sbin,usr/bin,usr/sbin,etc,root,tmp,proc,dev,sys,var,home}
chmod 1777 "$root.new/tmp"
cp "$busybox" "$root.new/bin/busybox"
for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root.new/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root.new/etc/passwd"
echo 'root:x:0:' >"$root.new/etc/group"
rm -rf "$root"
mv "$root.new" "$root"
