//go:build tools

// Names the command to build: `go install` of it fails on proxies that have the version but not the list of versions.
package main

import _ "github.com/spiffe/spiffe-helper/cmd/spiffe-helper"
