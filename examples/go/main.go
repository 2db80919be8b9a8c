// Lists the accounts of a Tango platform: the environment says who asks, the transport does the rest.
//
//	TANGO_ENVIRONMENT=sandbox TANGO_CLIENT_ID=... go run . https://integration-api.tangocard.com/raas/v2/accounts
//
// It works the same with Bearer tokens and, with TANGO_DPOP=required, with tokens that are bound to a key.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: accounts URL")
		os.Exit(2)
	}
	// Control-C ends whatever is waited for.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		// All fields of the library's errors, and never a secret.
		fmt.Fprintf(os.Stderr, "%+v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string) error {
	if err := tangotoken.SetLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		return err
	}
	client, err := tangotoken.FromEnv()
	if err != nil {
		return err
	}
	defer client.Close()
	base, err := trusting(os.Getenv("TANGO_CA_FILE"))
	if err != nil {
		return err
	}
	api := http.Client{Transport: &tangotoken.Transport{Client: client, Base: base}}

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := api.Do(request)
	if err != nil {
		var failure *tangotoken.Error
		if errors.As(err, &failure) {
			return failure // without the words that net/http puts around it
		}
		return err
	}
	defer response.Body.Close()
	if err := tangotoken.Refusal(response); err != nil {
		return err
	}
	fmt.Println(response.Status)
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

// trusting is a transport that trusts the authorities of a file, such as the local sandbox's; the system's if there is none.
func trusting(file string) (http.RoundTripper, error) {
	if file == "" {
		return http.DefaultTransport, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(pem)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: authorities}
	return transport, nil
}
