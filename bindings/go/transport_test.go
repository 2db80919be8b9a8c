package tangotoken_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

// api is an HTTP client with a Transport, for the API of one sandbox.
type api struct {
	http.Client
	server *sandbox.Sandbox
	token  *tangotoken.Client
}

func newAPI(t *testing.T, config tangotoken.Config, server *sandbox.Sandbox) *api {
	t.Helper()
	pem, err := os.ReadFile(server.Variables["TANGO_CA_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(pem)
	base := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: authorities},
		// A response whose body is not read and closed keeps the only connection, and the next request never ends.
		MaxConnsPerHost: 1,
	}
	t.Cleanup(base.CloseIdleConnections)
	client := newClient(t, config)
	return &api{http.Client{Transport: &tangotoken.Transport{Client: client, Base: base}}, server, client}
}

func (a *api) url(path string) string {
	return a.server.Variables["TANGO_API_URL"] + path
}

// call sends a request, and returns the response and its body.
func (a *api) call(t *testing.T, method, path string, body io.Reader) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.url(path), body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := a.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}

// sent returns the requests that the API received, the oldest first.
func (a *api) sent() (requests []sandbox.Request) {
	for _, request := range a.server.Requests() {
		if strings.HasPrefix(request.Path, "/raas/") {
			requests = append(requests, request)
		}
	}
	return requests
}

func TestTransportSendsBearerTokens(t *testing.T) {
	server := start(t, "--dpop", "off")
	api := newAPI(t, configOf(server), server)
	for range 3 {
		response, content := api.call(t, "GET", "/accounts", nil)
		if response.StatusCode != 200 || !strings.Contains(content, "sandbox-account") || tangotoken.Refusal(response) != nil {
			t.Errorf("%s %s %v", response.Status, content, tangotoken.Refusal(response))
		}
	}
	for _, request := range api.sent() {
		if !strings.HasPrefix(fmt.Sprint(request.Headers["authorization"]), "Bearer ") || request.Headers["dpop"] != nil {
			t.Errorf("%v", request.Headers)
		}
	}
	if requests := server.Statistic("token_requests"); requests != 1 {
		t.Errorf("%d token requests", requests)
	}
}

func TestTransportSendsValidProofsWhileNoncesChange(t *testing.T) {
	server := start(t, "--dpop", "strict", "--dpop-nonce", "required")
	config := configOf(server)
	config.DPoP = tangotoken.DPoPRequired
	api := newAPI(t, config, server)
	for round := range 5 {
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if response, content := api.call(t, "GET", "/accounts?page=1", nil); response.StatusCode != 200 {
					t.Errorf("%s %s %+v", response.Status, content, tangotoken.Refusal(response))
				}
			})
		}
		callers.Wait()
		challenges := server.Statistic("nonce_challenges")
		api.call(t, "GET", "/catalogs", nil)
		if more := server.Statistic("nonce_challenges") - challenges; more != 0 {
			t.Errorf("round %d: the nonce of the last response was not learned", round)
		}
		server.Control("POST", "/rotate-nonces", nil, nil)
	}
	if refused := server.Statistic("dpop_proofs_refused"); refused != 0 {
		t.Errorf("%d proofs were refused", refused)
	}
}

func TestTransportRetriesWhileOtherRequestsUseUpTheNonces(t *testing.T) {
	server := start(t, "--dpop", "strict", "--dpop-nonce", "single-use")
	config := configOf(server)
	config.DPoP = tangotoken.DPoPRequired
	api := newAPI(t, config, server)
	api.Transport.(*tangotoken.Transport).Base.(*http.Transport).MaxConnsPerHost = 8
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 40 {
				response, content := api.call(t, "GET", "/accounts", nil)
				if response.StatusCode != 200 {
					t.Errorf("%s %s %+v", response.Status, content, tangotoken.Refusal(response))
				}
			}
		})
	}
	callers.Wait()
	sent := map[string]int{}
	for _, request := range api.sent() {
		sent[fmt.Sprint(request.Headers["dpop"])]++
	}
	if len(sent) != len(api.sent()) || len(sent) <= 320 {
		t.Errorf("%d proofs in %d requests", len(sent), len(api.sent()))
	}
}

func TestTransportAdoptsTheClockOfTheAPI(t *testing.T) {
	server := start(t, "--dpop", "strict", "--clock-offset-seconds", "-3600")
	config := configOf(server)
	config.DPoP = tangotoken.DPoPRequired
	api := newAPI(t, config, server)
	if response, content := api.call(t, "GET", "/accounts", nil); response.StatusCode != 200 {
		t.Errorf("%s %s %+v", response.Status, content, tangotoken.Refusal(response))
	}
}

