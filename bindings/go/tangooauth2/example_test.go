package tangooauth2_test

import (
	"context"
	"log"
	"net/http"

	"golang.org/x/oauth2"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/tangooauth2"
)

// This transport asks the source for each request; that of oauth2.NewClient would keep the first token.
func ExampleTokenSource() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	source := tangooauth2.TokenSource(context.Background(), client)
	api := http.Client{Transport: &oauth2.Transport{Source: source}}
	response, err := api.Get("https://integration-api.tangocard.com/raas/v2/accounts")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
}
