#!/bin/sh
# Builds spire-server and spire-agent of SPIRE's own module source into $1 (about nine minutes of CPU, once).
# `go install pkg@version` is not used: it asks for the module's version list, which not every module proxy serves.
# Left out: the EJBCA upstream authority, whose client module is not served either; nothing measured here touches it.
set -eu
out=$1
version=${2:-v1.15.3}
if [ -x "$out/bin/spire-server" ] && [ -x "$out/bin/spire-agent" ]; then exit 0; fi
command -v go >/dev/null || { echo 'bench:peers needs Go to build SPIRE' >&2; exit 2; }
mkdir -p "$out/bin"
module=$(cd "$out" && GOFLAGS=-mod=mod go mod download -json "github.com/spiffe/spire@$version" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
test -n "$module"
rm -rf "$out/source"
cp -R "$module" "$out/source"
chmod -R u+w "$out/source"
cd "$out/source"
catalog=pkg/server/catalog/upstreamauthority.go
grep -vi ejbca "$catalog" > "$out/catalog.go"
mv "$out/catalog.go" "$catalog"
rm -rf pkg/server/plugin/upstreamauthority/ejbca
export GOFLAGS=-mod=mod
nice -n 19 go build -buildvcs=false -o "$out/bin/spire-server" ./cmd/spire-server
nice -n 19 go build -buildvcs=false -o "$out/bin/spire-agent" ./cmd/spire-agent
rm -rf "$out/source"
