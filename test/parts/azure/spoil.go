package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// spoiling lets nothing through whole while a test asked for that: connections are cut instead of an answer, or in the middle of it.
func spoiling(control *control, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch reset, truncated := control.spoilt(); {
		case reset:
			cut(w)
		case truncated:
			whole := httptest.NewRecorder()
			next.ServeHTTP(whole, r)
			half(w, whole)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (c *control) spoilt() (reset, truncated bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.faults.Reset, c.faults.Truncated
}

// cut ends the connection without a farewell; the proxy in between decides what the client sees of it.
func cut(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secured, ok := connection.(*tls.Conn); ok {
		connection = secured.NetConn()
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	connection.Close()
}

// half sends the head of an answer and half of its body, then the end of the connection.
func half(w http.ResponseWriter, whole *httptest.ResponseRecorder) {
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	body := whole.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(whole.Code)
	w.Write(body[:len(body)/2])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}
