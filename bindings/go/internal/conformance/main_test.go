package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

// program is a started runner.
type program struct {
	t      *testing.T
	stdin  io.Writer
	stdout *bufio.Reader
}

func run(t *testing.T, environ []string) *program {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "conformance")
	if output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	command := exec.Command(binary, "load_env")
	command.Env, command.Stderr = environ, os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &program{t, stdin, bufio.NewReader(stdout)}
}

// readLine returns the next line that the program prints: JSON with sorted names.
func (p *program) readLine() string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%q, %v", line, err)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(line), &object); err != nil || len(object) != 1 {
		p.t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimSpace(line)
}

func (p *program) call(fields ...string) string {
	p.t.Helper()
	fmt.Fprintln(p.stdin, strings.Join(fields, "\t"))
	return p.readLine()
}

func TestRunnerMakesEachCallAndPrintsItsResult(t *testing.T) {
	server, err := sandbox.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	server.Script(
		sandbox.Response{Status: 400, Body: `{"error": "invalid_grant"}`, Headers: map[string]string{"Content-Type": "application/json"}},
		sandbox.Response{Body: `{"access_token": "a-token", "token_type": "Bearer", "expires_in": 300, "scope": "raas.all"}`},
		sandbox.Response{Status: 401, Body: "<no>"},
	)
	program := run(t, server.Environ())
	url := server.Variables["TANGO_API_URL"]
	expect := func(line string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(line, part) {
				t.Errorf("%s is not in %s", part, line)
			}
		}
	}
	expect(program.readLine(), `{"client":true}`)
	expect(program.call("acquire_async"), `"status":"TANGO_STATUS_CREDENTIALS_REFUSED"`, `"http_status":400`,
		`"oauth_error":"invalid_grant"`, `"i18n_key":null`, `"request_id":null`, `"oauth_error_description":null`, `"message":"`,
		`"server_message":`, `"retry_after_seconds":`)
	expect(program.call("set_credentials", "another", "secret", "", ""), `{"done":true}`)
	expect(program.call("acquire"), `"value":"a-token"`, `"type":"Bearer"`, `"scope":"raas.all"`, `"expires_in_seconds":`)
	expect(program.call("acquire_async"), `"value":"a-token"`)
	expect(program.call("authorize", "GET", url), `{"authorization":{"dpop":null,"value":"Bearer a-token"}}`)
	expect(program.call("observe", "200", "", "", ""), `{"verdict":"done"}`)
	expect(program.call("observe", "401", "", `Bearer error="invalid_token"`, ""), `{"verdict":"retry"}`)
	expect(program.call("authorize_again"), `{"authorization":{"dpop":null,"value":"Bearer a-token"}}`)
	expect(program.call("invalidate"), `{"done":true}`)
	expect(program.call("authorize", "GET", "https://other.example/"), `TANGO_STATUS_INVALID_ARGUMENT`, `"http_status":null`,
		`"retry_after_seconds":null`)
}

func TestRunnerPrintsTheErrorAndExitsWithoutAConfiguration(t *testing.T) {
	var environ []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TANGO_") || strings.HasPrefix(variable, "TANGO_TOKEN_LIBRARY=") {
			environ = append(environ, variable)
		}
	}
	program := run(t, environ)
	if line := program.readLine(); !strings.Contains(line, "TANGO_STATUS_INVALID_CONFIGURATION") {
		t.Error(line)
	}
	if _, err := program.stdout.ReadString('\n'); err != io.EOF {
		t.Errorf("%v", err)
	}
}
