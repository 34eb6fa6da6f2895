#!/usr/bin/env bash
# get-gvisor.sh FOLDER: Debian's gVisor (bookworm-backports), unpacked beside our own files: nothing is installed.
set -eu
folder=$1
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
folder=$(realpath "$folder")
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-backports main" \
    >"$folder/sources.list"
apt=(apt-get -qq -o "Dir::Etc::sourcelist=$folder/sources.list" -o "Dir::Etc::sourceparts=-" -o "Dir::State::lists=$folder/lists"
    -o "Dir::Cache=$folder/cache" -o "APT::Sandbox::User=root")
"${apt[@]}" update </dev/null
cd "$folder"
"${apt[@]}" download runsc </dev/null
dpkg-deb -x runsc_*.deb "$folder/root"
"$folder/root/usr/bin/runsc" --version | head -n 1
