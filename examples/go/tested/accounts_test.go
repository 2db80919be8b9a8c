package tested

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/tangotest"
)

// api responds in place of the API, with a 401 as often as it says, and keeps the tokens that were sent.
type api struct {
	rejects int
	tokens  []string
}

func (a *api) RoundTrip(request *http.Request) (*http.Response, error) {
	a.tokens = append(a.tokens, request.Header.Get("Authorization"))
	recorder := httptest.NewRecorder()
	if len(a.tokens) <= a.rejects {
		recorder.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		recorder.WriteHeader(http.StatusUnauthorized)
	} else {
		recorder.WriteString(`[{"displayName": "Gifts"}]`)
	}
	return recorder.Result(), nil
}

func TestOneTokenServesAllCalls(t *testing.T) {
	fake, api := tangotest.NewClient(), &api{}
	accounts := New(fake, "https://api.example/raas/v2", api)
	for range 2 {
		if names, err := accounts.Names(t.Context()); err != nil || !reflect.DeepEqual(names, []string{"Gifts"}) {
			t.Errorf("names %v, error %v", names, err)
		}
	}
	if len(api.tokens) != 2 || fake.TokensIssued() != 1 {
		t.Errorf("sent %v; %d tokens were issued", api.tokens, fake.TokensIssued())
	}
}

func TestDailyLimitIsReportedWithTheTimeThatIsLeft(t *testing.T) {
	fake, api := tangotest.NewClient(), &api{}
	fake.Fail(&tangotoken.Error{Status: tangotoken.ErrQuotaRefused, RetryAfter: 3 * time.Hour})
	_, err := New(fake, "https://api.example/raas/v2", api).Names(t.Context())
	if !errors.Is(err, ErrTryLater) || !strings.Contains(err.Error(), "3h0m0s") || len(api.tokens) != 0 {
		t.Errorf("error %v, sent %v", err, api.tokens)
	}
}

func TestTokenThatTheAPIRejectsIsReplacedOnce(t *testing.T) {
	api := &api{rejects: 1}
	names, err := New(tangotest.NewClient(), "https://api.example/raas/v2", api).Names(t.Context())
	sent := strings.Join(api.tokens, ", ")
	if err != nil || len(names) != 1 || sent != "Bearer fake-token-1, Bearer fake-token-2" {
		t.Errorf("names %v, error %v, sent %v", names, err, api.tokens)
	}
}

func TestAccountsOfTheSandbox(t *testing.T) {
	sandbox := tangotest.StartSandbox(t)
	names, err := New(sandbox.Client(), sandbox.APIURL(), sandbox.Transport()).Names(t.Context())
	if err != nil || !reflect.DeepEqual(names, []string{"Sandbox Account"}) || sandbox.Count("token_requests") != 1 {
		t.Errorf("names %v, error %v", names, err)
	}
}
