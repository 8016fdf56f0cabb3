#!/usr/bin/env bash
# Builds pkcs11js, and installs the PKCS#11 tokens that test/parts/pkcs11 runs against: SoftHSM, and a TPM in software behind tpm2-pkcs11. Wants root.
set -euo pipefail
cd "$(dirname "$0")/.."
# The project installs without running the scripts of packages; this one is a native module that only PKCS#11 needs.
node -e 'require("pkcs11js")' 2>/dev/null || npm rebuild --loglevel=error pkcs11js
node -e 'require("pkcs11js")'
NEEDED=()
needs() { command -v "$1" >/dev/null || NEEDED+=("${@:2}"); }
needs softhsm2-util softhsm2
needs pkcs11-tool opensc
needs swtpm swtpm
needs swtpm_setup swtpm-tools
needs tpm2_ptool libtpm2-pkcs11-1 libtpm2-pkcs11-tools
needs tpm2-abrmd tpm2-abrmd libtss2-tcti-tabrmd0
needs dbus-run-session dbus
[ ${#NEEDED[@]} -eq 0 ] && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${NEEDED[@]}"
