package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"
)

// version is one version of a key; Secret is AES bytes or PKCS#8.
type version struct {
	ID      string            `json:"id"`
	Kty     string            `json:"kty"`
	Crv     string            `json:"crv,omitempty"`
	Ops     []string          `json:"ops"`
	Enabled bool              `json:"enabled"`
	Expires *time.Time        `json:"expires,omitempty"`
	Created time.Time         `json:"created"`
	Updated time.Time         `json:"updated"`
	Tags    map[string]string `json:"tags"`
	Secret  []byte            `json:"secret"`
}

// key is what has a name in one vault; its newest version is the last.
type key struct {
	Versions []*version `json:"versions"`
	// Set while it is deleted and not purged.
	Deleted *time.Time `json:"deleted,omitempty"`
}

// store holds the keys of all vaults by host name and key name, on disk as well.
type store struct {
	mutex  sync.Mutex
	file   string
	vaults map[string]map[string]*key
}

func openStore(file string) (*store, error) {
	s := &store{file: file, vaults: map[string]map[string]*key{}}
	bytes, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(bytes, &s.vaults)
}

// keys of one vault; the caller holds the mutex.
func (s *store) keys(host string) map[string]*key {
	if s.vaults[host] == nil {
		s.vaults[host] = map[string]*key{}
	}
	return s.vaults[host]
}

func (s *store) save() {
	bytes, err := json.Marshal(s.vaults)
	check(err)
	check(os.WriteFile(s.file+".new", bytes, 0o600))
	check(os.Rename(s.file+".new", s.file))
}

// find gives the version named, or the newest one for "".
func (k *key) find(id string) *version {
	if k == nil || k.Deleted != nil || len(k.Versions) == 0 {
		return nil
	}
	if id == "" {
		return k.Versions[len(k.Versions)-1]
	}
	for _, v := range k.Versions {
		if v.ID == id {
			return v
		}
	}
	return nil
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// newVersion makes real key material. The caller has checked type, curve and size.
func newVersion(kty, crv string, size int, ops []string, tags map[string]string) (*version, error) {
	now := time.Now().UTC().Truncate(time.Second)
	made := &version{ID: randomHex(16), Kty: kty, Crv: crv, Ops: ops, Enabled: true, Created: now, Updated: now, Tags: tags}
	var private any
	var err error
	switch kty {
	case "oct-HSM":
		made.Secret = make([]byte, size/8)
		_, err = rand.Read(made.Secret)
		return made, err
	case "EC", "EC-HSM":
		private, err = ecdsa.GenerateKey(curves[crv], rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, size)
	}
	if err != nil {
		return nil, err
	}
	made.Secret, err = x509.MarshalPKCS8PrivateKey(private)
	return made, err
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}
