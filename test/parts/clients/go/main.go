// A client over go-spiffe: prints what it gets as JSON lines, so that tests can compare what different clients saw.
//
//	client fetch AUDIENCE                          X.509-SVID, JWT-SVID (verified here and by the agent), bundles; once
//	client watch COUNT                             one line for each X.509 update, until COUNT updates came
//	client verify-x509 CHAIN.pem BUNDLE.pem DOMAIN   exit 1 and the reason when go-spiffe refuses the chain
//	client verify-jwt TOKENFILE JWKS.json DOMAIN AUDIENCE
//	client parse-svid CHAIN.pem KEY.pem
//	client parse-bundle BUNDLE.json DOMAIN           a SPIFFE bundle document
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type line map[string]any

func emit(l line) {
	text, err := json.Marshal(l)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(text))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err)
	}
	return value
}

func x509Line(kind string, svid *x509svid.SVID) line {
	leaf := svid.Certificates[0]
	return line{
		"kind": kind, "spiffeId": svid.ID.String(), "serial": fmt.Sprintf("%x", leaf.SerialNumber),
		"notAfter": leaf.NotAfter.UTC().Format(time.RFC3339), "hint": svid.Hint, "chain": len(svid.Certificates),
	}
}

func fetch(ctx context.Context, audience string) {
	client := must(workloadapi.New(ctx))
	defer client.Close()

	x509 := must(client.FetchX509Context(ctx))
	svid := x509.DefaultSVID()
	if _, _, err := x509svid.Verify(svid.Certificates, x509.Bundles); err != nil {
		fail(err)
	}
	emit(x509Line("x509", svid))

	bundles := must(client.FetchX509Bundles(ctx))
	jwtBundles := must(client.FetchJWTBundles(ctx))
	own := svid.ID.TrustDomain()
	x509Bundle := must(bundles.GetX509BundleForTrustDomain(own))
	jwtBundle := must(jwtBundles.GetJWTBundleForTrustDomain(own))
	emit(line{
		"kind": "bundles", "trustDomain": own.Name(),
		"x509Authorities": len(x509Bundle.X509Authorities()), "jwtAuthorities": len(jwtBundle.JWTAuthorities()),
	})

	token := must(client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience}))
	verified := must(jwtsvid.ParseAndValidate(token.Marshal(), jwtBundles, []string{audience}))
	emit(line{"kind": "jwt", "spiffeId": verified.ID.String(), "token": token.Marshal()})
	validated := must(client.ValidateJWTSVID(ctx, token.Marshal(), audience))
	emit(line{"kind": "validated", "spiffeId": validated.ID.String()})
}

type watcher struct {
	left int
	done context.CancelFunc
}

func (w *watcher) OnX509ContextUpdate(c *workloadapi.X509Context) {
	svid := c.DefaultSVID()
	if _, _, err := x509svid.Verify(svid.Certificates, c.Bundles); err != nil {
		emit(line{"kind": "error", "message": err.Error()})
		return
	}
	emit(x509Line("update", svid))
	if w.left--; w.left == 0 {
		w.done()
	}
}

func (w *watcher) OnX509ContextWatchError(err error) {
	if w.left > 0 {
		emit(line{"kind": "error", "message": err.Error()})
	}
}

func watch(ctx context.Context, count int) {
	ctx, done := context.WithCancel(ctx)
	defer done()
	_ = workloadapi.WatchX509Context(ctx, &watcher{left: count, done: done})
}

func verifyX509(chain, bundle, domain string) {
	td := must(spiffeid.TrustDomainFromString(domain))
	certificates := must(x509bundle.Parse(td, must(os.ReadFile(chain)))).X509Authorities()
	authorities := must(x509bundle.Parse(td, must(os.ReadFile(bundle))))
	id, _, err := x509svid.Verify(certificates, authorities)
	if err != nil {
		fail(err)
	}
	emit(line{"kind": "verified", "spiffeId": id.String()})
}

func parseBundle(file, domain string) {
	td := must(spiffeid.TrustDomainFromString(domain))
	bundle := must(spiffebundle.Read(td, bytes.NewReader(must(os.ReadFile(file)))))
	sequence, _ := bundle.SequenceNumber()
	hint, _ := bundle.RefreshHint()
	emit(line{
		"kind": "bundle", "sequence": sequence, "refreshHintSeconds": hint.Seconds(),
		"x509Authorities": len(bundle.X509Authorities()), "jwtAuthorities": len(bundle.JWTAuthorities()),
	})
}

func main() {
	args := os.Args[1:]
	need := map[string]int{"fetch": 1, "watch": 1, "verify-x509": 3, "verify-jwt": 4, "parse-svid": 2, "parse-bundle": 2}
	if len(args) == 0 || need[args[0]] == 0 || len(args)-1 != need[args[0]] {
		fmt.Fprintln(os.Stderr, "usage: client fetch|watch|verify-x509|verify-jwt|parse-svid|parse-bundle ARGUMENTS")
		os.Exit(2)
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	switch args[0] {
	case "fetch":
		once, end := context.WithTimeout(ctx, 20*time.Second)
		defer end()
		fetch(once, args[1])
	case "watch":
		watch(ctx, must(strconv.Atoi(args[1])))
	case "verify-x509":
		verifyX509(args[1], args[2], args[3])
	case "verify-jwt":
		td := must(spiffeid.TrustDomainFromString(args[3]))
		keys := must(jwtbundle.Parse(td, must(os.ReadFile(args[2]))))
		svid := must(jwtsvid.ParseAndValidate(strings.TrimSpace(string(must(os.ReadFile(args[1])))), keys, []string{args[4]}))
		emit(line{"kind": "verified", "spiffeId": svid.ID.String()})
	case "parse-svid":
		emit(x509Line("parsed", must(x509svid.Load(args[1], args[2]))))
	case "parse-bundle":
		parseBundle(args[1], args[2])
	}
}
