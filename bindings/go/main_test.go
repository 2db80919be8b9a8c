package tangotoken_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

// TestMain runs all tests against the real library and real sandboxes. The environment variables are those of one
// sandbox, for the examples, which read them as programs do. At the end, no object of the library may be left.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := useInChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	server, err := sandbox.Start("--quota-window-seconds", "0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for name, value := range server.Variables {
		os.Setenv(name, value)
	}
	code := m.Run()
	server.Stop()
	if left := leftovers(); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "left at the end:", left)
		code = 1
	}
	os.Exit(code)
}

// start starts a sandbox for one test.
func start(t testing.TB, options ...string) *sandbox.Sandbox {
	t.Helper()
	server, err := sandbox.Start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// configOf returns a configuration for the sandbox.
func configOf(server *sandbox.Sandbox) tangotoken.Config {
	return tangotoken.Config{
		TokenURL:     server.Variables["TANGO_TOKEN_URL"],
		APIURL:       server.Variables["TANGO_API_URL"],
		CAFile:       server.Variables["TANGO_CA_FILE"],
		ClientID:     server.Variables["TANGO_CLIENT_ID"],
		ClientSecret: server.Variables["TANGO_CLIENT_SECRET"],
		Username:     server.Variables["TANGO_USERNAME"],
		Password:     server.Variables["TANGO_PASSWORD"],
		Proxy:        "none",
	}
}

func newClient(t testing.TB, config tangotoken.Config) *tangotoken.Client {
	t.Helper()
	client, err := tangotoken.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// acquire gets a token, or fails the test.
func acquire(t testing.TB, client *tangotoken.Client) *tangotoken.Token {
	t.Helper()
	token, err := client.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// leftovers lists the objects of the library that remain after garbage collection; "" if there are none.
func leftovers() string {
	left := ""
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		runtime.GC()
		left = ""
		for name, count := range tangotoken.Leftovers() {
			if count != 0 {
				left += fmt.Sprintf("%d %s ", count, name)
			}
		}
		if left == "" {
			break
		}
	}
	return left
}

func checkNothingLeft(t *testing.T) {
	t.Helper()
	if left := leftovers(); left != "" {
		t.Error("left:", left)
	}
}
