package tangooauth2_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/tangooauth2"
	"github.com/tango-token/tango-token/bindings/go/tangotest"
)

// start starts a sandbox, and creates a client for it.
func start(t testing.TB, dpop tangotoken.DPoPMode) (*tangotest.Sandbox, *tangotoken.Client) {
	t.Helper()
	server := tangotest.StartSandbox(t)
	config := server.Config()
	config.DPoP = dpop
	client, err := tangotoken.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return server, client
}

func TestTransportOfXOAuth2SendsTheToken(t *testing.T) {
	server, client := start(t, tangotoken.DPoPOff)
	source := tangooauth2.TokenSource(t.Context(), client)
	api := http.Client{Transport: &oauth2.Transport{Source: source, Base: server.Transport()}}
	response, err := api.Get(server.APIURL() + "/accounts")
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

func TestFakeIsASourceOfTokens(t *testing.T) {
	fake := tangotest.NewClient()
	token, err := tangooauth2.TokenSource(t.Context(), fake).Token()
	if err != nil || token.AccessToken != "fake-token-1" || !token.Valid() || fake.TokensIssued() != 1 {
		t.Errorf("%v, %v", token, err)
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
