package main

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

// kid is the identifier of a key; it carries the host under which the service was called.
func kid(host, name, version string) *azkeys.ID {
	id := azkeys.ID("https://" + host + "/keys/" + name)
	if version != "" {
		id += azkeys.ID("/" + version)
	}
	return &id
}

func bundle(host, name string, v *version) azkeys.KeyBundle {
	return azkeys.KeyBundle{Attributes: attributes(v), Key: webKey(host, name, v), Tags: pointers(v.Tags)}
}

func properties(host, name string, v *version, versioned bool) *azkeys.KeyProperties {
	id := ""
	if versioned {
		id = v.ID
	}
	return &azkeys.KeyProperties{Attributes: attributes(v), KID: kid(host, name, id), Tags: pointers(v.Tags)}
}

func deletedKey(host, name string, k *key) azkeys.DeletedKey {
	newest := k.Versions[len(k.Versions)-1]
	recovery := "https://" + host + "/deletedkeys/" + name
	purge := k.Deleted.Add(90 * 24 * time.Hour)
	return azkeys.DeletedKey{
		Attributes: attributes(newest), Key: webKey(host, name, newest), Tags: pointers(newest.Tags),
		RecoveryID: &recovery, DeletedDate: k.Deleted, ScheduledPurgeDate: &purge,
	}
}

func attributes(v *version) *azkeys.KeyAttributes {
	level := "Recoverable+Purgeable"
	days := int32(90)
	return &azkeys.KeyAttributes{
		Enabled: &v.Enabled, Created: &v.Created, Updated: &v.Updated, Expires: v.Expires, RecoveryLevel: &level, RecoverableDays: &days,
	}
}

func webKey(host, name string, v *version) *azkeys.JSONWebKey {
	kty := azkeys.KeyType(v.Kty)
	made := &azkeys.JSONWebKey{KID: kid(host, name, v.ID), Kty: &kty}
	for _, op := range v.Ops {
		operation := azkeys.KeyOperation(op)
		made.KeyOps = append(made.KeyOps, &operation)
	}
	if v.Kty == "oct-HSM" {
		return made
	}
	private, err := x509.ParsePKCS8PrivateKey(v.Secret)
	check(err)
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		crv := azkeys.CurveName(v.Crv)
		size := (private.Curve.Params().BitSize + 7) / 8
		made.Crv, made.X, made.Y = &crv, private.X.FillBytes(make([]byte, size)), private.Y.FillBytes(make([]byte, size))
	case *rsa.PrivateKey:
		made.N, made.E = private.N.Bytes(), big.NewInt(int64(private.E)).Bytes()
	}
	return made
}

func opsOf(asked []*azkeys.KeyOperation, kty string) []string {
	if asked == nil {
		if kty == "oct-HSM" {
			return []string{"encrypt", "decrypt", "wrapKey", "unwrapKey"}
		}
		return []string{"sign", "verify"}
	}
	ops := []string{}
	for _, op := range asked {
		ops = append(ops, string(*op))
	}
	return ops
}

func textsOf(tags map[string]*string) map[string]string {
	texts := map[string]string{}
	for name, value := range tags {
		if value != nil {
			texts[name] = *value
		}
	}
	return texts
}

func pointers(tags map[string]string) map[string]*string {
	result := map[string]*string{}
	for name, value := range tags {
		result[name] = &value
	}
	return result
}
