#!/usr/bin/env bash
# demo.sh RUNSC ROOTFS: runs a container from a real OCI bundle and shows what it saw.
set -eu
runsc=$(realpath "$1") root=$(realpath "$2")
work=$(mktemp -d)
trap '"$runsc" --root "$work/state" delete --force demo >/dev/null 2>&1 || true; rm -rf --one-file-system "$work"' EXIT
cat >"$work/config.json" <<JSON
{
  "ociVersion": "1.0.2",
  "process": {
    "terminal": false,
    "user": { "uid": 0, "gid": 0 },
    "args": ["sh", "-c", "echo \"kernel:    \$(uname -srm)\"; echo \"host name: \$(hostname)\"; echo \"I am:      \$(id)\"; echo 'processes:'; ps; echo 'a pipeline of busybox:'; seq 1 1000 | grep 7 | sort -rn | head -n 3; echo 'written in the container only' >/note; cat /note"],
    "env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "TERM=xterm"],
    "cwd": "/",
    "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] },
    "noNewPrivileges": true
  },
  "root": { "path": "$root", "readonly": false },
  "hostname": "sandbox",
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
    { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=1777"] }
  ],
  "linux": { "namespaces": [ { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" } ] }
}
JSON
echo "host kernel: $(uname -srm)"
echo "\$ runsc run --bundle $work demo"
started=$(date +%s%N)
"$runsc" --root "$work/state" run --bundle "$work" demo </dev/null
echo "-- the container ended with status 0 after $((($(date +%s%N) - started) / 1000000)) ms"
[ ! -e "$root/note" ] && echo "-- and the host's root file system has no /note: writes stayed in memory"
