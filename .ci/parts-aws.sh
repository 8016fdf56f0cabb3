#!/usr/bin/env bash
# Installs moto, the AWS emulator that test/parts/aws corrects, into .ci/parts/moto (a virtual environment).
set -euo pipefail
cd "$(dirname "$0")/.."
HOME_OF_MOTO="$PWD/.ci/parts/moto"
REQUIREMENTS=test/parts/aws/requirements.txt
STAMP="$HOME_OF_MOTO/installed"
if ! cmp -s "$REQUIREMENTS" "$STAMP"; then
  rm -rf "$HOME_OF_MOTO"
  python3 -m venv "$HOME_OF_MOTO"
  "$HOME_OF_MOTO/bin/pip" install -q --disable-pip-version-check -r "$REQUIREMENTS"
  cp "$REQUIREMENTS" "$STAMP"
fi
