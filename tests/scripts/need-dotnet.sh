#!/usr/bin/env bash
# Stops with a clear word if the .NET SDK that global.json asks for is not there.
set -eu
if ! command -v dotnet >/dev/null; then
    echo "The .NET SDK 10 is missing (command: dotnet). https://dotnet.microsoft.com/download or your distribution's dotnet-sdk-10.0." >&2
    exit 1
fi
dotnet --version >/dev/null || exit 1
