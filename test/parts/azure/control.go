package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// faults is what a test asks of the service: how it fails, and what the identity may not do.
type faults struct {
	// Host names that cannot be reached; "*" is all.
	Unreachable []string `json:"unreachable"`
	// Actions that are denied: "get", "encrypt", "decrypt", "sign", "create", ...
	Deny []string `json:"deny"`
	// Status to answer with instead of working, 0 for none; RetryAfter in seconds.
	Status     int `json:"status"`
	RetryAfter int `json:"retryAfter"`
	// How many requests of each action get it; 0 is all.
	Times int `json:"times"`
	// Milliseconds before each answer.
	DelayMs int `json:"delayMs"`
	// Send a body that is no JSON.
	Garbage bool `json:"garbage"`
	// Cut the connection instead of answering, or after half of the answer; challenge and token too.
	Reset     bool `json:"reset"`
	Truncated bool `json:"truncated"`
	// How long tokens are good; 0 is an hour.
	TokenSeconds int `json:"tokenSeconds"`
}

// control is the test's side: what was called, and how to fail. GET /calls, POST /calls/reset, PUT /faults.
type control struct {
	mutex  sync.Mutex
	store  *store
	calls  map[string]int
	faults faults
	// Requests that got it, by action.
	spoiled map[string]int
}

func newControl(store *store) *control {
	return &control{store: store, calls: map[string]int{}, spoiled: map[string]int{}}
}

func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET /calls":
		writeJSON(w, http.StatusOK, c.calls)
	case "POST /calls/reset":
		c.calls = map[string]int{}
		w.WriteHeader(http.StatusNoContent)
	case "PUT /faults":
		var asked faults
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.faults, c.spoiled = asked, map[string]int{}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

func (c *control) tokenSeconds() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.faults.TokenSeconds == 0 {
		return 3600
	}
	return c.faults.TokenSeconds
}

func (c *control) record(action string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.calls[action]++
}

func (c *control) denied(action string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return contains(c.faults.Deny, action)
}

func (c *control) unreachable(host string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return contains(c.faults.Unreachable, host) || contains(c.faults.Unreachable, "*")
}

// fault answers in the place of the service when a test asked for that.
func (c *control) fault(w http.ResponseWriter, action string) bool {
	c.mutex.Lock()
	asked := c.faults
	if asked.Times > 0 {
		if c.spoiled[action] == asked.Times {
			asked.Status, asked.Garbage = 0, false
		} else if asked.Status != 0 || asked.Garbage {
			c.spoiled[action]++
		}
	}
	c.mutex.Unlock()
	if asked.DelayMs > 0 {
		time.Sleep(time.Duration(asked.DelayMs) * time.Millisecond)
	}
	if asked.Garbage {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte("{\"value\": "))
		return true
	}
	if asked.Status == 0 {
		return false
	}
	if asked.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(asked.RetryAfter))
	}
	code := map[int]string{429: "Throttled", 503: "ServiceUnavailable"}[asked.Status]
	fail(w, asked.Status, code, "The request for "+action+" could not be served.")
	return true
}

func contains(list []string, text string) bool {
	for _, entry := range list {
		if entry == text {
			return true
		}
	}
	return false
}