func TestTransportReplacesARejectedTokenOnce(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	api := newAPI(t, configOf(server), server)
	api.call(t, "GET", "/accounts", nil)
	server.Control("POST", "/revoke", nil, nil)
	if response, content := api.call(t, "GET", "/accounts", nil); response.StatusCode != 200 {
		t.Errorf("%s %s", response.Status, content)
	}
	if requests, calls := server.Statistic("token_requests"), server.Statistic("api_requests"); requests != 2 || calls != 3 {
		t.Errorf("%d token requests and %d calls", requests, calls)
	}
}

// invalidToken is the response that rejects a token, after which the transport gets another one.
func invalidToken(path, body string) sandbox.Response {
	return sandbox.Response{Path: "/raas/v2" + path, Status: 401, Body: body,
		Headers: map[string]string{"WWW-Authenticate": `Bearer error="invalid_token", error_description="revoked"`}}
}

func TestTransportSendsARequestAtMostTwice(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	api := newAPI(t, configOf(server), server)
	server.Script(invalidToken("/orders", "first"), invalidToken("/orders", "second"), invalidToken("/orders", "third"))
	response, content := api.call(t, "GET", "/orders", nil)
	if response.StatusCode != 401 || content != "second" {
		t.Errorf("%s %s", response.Status, content)
	}
	var refusal *tangotoken.Error
	if !errors.As(tangotoken.Refusal(response), &refusal) || refusal.Status != tangotoken.ErrTokenRefused ||
		refusal.OAuthError != "invalid_token" || refusal.OAuthErrorDescription != "revoked" || refusal.HTTPStatus != 401 {
		t.Errorf("%+v", tangotoken.Refusal(response))
	}
}

func TestTransportResendsABodyThatIsInMemory(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	api := newAPI(t, configOf(server), server)
	long := strings.Repeat("a long refusal ", 20_000)
	server.Script(invalidToken("/orders", long), sandbox.Response{Path: "/raas/v2/orders", Status: 201, Body: "ordered"})
	response, content := api.call(t, "POST", "/orders", strings.NewReader("an order"))
	if response.StatusCode != 201 || content != "ordered" {
		t.Errorf("%s %s", response.Status, content)
	}
	if sent := api.sent(); len(sent) != 2 || sent[0].Body != "an order" || sent[1].Body != "an order" ||
		sent[0].Headers["authorization"] == sent[1].Headers["authorization"] {
		t.Errorf("%d requests: %v", len(sent), sent)
	}
}

func TestTransportReturnsTheRefusalWhenTheBodyCannotBeResent(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	api := newAPI(t, configOf(server), server)
	server.Script(invalidToken("/orders", "refused"), sandbox.Response{Path: "/raas/v2/orders", Status: 201})
	body := &closing{Reader: strings.NewReader("an order")}
	response, content := api.call(t, "POST", "/orders", body)
	if response.StatusCode != 401 || content != "refused" || !errors.Is(tangotoken.Refusal(response), tangotoken.ErrNotSentAgain) {
		t.Errorf("%s %s %v", response.Status, content, tangotoken.Refusal(response))
	}
	if sent := api.sent(); len(sent) != 1 || !body.isClosed() {
		t.Errorf("%d requests, closed: %v", len(sent), body.isClosed())
	}
}

// closing is a body that http.NewRequest sets no GetBody for, and that records whether it was closed.
type closing struct {
	io.Reader
	mutex  sync.Mutex
	closed int
}

func (c *closing) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed++
	return nil
}

func (c *closing) isClosed() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.closed > 0
}

func TestRefusalSaysWhyARejectedTokenIsNotReplaced(t *testing.T) {
	server := start(t)
	api := newAPI(t, configOf(server), server)
	api.call(t, "GET", "/accounts", nil)
	server.Control("POST", "/revoke", nil, nil)
	response, content := api.call(t, "GET", "/accounts", nil)
	refusal := tangotoken.Refusal(response)
	if response.StatusCode != 401 || content == "" || !errors.Is(refusal, tangotoken.ErrTokenRefused) ||
		!strings.Contains(refusal.Error(), "the daily limit of tokens") {
		t.Errorf("%s %q %v", response.Status, content, refusal)
	}
}

