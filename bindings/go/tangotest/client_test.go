package tangotest_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/tangotest"
)

const url = "https://api.example/raas/v2/accounts"

// client is what both clients can do.
type client interface {
	tangotoken.TokenSource
	tangotoken.Authorizer
	Invalidate(token *tangotoken.Token) error
	Close() error
}

// withBoth runs a test with the fake and with a real client: what it finds has to be the same.
func withBoth(t *testing.T, mode tangotoken.DPoPMode, test func(t *testing.T, client client, url string)) {
	t.Helper()
	server := tangotest.StartSandbox(t, "--quota-window-seconds", "0")
	url := server.APIURL() + "/accounts"
	t.Run("fake", func(t *testing.T) {
		test(t, &tangotest.Client{APIURL: server.APIURL(), DPoP: mode == tangotoken.DPoPRequired}, url)
	})
	t.Run("real", func(t *testing.T) {
		config := server.Config()
		config.DPoP = mode
		real, err := tangotoken.New(config)
		must(t, err)
		defer real.Close()
		test(t, real, url)
	})
}

func TestFakeHasTheSignaturesOfTheClient(t *testing.T) {
	fake, real := reflect.TypeFor[*tangotest.Client](), reflect.TypeFor[*tangotoken.Client]()
	common := 0
	for i := range fake.NumMethod() {
		ours := fake.Method(i)
		theirs, isThere := real.MethodByName(ours.Name)
		if !isThere {
			continue
		}
		common++
		if without := signature(ours); without != signature(theirs) {
			t.Errorf("%s is %s, and of the real client %s", ours.Name, without, signature(theirs))
		}
	}
	if common < 6 {
		t.Errorf("only %d methods are those of the client", common)
	}
}

// signature returns a method's type without its receiver.
func signature(method reflect.Method) string {
	receiver := method.Type.In(0).String()
	return strings.Replace(strings.Replace(method.Type.String(), receiver+", ", "", 1), receiver, "", 1)
}

func TestOneTokenServesAllCalls(t *testing.T) {
	var fake tangotest.Client
	first, err := fake.Token(t.Context())
	must(t, err)
	second, err := fake.Token(t.Context())
	must(t, err)
	authorization, err := fake.Authorize(t.Context(), "POST", url)
	must(t, err)
	if first != second || first.Value() != "fake-token-1" || authorization.Value() != "Bearer fake-token-1" {
		t.Errorf("tokens %s, %s and %s", first.Value(), second.Value(), authorization.Value())
	}
	if fake.TokensIssued() != 1 || fake.Count("Token") != 2 {
		t.Errorf("%d tokens, calls %v", fake.TokensIssued(), fake.Calls())
	}
	if last := fake.Calls()[2]; last != (tangotest.Call{Name: "Authorize", Method: "POST", URL: url}) {
		t.Errorf("the last call is %v", last)
	}
}

func TestTokenExpiresByTheClockOfTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := tangotest.Client{Lifetime: 5 * time.Minute}
		first, err := fake.Token(t.Context())
		must(t, err)
		time.Sleep(4 * time.Minute)
		if second, _ := fake.Token(t.Context()); second != first || first.ExpiresIn() != time.Minute {
			t.Errorf("%v and %v", first, second)
		}
		time.Sleep(time.Minute)
		if second, _ := fake.Token(t.Context()); second == first || first.ExpiresIn() != 0 {
			t.Errorf("%v and %v", first, second)
		}
	})
}

