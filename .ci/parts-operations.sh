#!/usr/bin/env bash
# Installs what the operators' pages use beside this project's own programs; test/parts/operations runs them. Wants root.
set -euo pipefail
command -v curl >/dev/null && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends curl
