#!/usr/bin/env bash
# Builds the Key Vault and Managed HSM service of test/parts/azure into .ci/parts/bin. Versions are pinned by its go.sum.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT="$PWD/.ci/parts/bin/azure-key-service"
mkdir -p "$(dirname "$OUT")"
cd test/parts/azure
go build -mod=readonly -o "$OUT" .