func TestTransportDoesNotChangeTheCallersRequest(t *testing.T) {
	server := start(t, "--dpop", "strict", "--dpop-nonce", "required")
	config := configOf(server)
	config.DPoP = tangotoken.DPoPRequired
	api := newAPI(t, config, server)
	type contextKey struct{}
	request, err := http.NewRequestWithContext(context.WithValue(t.Context(), contextKey{}, "mine"), "GET", api.url("/accounts"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := api.Transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if len(request.Header) != 1 || response.StatusCode != 200 {
		t.Errorf("%s, headers %v", response.Status, request.Header)
	}
	if response.Request.Context().Value(contextKey{}) != "mine" || len(response.Request.Header) != 1 {
		t.Error("the response's Request is not the caller's")
	}
}

func TestTransportSendsNothingToOtherOrigins(t *testing.T) {
	server := start(t)
	api := newAPI(t, configOf(server), server)
	body := &closing{Reader: strings.NewReader("an order")}
	response, err := api.Post("https://other.example/", "text/plain", body)
	if response != nil || !errors.Is(err, tangotoken.ErrInvalidArgument) || !body.isClosed() {
		t.Errorf("%v, closed: %v", err, body.isClosed())
	}
	server.Script(sandbox.Response{Path: "/raas/v2/moved", Status: 302,
		Headers: map[string]string{"Location": "https://other.example/"}})
	if _, err := api.Get(api.url("/moved")); !errors.Is(err, tangotoken.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}

func TestTransportWithoutAClientSaysSo(t *testing.T) {
	body := &closing{Reader: strings.NewReader("an order")}
	api := http.Client{Transport: &tangotoken.Transport{}}
	if _, err := api.Post("https://api.example/", "text/plain", body); err == nil ||
		!strings.Contains(err.Error(), "the Transport has no Client") || !body.isClosed() {
		t.Errorf("%v, closed: %v", err, body.isClosed())
	}
}

func TestRequestEndsWhenItsContextIsCancelled(t *testing.T) {
	server := start(t)
	api := newAPI(t, configOf(server), server)
	acquire(t, api.token)
	server.Script(sandbox.Response{Path: "/raas/v2/orders", Fault: "hang"})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", api.url("/orders"), bytes.NewReader([]byte("an order")))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for len(api.sent()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := api.Do(request); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := api.Do(request); !errors.Is(err, context.Canceled) || !errors.Is(err, tangotoken.ErrCancelled) {
		t.Errorf("%v", err)
	}
}

func TestAuthorizeAndObserveWorkWithoutATransport(t *testing.T) {
	server := start(t, "--dpop", "strict")
	config := configOf(server)
	config.DPoP = tangotoken.DPoPRequired
	client := newClient(t, config)
	authorization, err := client.Authorize(t.Context(), "GET", config.APIURL+"/accounts")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	authorization.SetHeaders(header)
	if !strings.HasPrefix(header.Get("Authorization"), "DPoP ey") || !strings.HasPrefix(header.Get("DPoP"), "ey") {
		t.Errorf("%v", header)
	}
	challenge := http.Header{"Dpop-Nonce": {"n-1"}, "Www-Authenticate": {"Bearer", `DPoP error="use_dpop_nonce"`}}
	if verdict, err := client.Observe(authorization, 401, challenge); verdict != tangotoken.VerdictRetry || err != nil {
		t.Fatalf("%v, %v", verdict, err)
	}
	again, err := client.AuthorizeAgain(t.Context(), authorization)
	if err != nil || again.DPoP() == authorization.DPoP() || again.Value() != authorization.Value() {
		t.Fatalf("%v, %v", again, err)
	}
	if verdict, err := client.Observe(again, 200, http.Header{}); verdict != tangotoken.VerdictDone || err != nil {
		t.Errorf("%v, %v", verdict, err)
	}
	if _, err := client.Observe(again, 401, challenge); !errors.Is(err, tangotoken.ErrProofRefused) {
		t.Errorf("%v", err)
	}
	for _, status := range []int{-1, 0, 42, 999, 1<<32 + 401} {
		if verdict, err := client.Observe(again, status, challenge); verdict != tangotoken.VerdictDone || err != nil {
			t.Errorf("%d: %v, %v", status, verdict, err)
		}
	}
	for method, err := range map[string]error{
		"AuthorizeAgain": second(client.AuthorizeAgain(t.Context(), nil)),
		"Observe":        second(client.Observe(nil, 200, nil)),
	} {
		if !errors.Is(err, tangotoken.ErrInvalidArgument) {
			t.Errorf("%s: %v", method, err)
		}
	}
}
