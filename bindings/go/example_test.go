package tangotoken_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// trustTheSandbox returns a transport that trusts the sandbox's certificate. With Tango itself none is needed.
func trustTheSandbox() http.RoundTripper {
	pem, err := os.ReadFile(os.Getenv("TANGO_CA_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(pem)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}, DisableKeepAlives: true}
}

func Example() {
	client, err := tangotoken.FromEnv() // TANGO_CLIENT_ID, TANGO_CLIENT_SECRET, ...
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	api := http.Client{Transport: &tangotoken.Transport{Client: client, Base: trustTheSandbox()}}
	response, err := api.Get(os.Getenv("TANGO_API_URL") + "/accounts")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	// Output: 200 OK
}

func ExampleNew() {
	client, err := tangotoken.New(tangotoken.Config{
		LoadEnv:        true, // the credentials
		DPoP:           tangotoken.DPoPRequired,
		AttemptTimeout: 5 * time.Second,
		Audience:       "5min",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	token, err := client.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type())
	// Output: DPoP
}

func ExampleClient_Token() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	token, err := client.Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type(), token.Scope(), token.ExpiresIn() > 23*time.Hour)
	// Output: Bearer raas.all true
}

func ExampleConfig() {
	config := tangotoken.Config{ClientID: "my-client", ClientSecret: "a secret", Username: "me", Password: "another"}
	fmt.Println(config)
	_, err := tangotoken.New(config)
	fmt.Println(errors.Is(err, tangotoken.ErrInvalidConfiguration))
	// Output:
	// tangotoken.Config{ClientID: "my-client", Username: "me", ClientSecret and Password: [redacted]}
	// true
}

func ExampleCredentials() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = client.SetCredentials(tangotoken.Credentials{Username: os.Getenv("TANGO_USERNAME"), Password: "the new password"})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleToken() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	token, err := client.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	slog.Debug("acquired", "token", token) // without its value
	header := http.Header{"Authorization": {token.Type() + " " + token.Value()}}
	fmt.Println(len(header.Get("Authorization")) > 100)
	// Output: true
}

// A program with an HTTP client other than net/http's sets the headers itself, and passes the response to Observe.
func ExampleAuthorization() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	url := os.Getenv("TANGO_API_URL") + "/accounts"
	authorization, err := client.Authorize(context.Background(), "GET", url)
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		log.Fatal(err)
	}
	authorization.SetHeaders(request.Header)
	response, err := trustTheSandbox().RoundTrip(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	verdict, err := client.Observe(authorization, response.StatusCode, response.Header)
	fmt.Println(verdict == tangotoken.VerdictDone, err)
	// Output: true <nil>
}

func ExampleTransport() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	api := http.Client{
		Transport: &tangotoken.Transport{Client: client, Base: trustTheSandbox()},
		Timeout:   time.Minute,
	}
	response, err := api.Get("https://other.example/")
	fmt.Println(response == nil, errors.Is(err, tangotoken.ErrInvalidArgument))
	// Output: true true
}

func ExampleRefusal() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	api := http.Client{Transport: &tangotoken.Transport{Client: client, Base: trustTheSandbox()}}
	response, err := api.Get(os.Getenv("TANGO_API_URL") + "/nothing-here")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	fmt.Println(response.StatusCode, tangotoken.Refusal(response))
	// Output: 404 <nil>
}

func ExampleError() {
	client, err := tangotoken.New(tangotoken.Config{LoadEnv: true})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	_, err = client.Authorize(context.Background(), "GET", "https://other.example/")

	var failure *tangotoken.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Status.String(), failure.HTTPStatus, failure.RetryAfter < 0)
	}
	// Output: InvalidArgument 0 true
}

func ExampleStatus() {
	var err error = &tangotoken.Error{Status: tangotoken.ErrQuotaRefused, RetryAfter: 3 * time.Hour}
	if errors.Is(err, tangotoken.ErrQuotaRefused) {
		fmt.Println(tangotoken.ErrQuotaRefused.Error())
	}
	// Output: tangotoken: The daily limit of tokens is used up. Nothing is sent before the time that the error gives: when the limit resets or, if the library does not know when the last token was issued, about an hour later.
}

func ExampleLibraryError() {
	_, err := tangotoken.FromEnv()
	var failure *tangotoken.LibraryError
	if errors.As(err, &failure) {
		log.Fatal(failure) // the paths that were tried, and how to install the library
	}
}

func ExampleKey() {
	key, err := tangotoken.GenerateKey(tangotoken.AlgorithmES256)
	if err != nil {
		log.Fatal(err)
	}
	proof, err := key.Proof("GET", "https://api.example/accounts", "a-token-of-another-server", "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(key.Thumbprint()), len(proof) > 300)
	// Output: 43 true
}

// The signer can be any crypto.Signer, such as one of an HSM, a TPM or a key service.
func ExampleKeyFromSigner() {
	hsm, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	key, err := tangotoken.KeyFromSigner(hsm, tangotoken.AlgorithmES256)
	if err != nil {
		log.Fatal(err)
	}
	client, err := tangotoken.New(tangotoken.Config{LoadEnv: true, DPoP: tangotoken.DPoPRequired, DPoPKey: key})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	token, err := client.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type())
	// Output: DPoP
}

// The tests' database is a Cache in memory. A real one is shared by the whole fleet.
func ExampleCache() {
	var shared tangotoken.Cache = newDatabase()
	for range 2 {
		client, err := tangotoken.New(tangotoken.Config{LoadEnv: true, CustomCache: shared})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := client.Token(context.Background()); err != nil {
			log.Fatal(err)
		}
		client.Close()
	}
	fmt.Println("one token for both")
	// Output: one token for both
}

func ExampleSetLogger() {
	err := tangotoken.SetLogger(slog.Default())
	fmt.Println(err)
	tangotoken.SetLogger(nil)
	// Output: <nil>
}
