package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

// operate does sign, verify, encrypt or decrypt, with the rules of the service: state and allowed operations first.
func (v *vault) operate(w http.ResponseWriter, q request, found *key) {
	version := v.version(w, q, found)
	if version == nil {
		return
	}
	name := q.part(1)
	opening := q.action == "decrypt" || q.action == "verify"
	switch {
	case !version.Enabled:
		failInner(w, http.StatusForbidden, "Forbidden", "Operation "+q.action+" is not allowed on a disabled key.", "KeyDisabled")
	case version.Expires != nil && time.Now().After(*version.Expires) && !opening:
		fail(w, http.StatusForbidden, "Forbidden", "Operation "+q.action+" is not allowed on an expired key.")
	case !contains(version.Ops, q.action):
		fail(w, http.StatusForbidden, "Forbidden", "Operation "+q.action+" is not permitted on this key.")
	case q.action == "sign" || q.action == "verify":
		v.sign(w, q, name, version)
	default:
		v.cipher(w, q, name, version)
	}
}

func (v *vault) cipher(w http.ResponseWriter, q request, name string, k *version) {
	var asked azkeys.KeyOperationParameters
	if err := json.Unmarshal(q.body, &asked); err != nil || asked.Algorithm == nil || asked.Value == nil {
		fail(w, http.StatusBadRequest, "BadParameter", "Properties alg and value are required.")
		return
	}
	want := map[int]azkeys.EncryptionAlgorithm{16: "A128GCM", 24: "A192GCM", 32: "A256GCM"}[len(k.Secret)]
	if k.Kty != "oct-HSM" || *asked.Algorithm != want {
		fail(w, http.StatusBadRequest, "BadParameter", "Algorithm "+string(*asked.Algorithm)+" is not supported by this key.")
		return
	}
	block, err := aes.NewCipher(k.Secret)
	check(err)
	gcm, err := cipher.NewGCM(block)
	check(err)
	result := azkeys.KeyOperationResult{KID: kid(q.host, name, k.ID)}
	if q.action == "encrypt" {
		if len(asked.IV) != 0 {
			fail(w, http.StatusBadRequest, "BadParameter", "The iv of AES-GCM is made by the service.")
			return
		}
		iv := make([]byte, gcm.NonceSize())
		rand.Read(iv)
		sealed := gcm.Seal(nil, iv, asked.Value, asked.AdditionalAuthenticatedData)
		split := len(sealed) - gcm.Overhead()
		result.Result, result.AuthenticationTag, result.IV = sealed[:split], sealed[split:], iv
		result.AdditionalAuthenticatedData = asked.AdditionalAuthenticatedData
	} else {
		if len(asked.IV) != gcm.NonceSize() || len(asked.AuthenticationTag) != gcm.Overhead() {
			fail(w, http.StatusBadRequest, "BadParameter", "iv of 12 and tag of 16 bytes are required.")
			return
		}
		opened, err := gcm.Open(nil, asked.IV, append(append([]byte{}, asked.Value...), asked.AuthenticationTag...), asked.AdditionalAuthenticatedData)
		if err != nil {
			fail(w, http.StatusBadRequest, "BadParameter", "The authentication tag does not match.")
			return
		}
		result.Result = opened
	}
	writeModel(w, result)
}

// signatures that each curve or RSA makes: algorithm, hash, and whether RSA pads with PSS.
var signatures = map[azkeys.SignatureAlgorithm]struct {
	crv  string
	hash crypto.Hash
	pss  bool
}{
	"ES256": {"P-256", crypto.SHA256, false}, "ES384": {"P-384", crypto.SHA384, false}, "ES512": {"P-521", crypto.SHA512, false},
	"RS256": {"", crypto.SHA256, false}, "RS384": {"", crypto.SHA384, false}, "RS512": {"", crypto.SHA512, false},
	"PS256": {"", crypto.SHA256, true}, "PS384": {"", crypto.SHA384, true}, "PS512": {"", crypto.SHA512, true},
}

func (v *vault) sign(w http.ResponseWriter, q request, name string, k *version) {
	var asked struct {
		Algorithm azkeys.SignatureAlgorithm `json:"alg"`
	}
	json.Unmarshal(q.body, &asked)
	rule, known := signatures[asked.Algorithm]
	if !known || rule.crv != k.Crv || k.Kty == "oct-HSM" {
		fail(w, http.StatusBadRequest, "BadParameter", "Algorithm "+string(asked.Algorithm)+" is not supported by this key.")
		return
	}
	private, err := x509.ParsePKCS8PrivateKey(k.Secret)
	check(err)
	if q.action == "verify" {
		var asked azkeys.VerifyParameters
		json.Unmarshal(q.body, &asked)
		valid := verifies(private, rule.hash, rule.pss, asked.Digest, asked.Signature)
		writeModel(w, azkeys.KeyVerifyResult{Value: &valid})
		return
	}
	var parameters azkeys.SignParameters
	if err := json.Unmarshal(q.body, &parameters); err != nil || len(parameters.Value) != rule.hash.Size() {
		fail(w, http.StatusBadRequest, "BadParameter", "The digest has the wrong length for "+string(asked.Algorithm)+".")
		return
	}
	result, err := signature(private, rule.hash, rule.pss, parameters.Value)
	check(err)
	writeModel(w, azkeys.KeyOperationResult{KID: kid(q.host, name, k.ID), Result: result})
}

// signature is raw r||s for ECDSA, as the service gives it.
func signature(private any, hash crypto.Hash, pss bool, digest []byte) ([]byte, error) {
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			return nil, err
		}
		size := (private.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	case *rsa.PrivateKey:
		if pss {
			return rsa.SignPSS(rand.Reader, private, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, private, hash, digest)
	}
	return nil, nil
}

func verifies(private any, hash crypto.Hash, pss bool, digest, given []byte) bool {
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		size := len(given) / 2
		return ecdsa.Verify(&private.PublicKey, digest, new(big.Int).SetBytes(given[:size]), new(big.Int).SetBytes(given[size:]))
	case *rsa.PrivateKey:
		if pss {
			return rsa.VerifyPSS(&private.PublicKey, hash, digest, given, nil) == nil
		}
		return rsa.VerifyPKCS1v15(&private.PublicKey, hash, digest, given) == nil
	}
	return false
}
