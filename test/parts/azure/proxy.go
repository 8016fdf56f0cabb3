package main

import (
	"io"
	"net"
	"net/http"
	"strings"
)

// proxy takes the customer's host names to this process and refuses every other one.
type proxy struct {
	backend string
	control *control
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, port, _ := net.SplitHostPort(r.Host)
	known := name == "login.microsoftonline.com" || strings.HasSuffix(name, ".vault.azure.net") || strings.HasSuffix(name, ".managedhsm.azure.net")
	if r.Method != http.MethodConnect || port != "443" || !known {
		http.Error(w, "this proxy knows Azure's key services only", http.StatusForbidden)
		return
	}
	if p.control.unreachable(name) {
		http.Error(w, "no route", http.StatusBadGateway)
		return
	}
	upstream, err := net.Dial("tcp", p.backend)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	client, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		upstream.Close()
		return
	}
	io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go pipe(upstream, client)
	pipe(client, upstream)
}

func pipe(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}
