package tangotest_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/tangotest"
)

func TestSandboxServesARealClient(t *testing.T) {
	server := tangotest.StartSandbox(t)
	api := http.Client{Transport: &tangotoken.Transport{Client: server.Client(), Base: server.Transport()}}
	response, err := api.Get(server.APIURL() + "/accounts")
	must(t, err)
	response.Body.Close()
	if response.StatusCode != 200 || server.Count("token_requests") != 1 || server.Count("api_requests") != 1 {
		t.Errorf("status %d, log:\n%s", response.StatusCode, server.Log())
	}
	paths := ""
	for _, request := range server.Requests() {
		paths += request.Method + " " + request.Path + " "
	}
	if paths != "POST /oauth/token GET /raas/v2/accounts " {
		t.Errorf("the requests were %s", paths)
	}
	if !strings.Contains(server.Log(), "GET /raas/v2/accounts 200") {
		t.Errorf("the log is:\n%s", server.Log())
	}
}

func TestSandboxFailsAsATestWants(t *testing.T) {
	server := tangotest.StartSandbox(t)
	server.Respond(tangotest.Response{Status: 400, Body: `{"error":"invalid_grant"}`})
	if _, err := server.Client().Token(t.Context()); !errors.Is(err, tangotoken.ErrCredentialsRefused) {
		t.Error(err)
	}
	server.Reset()
	if server.Count("token_requests") != 0 {
		t.Error("the counters were not reset")
	}
	client := server.Client()
	token, err := client.Token(t.Context())
	must(t, err)
	server.Revoke()
	request, _ := http.NewRequest("GET", server.APIURL()+"/accounts", nil)
	request.Header.Set("Authorization", token.Type()+" "+token.Value())
	response, err := server.Transport().RoundTrip(request)
	must(t, err)
	response.Body.Close()
	if response.StatusCode != 401 {
		t.Errorf("a revoked token has status %d", response.StatusCode)
	}
}

// A test cannot watch itself fail, so another process does.
func TestMissingSandboxFailsTheTestAndSaysHowToGetIt(t *testing.T) {
	if os.Getenv("START_A_SANDBOX") != "" {
		tangotest.StartSandbox(t, "--no-such-option")
		return
	}
	for _, one := range []struct{ variable, expected string }{
		{"TANGO_SANDBOX=", "pip install tango-token-sandbox"},
		{"TANGO_SANDBOX=/not/there", "TANGO_SANDBOX does not name a program"},
		{"TANGO_SANDBOX=" + os.Getenv("TANGO_SANDBOX"), "--no-such-option"},
	} {
		self, err := os.Executable()
		must(t, err)
		command := exec.Command(self, "-test.run", "^"+t.Name()+"$")
		command.Env = append(os.Environ(), "START_A_SANDBOX=1", "PATH=/nothing", one.variable)
		output, err := command.CombinedOutput()
		if err == nil || !strings.Contains(string(output), one.expected) || strings.Contains(string(output), "panic") {
			t.Errorf("%s: %v\n%s", one.variable, err, output)
		}
	}
}
