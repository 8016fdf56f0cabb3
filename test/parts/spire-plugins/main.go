// SPIRE's own plugins aws_kms and aws_pca, of its module's source, asked over SPIRE's own way of loading built-in plugins and
// with the request that SPIRE's server would make. Where AWS is, the environment says (AWS_ENDPOINT_URL).
//
// usage: spire-plugins < QUESTION.json; the answer is JSON on standard output.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"os"
	"sort"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/spire/pkg/common/catalog"
	"github.com/spiffe/spire/pkg/server/credtemplate"
	"github.com/spiffe/spire/pkg/server/plugin/keymanager"
	"github.com/spiffe/spire/pkg/server/plugin/keymanager/awskms"
	"github.com/spiffe/spire/pkg/server/plugin/upstreamauthority"
	"github.com/spiffe/spire/pkg/server/plugin/upstreamauthority/awspca"
)

type question struct {
	TrustDomain string `json:"trustDomain"`
	Region      string `json:"region"`
	// Names the server towards the key manager.
	ServerID string `json:"serverId"`
	// Keys to make: id and type ("ec-p256").
	Make [][2]string `json:"make"`
	// Signed by every key, unless it is empty.
	Message []byte `json:"message"`
	// Minted by this authority for the key MintFor, when given.
	CertificateAuthorityArn string `json:"certificateAuthorityArn"`
	AssumeRoleArn           string `json:"assumeRoleArn"`
	MintFor                 string `json:"mintFor"`
	TTLSeconds              int    `json:"ttlSeconds"`
	// Somebody else's signatures over the message, ECDSA as raw r||s.
	Verify []key `json:"verify"`
}

// Bytes are base64 in JSON; certificates and keys are DER.
type answer struct {
	// Ids that were there before anything was made.
	Found []string `json:"found"`
	Keys  []key    `json:"keys"`
	CSR   []byte   `json:"csr"`
	Chain [][]byte `json:"chain"`
	Roots [][]byte `json:"roots"`
	// Of the signatures to verify, in their order.
	Verified []bool `json:"verified"`
}

type key struct {
	ID        string `json:"id"`
	SPKI      []byte `json:"spki"`
	Signature []byte `json:"signature"`
}

const limit = time.Minute

func main() {
	log.SetFlags(0)
	var asked question
	check(json.NewDecoder(os.Stdin).Decode(&asked))
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	core := catalog.CoreConfig{TrustDomain: spiffeid.RequireTrustDomainFromString(asked.TrustDomain)}

	manager := new(keymanager.V1)
	close := load(ctx, core, awskms.BuiltIn(), manager, fmt.Sprintf(
		"region = %q\nkey_identifier_value = %q\nenable_tag_based_key_discovery = true\n", asked.Region, asked.ServerID))
	defer close()
	said := answer{Found: ids(ctx, manager)}
	for _, wanted := range asked.Make {
		kind, err := keymanager.KeyTypeFromString(wanted[1])
		check(err)
		_, err = manager.GenerateKey(ctx, wanted[0], kind)
		check(err)
	}
	for _, id := range ids(ctx, manager) {
		made, err := manager.GetKey(ctx, id)
		check(err)
		said.Keys = append(said.Keys, signed(made, asked.Message))
	}
	for _, one := range asked.Verify {
		said.Verified = append(said.Verified, verified(one, asked.Message))
	}
	if asked.CertificateAuthorityArn != "" {
		said.mint(ctx, core, manager, asked)
	}
	check(json.NewEncoder(os.Stdout).Encode(said))
}

// mint asks for a CA as SPIRE's server does when it prepares one.
func (a *answer) mint(ctx context.Context, core catalog.CoreConfig, manager *keymanager.V1, asked question) {
	authority := new(upstreamauthority.V1)
	close := load(ctx, core, awspca.BuiltIn(), authority, fmt.Sprintf(
		"region = %q\ncertificate_authority_arn = %q\nassume_role_arn = %q\n", asked.Region, asked.CertificateAuthorityArn, asked.AssumeRoleArn))
	defer close()
	signer, err := manager.GetKey(ctx, asked.MintFor)
	check(err)
	builder, err := credtemplate.NewBuilder(credtemplate.Config{TrustDomain: core.TrustDomain})
	check(err)
	template, err := builder.BuildUpstreamSignedX509CACSR(ctx, credtemplate.UpstreamSignedX509CAParams{PublicKey: signer.Public()})
	check(err)
	a.CSR, err = x509.CreateCertificateRequest(rand.Reader, template, signer)
	check(err)
	chain, roots, stream, err := authority.MintX509CA(ctx, a.CSR, time.Duration(asked.TTLSeconds)*time.Second)
	check(err)
	stream.Close()
	for _, certificate := range chain {
		a.Chain = append(a.Chain, certificate.Raw)
	}
	for _, root := range roots {
		a.Roots = append(a.Roots, root.Certificate.Raw)
	}
}

func load(ctx context.Context, core catalog.CoreConfig, builtIn catalog.BuiltIn, facade catalog.Facade, hcl string) func() {
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	loaded, err := catalog.LoadBuiltIn(ctx, builtIn, catalog.BuiltInConfig{Log: quiet})
	check(err)
	configurer, err := loaded.Bind(facade)
	check(err)
	check(configurer.Configure(ctx, core, hcl))
	return func() { check(loaded.Close()) }
}

func ids(ctx context.Context, manager *keymanager.V1) []string {
	keys, err := manager.GetKeys(ctx)
	check(err)
	found := make([]string, 0, len(keys))
	for _, one := range keys {
		found = append(found, one.ID())
	}
	sort.Strings(found)
	return found
}

func signed(made keymanager.Key, message []byte) key {
	spki, err := x509.MarshalPKIXPublicKey(made.Public())
	check(err)
	if len(message) == 0 {
		return key{ID: made.ID(), SPKI: spki}
	}
	hash, digest := digestFor(made.Public(), message)
	signature, err := made.Sign(rand.Reader, digest, hash)
	check(err)
	return key{ID: made.ID(), SPKI: spki, Signature: signature}
}

// digestFor pairs keys and hashes as SPIRE does.
func digestFor(public crypto.PublicKey, message []byte) (crypto.Hash, []byte) {
	if curve, ok := public.(*ecdsa.PublicKey); ok && curve.Curve == elliptic.P384() {
		digest := sha512.Sum384(message)
		return crypto.SHA384, digest[:]
	}
	digest := sha256.Sum256(message)
	return crypto.SHA256, digest[:]
}

func verified(one key, message []byte) bool {
	public, err := x509.ParsePKIXPublicKey(one.SPKI)
	check(err)
	hash, digest := digestFor(public, message)
	switch known := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(known, hash, digest, one.Signature) == nil
	case *ecdsa.PublicKey:
		half := len(one.Signature) / 2
		r, s := new(big.Int).SetBytes(one.Signature[:half]), new(big.Int).SetBytes(one.Signature[half:])
		return half == (known.Curve.Params().BitSize+7)/8 && ecdsa.Verify(known, digest, r, s)
	}
	return false
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
