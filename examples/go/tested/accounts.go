// Package tested is a part of a program that calls the Tango API. Its tests are beside it.
package tested

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// ErrTryLater means that there is no token today.
var ErrTryLater = errors.New("try later")

// Accounts are the accounts of a Tango platform.
type Accounts struct {
	url string
	api http.Client
}

// New takes a tangotoken.Client, and in a test a fake one. Base sends the requests.
func New(client tangotoken.Authorizer, apiURL string, base http.RoundTripper) *Accounts {
	api := http.Client{Transport: &tangotoken.Transport{Client: client, Base: base}}
	return &Accounts{url: apiURL + "/accounts", api: api}
}

// Names returns the names of all accounts.
func (a *Accounts) Names(ctx context.Context) (names []string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return nil, err
	}
	response, err := a.api.Do(request)
	var failure *tangotoken.Error
	if errors.Is(err, tangotoken.ErrQuotaRefused) && errors.As(err, &failure) {
		return nil, fmt.Errorf("%w: no accounts for %v", ErrTryLater, failure.RetryAfter)
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var accounts []struct{ DisplayName string }
	if err := json.NewDecoder(response.Body).Decode(&accounts); err != nil {
		return nil, err
	}
	for _, account := range accounts {
		names = append(names, account.DisplayName)
	}
	return names, nil
}
