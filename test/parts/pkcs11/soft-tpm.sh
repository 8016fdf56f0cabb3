#!/usr/bin/env bash
# A TPM in software with one PKCS#11 token: soft-tpm.sh DIRECTORY PORT LABEL PIN REACHED, within dbus-run-session. It listens on PORT and the
# next one, and is asked on REACHED and the next one. Prints the address of the bus when the token is ready and stays until its standard
# input ends.
set -euo pipefail
DIRECTORY=$1 PORT=$2 LABEL=$3 PIN=$4 REACHED=$5
mkdir -p "$DIRECTORY/state" "$DIRECTORY/store"
swtpm socket --tpm2 --tpmstate "dir=$DIRECTORY/state" --server "type=tcp,port=$PORT" --ctrl "type=tcp,port=$((PORT + 1))" \
  --flags not-need-init,startup-clear >"$DIRECTORY/swtpm.log" 2>&1 &
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
sleep 0.5
# Without a resource manager the TPM runs out of room for objects.
tpm2-abrmd --session --allow-root "--tcti=swtpm:host=127.0.0.1,port=$REACHED" >"$DIRECTORY/abrmd.log" 2>&1 &
export TPM2TOOLS_TCTI=tabrmd:bus_type=session TPM2_PKCS11_TCTI=tabrmd:bus_type=session TPM2_PKCS11_STORE="$DIRECTORY/store"
for _ in $(seq 50); do
  sleep 0.2
  tpm2_ptool init >"$DIRECTORY/init.log" 2>&1 && break
done
tpm2_ptool addtoken --pid 1 --label "$LABEL" --sopin 87654321 --userpin "$PIN" >"$DIRECTORY/token.log" 2>&1
echo "ready $DBUS_SESSION_BUS_ADDRESS"
cat >/dev/null
