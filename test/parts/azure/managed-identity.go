package main

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// managedIdentity is what gives tokens to programs on Azure's own machines, in both documented forms: the endpoint of App Service and
// Container Apps (IDENTITY_ENDPOINT, IDENTITY_HEADER), and the metadata service of virtual machines.
type managedIdentity struct {
	entra *entra
}

const (
	identityHeader  = "header-of-the-identity-endpoint"
	appServicePath  = "/msi/token"
	appServiceForm  = "2019-08-01"
	metadataPath    = "/metadata/identity/oauth2/token"
	metadataForm    = "2018-02-01"
	identityRequest = "identity"
)

func (m *managedIdentity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	// Microsoft's own library asks with a slash at the end.
	path := strings.TrimSuffix(r.URL.Path, "/")
	resource, client, form := query.Get("resource"), query.Get("client_id"), query.Get("api-version")
	refuse := func(why string) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": why})
	}
	switch {
	case r.Method != http.MethodGet || (path != appServicePath && path != metadataPath):
		http.NotFound(w, r)
	case r.Header.Get("X-Forwarded-For") != "":
		refuse("Requests must not come through a proxy")
	case path == appServicePath && r.Header.Get("X-IDENTITY-HEADER") != identityHeader:
		http.Error(w, "", http.StatusForbidden)
	case path == metadataPath && r.Header.Get("Metadata") != "true":
		refuse("Required metadata header not specified")
	case (path == appServicePath && form != appServiceForm) || (path == metadataPath && form != metadataForm):
		refuse("Required query variable 'api-version' is missing or not supported")
	case resource == "":
		refuse("Required query variable 'resource' is missing")
	case client != "" && client != clientID:
		refuse("Identity not found")
	default:
		m.entra.control.record(identityRequest)
		seconds := m.entra.control.tokenSeconds()
		writeJSON(w, http.StatusOK, map[string]string{
			"access_token": m.entra.token(resource), "client_id": clientID, "resource": resource, "token_type": "Bearer",
			"expires_in": strconv.Itoa(seconds), "expires_on": strconv.FormatInt(time.Now().Unix()+int64(seconds), 10),
		})
	}
}
