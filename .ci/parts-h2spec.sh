#!/usr/bin/env bash
# Installs h2spec 2.6.0, a conformance suite for HTTP/2 and HPACK, into .ci/parts/bin, twice: as it is, and with gRPC calls for requests.
# Its tags from 2.3 on are no versions in Go's eyes, so 2.6.0 is named by its commit; go.sum of that commit pins what it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
VERSION=v0.0.0-20200804131034-70ac22940108
PARTS="$PWD/.ci/parts"
STAMP="$PARTS/h2spec-installed"
cmp -s .ci/parts-h2spec.sh "$STAMP" && [ -x "$PARTS/bin/h2spec" ] && [ -x "$PARTS/bin/h2spec-grpc" ] && exit 0
mkdir -p "$PARTS/bin"
SOURCE=$(mktemp -d)
trap 'rm -rf "$SOURCE"' EXIT
go mod download "github.com/summerwind/h2spec@$VERSION"
cp -R "$(go env GOMODCACHE)/github.com/summerwind/h2spec@$VERSION/." "$SOURCE"
chmod -R u+w "$SOURCE"
build() { (cd "$SOURCE" && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags '-s -w' -o "$PARTS/bin/$1" ./cmd/h2spec); }
build h2spec

# Most cases need a stream that is open, or an answer with a body. A gRPC server gives them to gRPC calls only, so the fields that every
# request of the suite has become those of such a call; the cases stay as they are.
FIELDS="$SOURCE/spec/util.go"
sed -i 's/HeaderField(":method", "GET")/HeaderField(":method", "POST")/
s/HeaderField(":authority", authority),/& HeaderField("content-type", "application\/grpc"), HeaderField("te", "trailers"),/' "$FIELDS"
[ "$(grep -c '":method", "POST"\|"application/grpc"' "$FIELDS")" -eq 2 ]
build h2spec-grpc
cp .ci/parts-h2spec.sh "$STAMP"
