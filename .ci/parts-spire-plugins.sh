#!/usr/bin/env bash
# Builds the program of test/parts/spire-plugins, which is SPIRE's AWS plugins without the rest of SPIRE, into .ci/parts/bin.
# Versions are pinned by its go.sum.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT="$PWD/.ci/parts/bin/spire-plugins"
mkdir -p "$(dirname "$OUT")"
cd test/parts/spire-plugins
go build -mod=readonly -trimpath -ldflags '-s -w' -o "$OUT" .
