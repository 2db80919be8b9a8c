package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// api stands in for the transport of the API client: the routes are tested without a server and without the library.
type api func(*http.Request) (*http.Response, error)

func (f api) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

func get(t *testing.T, path string, f api) *http.Response {
	t.Helper()
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	routes(&http.Client{Transport: f}, "https://api.example/raas/v2").ServeHTTP(recorder, request)
	return recorder.Result()
}

func TestAccountsForwardsTheResponseOfTheAPI(t *testing.T) {
	response := get(t, "/accounts", func(request *http.Request) (*http.Response, error) {
		if request.URL.String() != "https://api.example/raas/v2/accounts" {
			t.Errorf("the request went to %s", request.URL)
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("[]")), ContentLength: 2}, nil
	})
	if body, _ := io.ReadAll(response.Body); response.StatusCode != 200 || string(body) != "[]" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

func TestFailureWithoutTokenIs503WithTheTimeOfTheNextAttempt(t *testing.T) {
	response := get(t, "/accounts", func(*http.Request) (*http.Response, error) {
		return nil, &tangotoken.Error{Status: tangotoken.ErrQuotaRefused, RetryAfter: 90 * time.Minute}
	})
	if response.StatusCode != 503 || response.Header.Get("Retry-After") != "5400" {
		t.Errorf("%d, Retry-After: %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
}

func TestFailureOfTheAPIIs502(t *testing.T) {
	response := get(t, "/accounts", func(*http.Request) (*http.Response, error) {
		return nil, errors.New("connection refused")
	})
	if response.StatusCode != 502 || response.Header.Get("Retry-After") != "" {
		t.Errorf("%d, Retry-After: %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
}