func TestFakeFailsWithEveryStatus(t *testing.T) {
	fake := tangotest.NewClient()
	for status := tangotoken.ErrInvalidArgument; status <= tangotoken.ErrCacheUnavailable; status++ {
		fake.Fail(status)
		_, err := fake.Token(t.Context())
		var failure *tangotoken.Error
		if !errors.Is(err, status) || !errors.As(err, &failure) || failure.RetryAfter >= 0 {
			t.Errorf("%v: %v", status, err)
		}
		if _, err = fake.Authorize(t.Context(), "GET", url); !errors.Is(err, status) {
			t.Errorf("%v: %v", status, err)
		}
	}
	fake.FailTimes(2, &tangotoken.Error{Status: tangotoken.ErrQuotaRefused, RetryAfter: time.Hour})
	for i := range 3 {
		if _, err := fake.Token(t.Context()); errors.Is(err, tangotoken.ErrQuotaRefused) != (i < 2) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	fake.Fail(tangotoken.ErrTimedOut)
	fake.Fail(nil)
	if _, err := fake.Token(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTokenOfTheTestIsServedWithoutBeingPrinted(t *testing.T) {
	fake := tangotest.NewClient()
	fake.SetToken(tangotoken.NewToken("a-secret", "Bearer", "raas.read", time.Now().Add(time.Hour)))
	token, err := fake.Token(t.Context())
	must(t, err)
	if token.Value() != "a-secret" || strings.Contains(token.String(), "a-secret") || token.Scope() != "raas.read" {
		t.Errorf("the token is %v", token)
	}
}

func TestTransportTakesTheFake(t *testing.T) {
	api := roundTripper(func(request *http.Request) string { return request.Header.Get("Authorization") })
	client := http.Client{Transport: &tangotoken.Transport{Client: tangotest.NewClient(), Base: api}}
	response, err := client.Get(url)
	must(t, err)
	if sent := response.Header.Get("Sent"); sent != "Bearer fake-token-1" {
		t.Errorf("sent with %q", sent)
	}
}

func TestRejectedTokenIsReplacedOnce(t *testing.T) {
	withBoth(t, tangotoken.DPoPOff, func(t *testing.T, client client, url string) {
		invalid := http.Header{"Www-Authenticate": {`Basic realm="x"`, `Bearer error="invalid_token"`}}
		first, err := client.Authorize(t.Context(), "GET", url)
		must(t, err)
		if verdict, err := client.Observe(first, 401, invalid); verdict != tangotoken.VerdictRetry || err != nil {
			t.Fatalf("%v, %v", verdict, err)
		}
		second, err := client.AuthorizeAgain(t.Context(), first)
		must(t, err)
		if second.Value() == first.Value() {
			t.Error("the rejected token is sent again")
		}
		if _, err := client.Observe(second, 401, invalid); !errors.Is(err, tangotoken.ErrTokenRefused) {
			t.Error(err)
		}
		if third, err := client.Authorize(t.Context(), "GET", url); err != nil || third.Value() != second.Value() {
			t.Errorf("a suspect token is better than none: %v", err)
		}
	})
}

func TestNonceIsUsedOnce(t *testing.T) {
	withBoth(t, tangotoken.DPoPRequired, func(t *testing.T, client client, url string) {
		challenge := http.Header{"Www-Authenticate": {`DPoP error="use_dpop_nonce"`}, "Dpop-Nonce": {"one"}}
		first, err := client.Authorize(t.Context(), "GET", url)
		must(t, err)
		if verdict, err := client.Observe(first, 401, challenge); verdict != tangotoken.VerdictRetry || err != nil {
			t.Fatalf("%v, %v", verdict, err)
		}
		second, err := client.AuthorizeAgain(t.Context(), first)
		must(t, err)
		if second.DPoP() == "" || second.DPoP() == first.DPoP() {
			t.Error("there is no new proof")
		}
		for _, error := range []string{"use_dpop_nonce", "invalid_dpop_proof"} {
			challenge.Set("WWW-Authenticate", `DPoP error="`+error+`"`)
			if _, err := client.Observe(second, 401, challenge); !errors.Is(err, tangotoken.ErrProofRefused) {
				t.Error(err)
			}
		}
	})
}

func TestOtherResponsesAreForTheProgram(t *testing.T) {
	withBoth(t, tangotoken.DPoPOff, func(t *testing.T, client client, url string) {
		authorization, err := client.Authorize(t.Context(), "GET", url)
		must(t, err)
		for _, status := range []int{200, 403, 500, 999} {
			verdict, err := client.Observe(authorization, status, nil)
			if verdict != tangotoken.VerdictDone || err != nil {
				t.Errorf("%d: %v, %v", status, verdict, err)
			}
		}
		if _, err := client.Observe(authorization, 401, nil); !errors.Is(err, tangotoken.ErrTokenRefused) {
			t.Error(err)
		}
	})
}

func TestBadCallsFail(t *testing.T) {
	withBoth(t, tangotoken.DPoPOff, func(t *testing.T, client client, url string) {
		for _, target := range []string{"https://stranger.example/", "/accounts", "ftp://localhost"} {
			if _, err := client.Authorize(t.Context(), "GET", target); !errors.Is(err, tangotoken.ErrInvalidArgument) {
				t.Errorf("%s: %v", target, err)
			}
		}
		if err := client.Invalidate(nil); !errors.Is(err, tangotoken.ErrInvalidArgument) {
			t.Error(err)
		}
		if _, err := client.Observe(nil, 200, nil); !errors.Is(err, tangotoken.ErrInvalidArgument) {
			t.Error(err)
		}
		made := tangotoken.NewAuthorization("Bearer x", "")
		if _, err := client.AuthorizeAgain(t.Context(), made); !errors.Is(err, tangotoken.ErrInvalidArgument) {
			t.Error(err)
		}
		reason := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(reason)
		_, err := client.Token(ctx)
		if !errors.Is(err, tangotoken.ErrCancelled) || !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
			t.Error(err)
		}
		must(t, client.Close())
		if _, err := client.Token(t.Context()); err != tangotoken.ErrClosed {
			t.Error(err)
		}
	})
}

func TestInvalidatedTokenIsReplaced(t *testing.T) {
	withBoth(t, tangotoken.DPoPOff, func(t *testing.T, client client, _ string) {
		first, err := client.Token(t.Context())
		must(t, err)
		must(t, client.Invalidate(first))
		if second, err := client.Token(t.Context()); err != nil || second.Value() == first.Value() {
			t.Errorf("%v, %v", second, err)
		}
	})
}

// roundTripper responds to each request with a header that a function makes of it.
type roundTripper func(*http.Request) string

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	header := http.Header{"Sent": {f(request)}}
	return &http.Response{StatusCode: 200, Header: header, Body: http.NoBody, Request: request}, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
