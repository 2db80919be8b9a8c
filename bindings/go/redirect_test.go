package tangotoken_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

// proof is what a DPoP header says of its request.
type proof struct{ HTM, HTU, Nonce string }

// proofs returns the proofs that the API received. Each was sent once.
func (a *api) proofs(t *testing.T) (all []proof) {
	t.Helper()
	sent := map[string]bool{}
	for _, request := range a.sent() {
		header, isString := request.Headers["dpop"].(string)
		if !isString || sent[header] {
			t.Fatalf("a proof is missing or was sent twice: %v", request)
		}
		sent[header] = true
		all = append(all, payloadOf(t, header))
	}
	return all
}

func payloadOf(t *testing.T, header string) (one proof) {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(header, ".")[1])
	check(t, err)
	check(t, json.Unmarshal(payload, &one))
	return one
}

func moved(path, location string, status int) sandbox.Response {
	return sandbox.Response{Path: "/raas/v2" + path, Status: status,
		Headers: map[string]string{"Location": location, "DPoP-Nonce": "nonce-of-the-redirect"}}
}

// bound returns an API that refuses every request without a valid proof of its own.
func bound(t *testing.T, change func(*tangotoken.Config)) *api {
	t.Helper()
	server := start(t, "--dpop", "strict", "--quota-window-seconds", "0")
	config := configOf(server)
	config.DPoP = tangotoken.DPoPRequired
	change(&config)
	return newAPI(t, config, server)
}

func unchanged(*tangotoken.Config) {}

func TestRequestAfterARedirectHasAProofForItsMethodAndURL(t *testing.T) {
	for _, row := range []struct {
		status             int
		method             string
		location, received string
	}{
		{301, "GET", "/raas/v2/catalogs?page=1", "GET 200 "},
		{301, "POST", "/raas/v2/accounts", "GET 200 "},
		{302, "POST", "/raas/v2/accounts", "GET 200 "},
		{303, "POST", "/raas/v2/accounts", "GET 200 "},
		{307, "POST", "/raas/v2/orders", "POST 201 an order"},
		{308, "POST", "/raas/v2/orders", "POST 201 an order"},
	} {
		t.Run(fmt.Sprint(row.method, " ", row.status), func(t *testing.T) {
			api := bound(t, unchanged)
			api.server.Script(moved("/old", row.location, row.status))
			response, _ := api.call(t, row.method, "/old", strings.NewReader("an order"))
			sent := api.sent()
			last := sent[len(sent)-1]
			if got := fmt.Sprint(last.Method, " ", response.StatusCode, " ", last.Body); got != row.received {
				t.Errorf("%s %v", got, tangotoken.Refusal(response))
			}
			target, _, _ := strings.Cut(strings.TrimSuffix(api.url(""), "/raas/v2")+row.location, "?")
			proofs := api.proofs(t)
			if len(proofs) != 2 || proofs[0] != (proof{row.method, api.url("/old"), ""}) ||
				proofs[1] != (proof{last.Method, target, "nonce-of-the-redirect"}) {
				t.Errorf("%v", proofs)
			}
			if refused := api.server.Statistic("dpop_proofs_refused"); refused != 0 {
				t.Errorf("%d proofs were refused", refused)
			}
		})
	}
}

func TestRequestAfterARedirectToAnAllowedOriginHasAProofForThatOrigin(t *testing.T) {
	// The same server by another name.
	other := func(url string) string { return strings.Replace(url, "localhost", "127.0.0.1", 1) }
	api := bound(t, func(config *tangotoken.Config) {
		config.AllowedOrigins = []string{strings.TrimSuffix(other(config.APIURL), "/raas/v2")}
	})
	api.server.Script(moved("/accounts", other(api.url("/accounts")), 302))
	response, _ := api.call(t, "GET", "/accounts", nil)
	if proofs := api.proofs(t); response.StatusCode != 200 || proofs[1].HTU != other(api.url("/accounts")) {
		t.Errorf("%s %v", response.Status, proofs)
	}
}

func TestRedirectToAnotherOriginIsNotFollowed(t *testing.T) {
	caught := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { caught++ }))
	defer server.Close()
	api := bound(t, unchanged)
	own := strings.TrimPrefix(api.url(""), "https://")
	for _, location := range []string{
		server.URL,
		strings.Replace(api.url("/accounts"), "https://", "http://", 1),
		strings.Replace(api.url("/accounts"), "localhost", "127.0.0.1", 1),
		"https://" + strings.TrimSuffix(own, "/raas/v2") + "@other.example/",
		"https://me:password@" + own + "/accounts",
		"//" + strings.TrimPrefix(server.URL, "http://"),
	} {
		api.server.Script(moved("/accounts", location, 302))
		response, err := api.Get(api.url("/accounts"))
		if !errors.Is(err, tangotoken.ErrInvalidArgument) {
			t.Errorf("%s: %v", location, err)
		}
		if response != nil {
			response.Body.Close()
		}
		if sent := api.proofs(t); len(sent) != 1 {
			t.Errorf("%s: %v", location, sent)
		}
	}
	if caught != 0 {
		t.Errorf("%d requests", caught)
	}
}

func TestRequestThatNetHTTPRepeatsWithTheSameProofIsSentAgainWithAnotherProof(t *testing.T) {
	api := bound(t, unchanged)
	api.call(t, "GET", "/accounts", nil)
	// The server ends the idle connection without a response, and knows the proof when it comes again.
	reused := sandbox.Response{Path: "/raas/v2/accounts", Status: 401,
		Headers: map[string]string{"WWW-Authenticate": `DPoP error="invalid_dpop_proof"`}}
	api.server.Script(sandbox.Response{Path: "/raas/v2/accounts", Fault: "close"}, reused)
	response, content := api.call(t, "GET", "/accounts", nil)
	if response.StatusCode != 200 {
		t.Errorf("%s %s %v", response.Status, content, tangotoken.Refusal(response))
	}
	var proofs []any
	for _, request := range api.sent() {
		proofs = append(proofs, request.Headers["dpop"])
	}
	if len(proofs) != 3 || proofs[0] != proofs[1] || proofs[1] == proofs[2] {
		t.Fatalf("%v", proofs)
	}
	api.server.Script(reused)
	response, _ = api.call(t, "GET", "/accounts", nil)
	if refusal := tangotoken.Refusal(response); !errors.Is(refusal, tangotoken.ErrProofRefused) {
		t.Errorf("a proof that was sent once is not replaced: %v", refusal)
	}
	if sent := api.sent(); len(sent) != 1 {
		t.Errorf("%d requests", len(sent))
	}
}
