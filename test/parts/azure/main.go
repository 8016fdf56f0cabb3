// An honest Azure Key Vault and Managed HSM on loopback, with the login service that gives tokens for them, for tests: real ECDSA,
// RSA and AES-256-GCM behind Microsoft's own wire types. Unmodified programs reach it under the customer's host names, through
// an HTTP CONNECT proxy (HTTPS_PROXY) and a CA of its own (NODE_EXTRA_CA_CERTS). What it is not is said in README.md.
//
// usage: azure-key-service -dir DIR [-proxy ADDR] [-control ADDR]
// Keys, CA and token secret lie in DIR, so a service started again on DIR is the same service.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
)

func main() {
	dir := flag.String("dir", "", "directory for keys, CA and token secret")
	proxyAddress := flag.String("proxy", "127.0.0.1:0", "address of the CONNECT proxy")
	controlAddress := flag.String("control", "127.0.0.1:0", "address of the control service")
	flag.Parse()
	if *dir == "" {
		log.Fatal("-dir is required")
	}
	authority, err := openAuthority(*dir)
	check(err)
	store, err := openStore(filepath.Join(*dir, "keys.json"))
	check(err)
	control := newControl(store)
	entra, err := openEntra(*dir, control)
	check(err)
	vault := &vault{store: store, entra: entra, control: control}

	backend := listen("127.0.0.1:0")
	certificate, err := authority.certificate("*.managedhsm.azure.net", "*.vault.azure.net", "login.microsoftonline.com")
	check(err)
	handler := spoiling(control, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hostOf(r) == "login.microsoftonline.com" {
			entra.ServeHTTP(w, r)
		} else {
			vault.ServeHTTP(w, r)
		}
	}))
	server := &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go func() { check(server.ServeTLS(backend, "", "")) }()

	proxyListener := listen(*proxyAddress)
	proxy := &proxy{backend: backend.Addr().String(), control: control}
	go func() { check(http.Serve(proxyListener, proxy)) }()

	identityListener := listen("127.0.0.1:0")
	go func() { check(http.Serve(identityListener, &managedIdentity{entra})) }()

	controlListener := listen(*controlAddress)
	operator := http.NewServeMux()
	operator.Handle("PUT /federation", entra.federation)
	operator.Handle("/", control)
	ready, _ := json.Marshal(map[string]string{
		"proxy":   "http://" + proxyListener.Addr().String(),
		"control": "http://" + controlListener.Addr().String(),
		"ca":      filepath.Join(*dir, "ca.pem"),
		// Of managed identities.
		"identity": "http://" + identityListener.Addr().String(),
	})
	fmt.Println(string(ready))
	check(http.Serve(controlListener, operator))
}

func listen(address string) net.Listener {
	listener, err := net.Listen("tcp", address)
	check(err)
	return listener
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// hostOf is the name under which the service was called, without a port.
func hostOf(r *http.Request) string {
	host, _, found := strings.Cut(r.Host, ":")
	if !found {
		return r.Host
	}
	return host
}
