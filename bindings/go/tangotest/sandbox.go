package tangotest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

// Sandbox is the program tango-sandbox, a local Tango server with an API, over TLS. It ends with its test.
type Sandbox struct {
	// Variables are the TANGO_* variables for a program that uses the server.
	Variables map[string]string

	t       testing.TB
	process *sandbox.Sandbox
}

// StartSandbox starts the program that the variable TANGO_SANDBOX names, or else tango-sandbox on the PATH, and waits
// until it is ready. The test fails if there is none; the message says how to get it. The log of the server is shown if
// the test fails.
//
// The options are those of the program, such as "--dpop", "strict"; tango-sandbox --help lists them.
func StartSandbox(t testing.TB, options ...string) *Sandbox {
	t.Helper()
	process, err := sandbox.Start(options...)
	if err != nil {
		t.Fatalf("tangotest: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of tango-sandbox:\n%s", process.Log())
		}
		process.Stop()
	})
	return &Sandbox{Variables: process.Variables, t: t, process: process}
}

// Config returns the configuration of a client of this server.
func (s *Sandbox) Config() tangotoken.Config {
	return tangotoken.Config{
		TokenURL:     s.Variables["TANGO_TOKEN_URL"],
		APIURL:       s.Variables["TANGO_API_URL"],
		CAFile:       s.Variables["TANGO_CA_FILE"],
		ClientID:     s.Variables["TANGO_CLIENT_ID"],
		ClientSecret: s.Variables["TANGO_CLIENT_SECRET"],
		Username:     s.Variables["TANGO_USERNAME"],
		Password:     s.Variables["TANGO_PASSWORD"],
		Proxy:        s.Variables["TANGO_PROXY"],
	}
}

// Client returns a real client of this server, which is closed at the end of the test.
func (s *Sandbox) Client() *tangotoken.Client {
	s.t.Helper()
	client, err := tangotoken.New(s.Config())
	if err != nil {
		s.t.Fatalf("tangotest: %v", err)
	}
	s.t.Cleanup(func() { client.Close() })
	return client
}

// APIURL returns the URL of the API, without a slash at its end.
func (s *Sandbox) APIURL() string { return s.Variables["TANGO_API_URL"] }

// Transport returns a transport that trusts the server: the Base of a [tangotoken.Transport]. Its idle connections are
// closed at the end of the test.
func (s *Sandbox) Transport() *http.Transport {
	s.t.Helper()
	authorities := x509.NewCertPool()
	pem, err := os.ReadFile(s.Variables["TANGO_CA_FILE"])
	if err != nil || !authorities.AppendCertsFromPEM(pem) {
		s.t.Fatalf("tangotest: the certificate authority of the sandbox cannot be read: %v", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// Environ returns the environment of this process with the variables of the server, for [os/exec.Cmd].
func (s *Sandbox) Environ() []string { return s.process.Environ() }

// Log returns the log of the server: a line for each request, without secrets.
func (s *Sandbox) Log() string { return s.process.Log() }

// Count returns a counter of the server, such as token_requests or api_requests.
func (s *Sandbox) Count(name string) int {
	s.t.Helper()
	var counters map[string]int
	s.control("GET", "/stats", nil, &counters)
	count, isKnown := counters[name]
	if !isKnown {
		s.t.Fatalf("tangotest: the sandbox has no counter %q, only %v", name, counters)
	}
	return count
}

// Request is a request that the server received.
type Request struct {
	Method, Path, Body string
	Headers            map[string]any // by names in lower case: a string, or several
}

// Requests returns the requests that arrived, oldest first. They contain the secrets that were sent.
func (s *Sandbox) Requests() []Request {
	s.t.Helper()
	var requests []Request
	s.control("GET", "/requests", nil, &requests)
	return requests
}

// Response is a response for the next request of a path, in place of the server's.
type Response struct {
	Path    string // "" is that of the token endpoint, /oauth/token
	Status  int    // 0 is 200
	Headers map[string]string
	Body    string
	Delay   time.Duration
	Fault   string // "close", "truncate" or "hang": what becomes of the connection
}

// Respond queues responses and faults, each for the next request of its path.
func (s *Sandbox) Respond(responses ...Response) {
	s.t.Helper()
	queued := make([]sandbox.Response, len(responses))
	for i, response := range responses {
		queued[i] = sandbox.Response{
			Path: response.Path, Status: response.Status, Headers: response.Headers, Body: response.Body,
			DelayMS: int(response.Delay / time.Millisecond), Fault: response.Fault,
		}
	}
	s.control("POST", "/responses", queued, nil)
}

// Hold holds every response until Release.
func (s *Sandbox) Hold() { s.t.Helper(); s.post("/hold") }

// Release lets the held responses go.
func (s *Sandbox) Release() { s.t.Helper(); s.post("/release") }

// Revoke makes the API reject every token that was issued so far.
func (s *Sandbox) Revoke() { s.t.Helper(); s.post("/revoke") }

// RotateNonces makes every nonce stale.
func (s *Sandbox) RotateNonces() { s.t.Helper(); s.post("/rotate-nonces") }

// Reset clears counters, requests, queued responses, and the daily limit.
func (s *Sandbox) Reset() { s.t.Helper(); s.post("/reset") }

func (s *Sandbox) post(path string) {
	s.t.Helper()
	s.control("POST", path, nil, nil)
}

func (s *Sandbox) control(method, path string, body, result any) {
	s.t.Helper()
	if err := s.process.TryControl(method, path, body, result); err != nil {
		s.t.Fatalf("tangotest: %v", err)
	}
}
