// Accounts lists the accounts of a Tango platform. The TANGO_* environment variables configure it:
//
//	TANGO_ENVIRONMENT=sandbox TANGO_CLIENT_ID=... go run . https://integration-api.tangocard.com/raas/v2/accounts
//
// With TANGO_DPOP=required the token is bound to a key, and the program needs no change.
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
	// Ctrl-C cancels a pending call.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		// %+v shows all fields of the library's errors, which contain no secret.
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
	// TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
	base, err := trust(os.Getenv("TANGO_CA_FILE"))
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
			return failure // without the prefix of net/http
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

// trust returns a transport that trusts the certificate authorities of a PEM file; the system's for "".
func trust(caFile string) (http.RoundTripper, error) {
	if caFile == "" {
		return http.DefaultTransport, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(pem)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: authorities}
	return transport, nil
}
