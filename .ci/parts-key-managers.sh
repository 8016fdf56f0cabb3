#!/usr/bin/env bash
# Installs ministack, the second AWS emulator that test/parts/key-managers signs with, into .ci/parts/ministack (a virtual environment).
set -euo pipefail
cd "$(dirname "$0")/.."
HOME_OF_MINISTACK="$PWD/.ci/parts/ministack"
REQUIREMENTS=test/parts/key-managers/requirements.txt
STAMP="$HOME_OF_MINISTACK/installed"
if ! cmp -s "$REQUIREMENTS" "$STAMP"; then
  rm -rf "$HOME_OF_MINISTACK"
  python3 -m venv "$HOME_OF_MINISTACK"
  "$HOME_OF_MINISTACK/bin/pip" install -q --disable-pip-version-check -r "$REQUIREMENTS"
  cp "$REQUIREMENTS" "$STAMP"
fi
