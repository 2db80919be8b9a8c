package tangooauth2_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"golang.org/x/oauth2"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
	"github.com/tango-token/tango-token/bindings/go/tangooauth2"
)

// start starts a sandbox, and creates a client for it.
func start(t testing.TB, dpop tangotoken.DPoPMode, options ...string) (*sandbox.Sandbox, *tangotoken.Client) {
	t.Helper()
	server, err := sandbox.Start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	client, err := tangotoken.New(tangotoken.Config{
		TokenURL: server.Variables["TANGO_TOKEN_URL"], APIURL: server.Variables["TANGO_API_URL"],
		ClientID: server.Variables["TANGO_CLIENT_ID"], ClientSecret: server.Variables["TANGO_CLIENT_SECRET"],
		Username: server.Variables["TANGO_USERNAME"], Password: server.Variables["TANGO_PASSWORD"],
		CAFile: server.Variables["TANGO_CA_FILE"], Proxy: "none", DPoP: dpop,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return server, client
}

func TestTransportOfXOAuth2SendsTheToken(t *testing.T) {
	server, client := start(t, tangotoken.DPoPOff)
	pem, err := os.ReadFile(server.Variables["TANGO_CA_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(pem)
	source := tangooauth2.TokenSource(t.Context(), client)
	base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}
	defer base.CloseIdleConnections()
	api := http.Client{Transport: &oauth2.Transport{Source: source, Base: base}}
	response, err := api.Get(server.Variables["TANGO_API_URL"] + "/accounts")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		t.Error(response.Status)
	}
	token, err := source.Token()
	if err != nil || !token.Valid() || token.Type() != "Bearer" || token.ExpiresIn < 86_000 ||
		time.Until(token.Expiry) < 23*time.Hour {
		t.Errorf("%v", err)
	}
}

func TestTokenFailsWithErrBoundWhenTheTokenIsBoundToAKey(t *testing.T) {
	_, client := start(t, tangotoken.DPoPRequired)
	if _, err := tangooauth2.TokenSource(t.Context(), client).Token(); !errors.Is(err, tangooauth2.ErrBound) {
		t.Errorf("%v", err)
	}
}

func TestTokenFailsWithTheContextsErrorWhenTheContextIsCancelled(t *testing.T) {
	_, client := start(t, tangotoken.DPoPOff)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tangooauth2.TokenSource(ctx, client).Token(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// BenchmarkCachedToken compares the client's current token with that of x/oauth2's ReuseTokenSource.
func BenchmarkCachedToken(b *testing.B) {
	_, client := start(b, tangotoken.DPoPOff)
	ctx := b.Context()
	source := tangooauth2.TokenSource(ctx, client)
	first, err := source.Token()
	if err != nil {
		b.Fatal(err)
	}
	reused := oauth2.ReuseTokenSource(first, source)
	work := map[string]func() error{
		"Client.Token":            func() error { _, err := client.Token(ctx); return err },
		"oauth2.ReuseTokenSource": func() error { _, err := reused.Token(); return err },
	}
	for name, get := range work {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := get(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := get(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
