package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// entra is as much of Microsoft Entra ID as a client needs that proves itself with a secret or a federated token.
type entra struct {
	secret     []byte
	control    *control
	federation *federation
}

// Who may log in; the secret of the client is not a secret of anybody.
const (
	tenantID     = "11111111-2222-3333-4444-555555555555"
	clientID     = "66666666-7777-8888-9999-000000000000"
	clientSecret = "test-client-secret"
)

func openEntra(dir string, control *control) (*entra, error) {
	file := filepath.Join(dir, "token.secret")
	secret, err := os.ReadFile(file)
	if err != nil {
		secret = make([]byte, 32)
		rand.Read(secret)
		err = os.WriteFile(file, secret, 0o600)
	}
	return &entra{secret, control, &federation{}}, err
}

func (e *entra) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.control.record("token")
	if e.control.fault(w, "token") {
		return
	}
	tenant, _ := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/oauth2/v2.0/token")
	if r.Method != http.MethodPost || tenant+"/oauth2/v2.0/token" != strings.TrimPrefix(r.URL.Path, "/") {
		http.NotFound(w, r)
		return
	}
	r.ParseForm()
	switch {
	case tenant != tenantID:
		oauthError(w, "invalid_request", "AADSTS90002: Tenant '"+tenant+"' not found.")
	case r.PostForm.Get("client_id") != clientID:
		oauthError(w, "unauthorized_client", "AADSTS700016: Application with identifier '"+r.PostForm.Get("client_id")+"' was not found.")
	case r.PostForm.Get("client_assertion_type") == assertionType && r.PostForm.Get("client_secret") == "":
		if why := e.federation.refusal(r.PostForm.Get("client_assertion")); why != "" {
			oauthError(w, "invalid_client", why)
			return
		}
		e.grant(w, r.PostForm.Get("scope"))
	case r.PostForm.Get("client_secret") != clientSecret:
		oauthError(w, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
	default:
		e.grant(w, r.PostForm.Get("scope"))
	}
}

// grant gives a token for the resource of a scope such as `https://vault.azure.net/.default openid`.
func (e *entra) grant(w http.ResponseWriter, scope string) {
	resource, _, found := strings.Cut(scope, "/.default")
	if !found || strings.Contains(resource, " ") {
		oauthError(w, "invalid_scope", "AADSTS70011: The provided value for the input parameter 'scope' is not valid.")
		return
	}
	seconds := e.control.tokenSeconds()
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": e.token(resource),
	})
}

func (e *entra) token(audience string) string {
	now := time.Now().Unix()
	header, _ := json.Marshal(map[string]string{"alg": "HS256", "typ": "JWT"})
	claims, _ := json.Marshal(map[string]any{"aud": audience, "appid": clientID, "tid": tenantID, "iat": now, "exp": now + int64(e.control.tokenSeconds())})
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	return signed + "." + e.sign(signed)
}

// accepts tells whether a token of this service is for `audience` and not expired.
func (e *entra) accepts(token, audience string) bool {
	signed, signature := token, ""
	if dot := strings.LastIndex(token, "."); dot >= 0 {
		signed, signature = token[:dot], token[dot+1:]
	}
	if !hmac.Equal([]byte(signature), []byte(e.sign(signed))) {
		return false
	}
	_, payload, _ := strings.Cut(signed, ".")
	bytes, _ := base64.RawURLEncoding.DecodeString(payload)
	var claims struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
	}
	json.Unmarshal(bytes, &claims)
	return claims.Audience == audience && time.Now().Unix() < claims.Expires
}

func (e *entra) sign(text string) string {
	mac := hmac.New(sha256.New, e.secret)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func oauthError(w http.ResponseWriter, code, description string) {
	status := http.StatusBadRequest
	if code == "invalid_client" || code == "unauthorized_client" {
		status = http.StatusUnauthorized
	}
	writeJSON(w, status, map[string]any{"error": code, "error_description": description, "error_codes": []int{}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
