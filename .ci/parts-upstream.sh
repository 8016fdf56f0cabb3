#!/usr/bin/env bash
# Installs the certificate authorities that tests of the upstream authorities run against, into .ci/parts/bin.
# Needs Go and a Debian with its package lists; no root.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN="$PWD/.ci/parts/bin"
mkdir -p "$BIN"

STEP_CA=v0.30.2
if [ ! -x "$BIN/step-ca" ]; then
  CGO_ENABLED=0 GOBIN="$BIN" go install -trimpath -ldflags '-s -w' "github.com/smallstep/certificates/cmd/step-ca@$STEP_CA"
fi

# Of the package only the program is needed, so it is unpacked and not installed.
if [ ! -x "$BIN/cfssl" ]; then
  FOLDER=$(mktemp -d)
  trap 'rm -rf "$FOLDER"' EXIT
  (cd "$FOLDER" && apt-get download -q golang-cfssl && dpkg-deb -x golang-cfssl_*.deb .)
  install -m 0755 "$FOLDER/usr/bin/cfssl" "$BIN/cfssl"
fi
