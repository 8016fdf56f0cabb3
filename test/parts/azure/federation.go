package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// federation is the client's federated identity credential: tokens of this issuer for this subject are as good as its secret.
type federation struct {
	mutex   sync.Mutex
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

const (
	federatedAudience = "api://AzureADTokenExchange"
	assertionType     = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// ServeHTTP is the operator's way to set it: PUT /federation.
func (f *federation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if err := json.NewDecoder(r.Body).Decode(f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// refusal is what is wrong with an assertion, as Entra ID would say it; empty for a good one.
func (f *federation) refusal(assertion string) string {
	f.mutex.Lock()
	issuer, subject := f.Issuer, f.Subject
	f.mutex.Unlock()
	parts := strings.Split(assertion, ".")
	var head struct{ Kid, Alg string }
	var claims struct {
		Iss, Sub, Aud string
		Exp, Nbf      int64
	}
	if len(parts) != 3 || decode(parts[0], &head) != nil || decode(parts[1], &claims) != nil {
		return "AADSTS50027: JWT token is invalid or malformed."
	}
	now := time.Now().Unix()
	switch {
	case claims.Iss != issuer || issuer == "":
		return "AADSTS700211: No matching federated identity record found for presented assertion issuer '" + claims.Iss + "'."
	case claims.Aud != federatedAudience:
		return "AADSTS700212: No matching federated identity record found for presented assertion audience '" + claims.Aud + "'."
	case claims.Sub != subject:
		return "AADSTS700213: No matching federated identity record found for presented assertion subject '" + claims.Sub + "'."
	case now >= claims.Exp || now < claims.Nbf:
		return "AADSTS700024: Client assertion is not within its valid time range."
	case head.Alg != "RS256" || !signedBy(issuer, head.Kid, parts):
		return "AADSTS700027: Client assertion failed signature validation."
	}
	return ""
}

// signedBy asks the issuer for its keys, as its discovery document says where they are.
func signedBy(issuer, kid string, parts []string) bool {
	var discovery struct {
		Keys string `json:"jwks_uri"`
	}
	var set struct {
		Keys []struct{ Kid, N, E string }
	}
	if fetch(issuer+"/.well-known/openid-configuration", &discovery) != nil || fetch(discovery.Keys, &set) != nil {
		return false
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	for _, key := range set.Keys {
		n, _ := base64.RawURLEncoding.DecodeString(key.N)
		e, _ := base64.RawURLEncoding.DecodeString(key.E)
		public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		if key.Kid == kid && rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil {
			return true
		}
	}
	return false
}

func fetch(url string, into any) error {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

func decode(part string, into any) error {
	bytes, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(bytes, into)
}
