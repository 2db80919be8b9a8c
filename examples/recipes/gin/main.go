// Rewards is a gin service in front of the Tango API. The TANGO_* environment variables configure it, and LISTEN its
// address; README.md has the commands.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// shutdownTimeout is how long requests that have begun may take to end: longer than the Timeout of the API client.
const shutdownTimeout = 40 * time.Second

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if err := run(); err != nil {
		slog.Error("the service ends", "error", err)
		os.Exit(1)
	}
}

func run() error {
	if err := tangotoken.SetLogger(slog.Default()); err != nil {
		return err
	}
	// One client for the process. Making it checks the configuration and sends nothing.
	client, err := tangotoken.FromEnv()
	if err != nil {
		return err
	}
	// After Shutdown, so that no request is left that needs a token.
	defer client.Close()
	// TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
	base, err := trust(os.Getenv("TANGO_CA_FILE"))
	if err != nil {
		return err
	}
	api := &http.Client{
		Transport: &tangotoken.Transport{Client: client, Base: base},
		Timeout:   30 * time.Second,
	}
	address := os.Getenv("LISTEN")
	if address == "" {
		address = "127.0.0.1:8080"
	}
	return serve(&http.Server{
		Addr:              address,
		Handler:           routes(api, os.Getenv("TANGO_API_URL")),
		ReadHeaderTimeout: 10 * time.Second,
	})
}

// serve returns when a signal has come and the requests that had begun have ended.
func serve(server *http.Server) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	slog.Info("the service begins", "address", server.Addr)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop() // another signal ends the process at once
	slog.Info("the service ends when its requests have ended")
	ending, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	return server.Shutdown(ending)
}

// trust returns a transport that trusts the certificate authorities of a PEM file; the system's for "".
func trust(caFile string) (http.RoundTripper, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if caFile == "" {
		return transport, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate", caFile)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: authorities}
	return transport, nil
}
