package main

import (
	"encoding/json"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

// vault answers for every vault and HSM; which one is in the host name.
type vault struct {
	store   *store
	entra   *entra
	control *control
}

const pageSize = 3

func managed(host string) bool { return strings.HasSuffix(host, ".managedhsm.azure.net") }

func resourceOf(host string) string {
	if managed(host) {
		return "https://managedhsm.azure.net"
	}
	return "https://vault.azure.net"
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := hostOf(r)
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer || !v.entra.accepts(token, resourceOf(host)) {
		v.control.record("challenge")
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/`+tenantID+`", resource="`+resourceOf(host)+`"`)
		fail(w, http.StatusUnauthorized, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token, or it is not valid here.")
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	action := actionOf(r.Method, parts)
	v.control.record(action)
	if v.control.fault(w, action) {
		return
	}
	if v.control.denied(action) {
		failInner(w, http.StatusForbidden, "Forbidden", "Caller is not authorized to perform action "+action+" on resource.", "ForbiddenByRbac")
		return
	}
	if r.URL.Query().Get("api-version") == "" {
		fail(w, http.StatusBadRequest, "BadParameter", "api-version must be specified")
		return
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	v.store.mutex.Lock()
	defer v.store.mutex.Unlock()
	v.serve(w, r, request{host: host, action: action, parts: parts, body: body})
}

type request struct {
	host   string
	action string
	parts  []string
	body   []byte
}

func (q request) part(i int) string {
	if i < len(q.parts) {
		return q.parts[i]
	}
	return ""
}

// actionOf names what a request does, as permissions are named.
func actionOf(method string, parts []string) string {
	last := parts[len(parts)-1]
	switch {
	case parts[0] == "deletedkeys" && method == http.MethodDelete:
		return "purge"
	case parts[0] == "deletedkeys" && method == http.MethodPost:
		return "recover"
	case method == http.MethodPost && len(parts) > 2:
		return last
	case method == http.MethodDelete:
		return "delete"
	case method == http.MethodPatch:
		return "update"
	case len(parts) == 1 || last == "versions":
		return "list"
	default:
		return "get"
	}
}

func (v *vault) serve(w http.ResponseWriter, r *http.Request, q request) {
	keys := v.store.keys(q.host)
	name := q.part(1)
	found := keys[name]
	switch q.action {
	case "list":
		v.list(w, r, q, keys)
	case "create":
		v.create(w, q, keys)
	case "purge":
		if found == nil || found.Deleted == nil {
			fail(w, http.StatusNotFound, "KeyNotFound", "Deleted key not found: "+name)
			return
		}
		delete(keys, name)
		v.store.save()
		w.WriteHeader(http.StatusNoContent)
	case "delete":
		if found.find("") == nil {
			fail(w, http.StatusNotFound, "KeyNotFound", "A key with (name/id) "+name+" was not found in this key vault.")
			return
		}
		now := time.Now().UTC().Truncate(time.Second)
		found.Deleted = &now
		v.store.save()
		writeModel(w, deletedKey(q.host, name, found))
	case "get":
		if q.part(0) == "deletedkeys" {
			if found == nil || found.Deleted == nil {
				fail(w, http.StatusNotFound, "KeyNotFound", "Deleted key not found: "+name)
				return
			}
			writeModel(w, deletedKey(q.host, name, found))
			return
		}
		if version := v.version(w, q, found); version != nil {
			writeModel(w, bundle(q.host, name, version))
		}
	case "update":
		v.update(w, q, found)
	case "sign", "verify", "encrypt", "decrypt":
		v.operate(w, q, found)
	default:
		fail(w, http.StatusBadRequest, "BadParameter", "Method "+q.action+" is not supported.")
	}
}

// version that the request names; answers for the service when there is none.
func (v *vault) version(w http.ResponseWriter, q request, found *key) *version {
	id := q.part(2)
	if q.action != "get" && q.action != "update" && len(q.parts) == 3 {
		id = ""
	}
	version := found.find(id)
	if version == nil {
		fail(w, http.StatusNotFound, "KeyNotFound", "A key with (name/id) "+strings.Join(q.parts[1:], "/")+" was not found in this key vault.")
	}
	return version
}

func (v *vault) create(w http.ResponseWriter, q request, keys map[string]*key) {
	var asked azkeys.CreateKeyParameters
	if err := json.Unmarshal(q.body, &asked); err != nil || asked.Kty == nil {
		fail(w, http.StatusBadRequest, "BadParameter", "Property kty is required.")
		return
	}
	name, kty, crv, size := q.part(1), string(*asked.Kty), "", 0
	if asked.Curve != nil {
		crv = string(*asked.Curve)
	}
	if asked.KeySize != nil {
		size = int(*asked.KeySize)
	}
	if found := keys[name]; found != nil && found.Deleted != nil {
		fail(w, http.StatusConflict, "Conflict", "Key "+name+" is currently in a deleted but recoverable state.")
		return
	}
	kty, crv, size, problem := shapeOf(q.host, kty, crv, size)
	if problem != "" {
		fail(w, http.StatusBadRequest, "BadParameter", problem)
		return
	}
	made, err := newVersion(kty, crv, size, opsOf(asked.KeyOps, kty), textsOf(asked.Tags))
	check(err)
	apply(made, asked.KeyAttributes)
	if keys[name] == nil {
		keys[name] = &key{}
	}
	keys[name].Versions = append(keys[name].Versions, made)
	v.store.save()
	writeModel(w, bundle(q.host, name, made))
}

// shapeOf is what each kind of vault makes of a wish: a Managed HSM makes keys of HSM types only, a Key Vault no AES keys.
func shapeOf(host, kty, crv string, size int) (string, string, int, string) {
	if managed(host) && !strings.HasSuffix(kty, "-HSM") {
		kty += "-HSM"
	}
	switch kty {
	case "EC", "EC-HSM":
		if crv == "" {
			crv = "P-256"
		}
		if curves[crv] == nil {
			return "", "", 0, "Curve " + crv + " is not supported."
		}
		return kty, crv, 0, ""
	case "RSA", "RSA-HSM":
		if size == 0 {
			size = 2048
		}
		if size != 2048 && size != 3072 && size != 4096 {
			return "", "", 0, "Key size " + strconv.Itoa(size) + " is not supported."
		}
		return kty, "", size, ""
	case "oct-HSM":
		if !managed(host) {
			return "", "", 0, "Key type oct-HSM is supported by Managed HSM only."
		}
		if size == 0 {
			size = 256
		}
		if size != 128 && size != 192 && size != 256 {
			return "", "", 0, "Key size " + strconv.Itoa(size) + " is not supported."
		}
		return kty, "", size, ""
	}
	return "", "", 0, "Key type " + kty + " is not supported."
}

func (v *vault) update(w http.ResponseWriter, q request, found *key) {
	version := v.version(w, q, found)
	if version == nil {
		return
	}
	var asked azkeys.UpdateKeyParameters
	if err := json.Unmarshal(q.body, &asked); err != nil {
		fail(w, http.StatusBadRequest, "BadParameter", "The request body is not valid.")
		return
	}
	apply(version, asked.KeyAttributes)
	if asked.KeyOps != nil {
		version.Ops = opsOf(asked.KeyOps, version.Kty)
	}
	if asked.Tags != nil {
		version.Tags = textsOf(asked.Tags)
	}
	version.Updated = time.Now().UTC().Truncate(time.Second)
	v.store.save()
	writeModel(w, bundle(q.host, q.part(1), version))
}

func apply(to *version, attributes *azkeys.KeyAttributes) {
	if attributes == nil {
		return
	}
	if attributes.Enabled != nil {
		to.Enabled = *attributes.Enabled
	}
	if attributes.Expires != nil {
		to.Expires = attributes.Expires
	}
}

// list pages as the service does: small pages, so that clients have to follow.
func (v *vault) list(w http.ResponseWriter, r *http.Request, q request, keys map[string]*key) {
	// An empty vault answers with an empty list, not without one.
	all := []*azkeys.KeyProperties{}
	if q.part(2) == "versions" {
		if found := keys[q.part(1)]; found != nil && found.Deleted == nil {
			for _, version := range found.Versions {
				all = append(all, properties(q.host, q.part(1), version, true))
			}
		}
	} else {
		names := make([]string, 0, len(keys))
		for name := range keys {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			if version := keys[name].find(""); version != nil && q.part(0) == "keys" {
				all = append(all, properties(q.host, name, version, false))
			}
		}
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("$skiptoken"))
	to := min(from+pageSize, len(all))
	page := azkeys.KeyPropertiesListResult{Value: all[min(from, to):to]}
	if to < len(all) {
		next := "https://" + r.Host + r.URL.Path + "?api-version=" + r.URL.Query().Get("api-version") + "&$skiptoken=" + strconv.Itoa(to)
		page.NextLink = &next
	}
	writeModel(w, page)
}

func writeModel(w http.ResponseWriter, model any) { writeJSON(w, http.StatusOK, model) }

func fail(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}

func failInner(w http.ResponseWriter, status int, code, message, inner string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": code, "message": message, "innererror": map[string]string{"code": inner},
	}})
}
