package tangotest_test

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/tangotest"
)

// A fake client fits where the code takes a [tangotoken.Authorizer] or a [tangotoken.TokenSource].
func ExampleClient() {
	fake := tangotest.NewClient()
	responses := roundTripper(func(request *http.Request) string { return request.Header.Get("Authorization") })
	api := http.Client{Transport: &tangotoken.Transport{Client: fake, Base: responses}}

	response, err := api.Get("https://api.example/raas/v2/accounts")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("sent with", response.Header.Get("Sent"))

	fake.Fail(&tangotoken.Error{Status: tangotoken.ErrQuotaRefused, RetryAfter: 3 * time.Hour})
	_, err = api.Get("https://api.example/raas/v2/accounts")
	var failure *tangotoken.Error
	if errors.As(err, &failure) {
		fmt.Printf("%v for %v\n", failure.Status.String(), failure.RetryAfter)
	}
	fmt.Println(fake.TokensIssued(), "token was issued")
	// Output:
	// sent with Bearer fake-token-1
	// QuotaRefused for 3h0m0s
	// 1 token was issued
}
