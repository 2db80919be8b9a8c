package tangotoken_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

// build builds examples/go in its own directory, as its users do.
func build(t *testing.T, options ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "accounts")
	command := exec.Command("go", append(append([]string{"build"}, options...), "-o", program, ".")...)
	command.Dir = "../../examples/go"
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return program
}

func runProgram(program string, server *sandbox.Sandbox, variables ...string) (string, error) {
	command := exec.Command(program, server.Variables["TANGO_API_URL"]+"/accounts")
	command.Env = append(server.Environ(), variables...)
	output, err := command.CombinedOutput()
	return string(output), err
}

func TestExampleProgramListsAccountsOrExplainsTheError(t *testing.T) {
	program := build(t)
	server := start(t, "--dpop-nonce", "required", "--quota-window-seconds", "0")
	for _, mode := range []string{"TANGO_DPOP=off", "TANGO_DPOP=required"} {
		output, err := runProgram(program, server, mode)
		if err != nil || !strings.Contains(output, "200 OK") || !strings.Contains(output, "sandbox-account") {
			t.Errorf("%s: %v: %s", mode, err, output)
		}
	}
	output, err := runProgram(program, server, "TANGO_PASSWORD=wrong")
	if err == nil || !strings.Contains(output, "CredentialsRefused") || !strings.Contains(output, "request id:") {
		t.Errorf("%v: %s", err, output)
	}
}

func TestLibraryIsFoundByVariableOrBesideTheExecutableOrOnTheSystemsPath(t *testing.T) {
	program := build(t, "-tags", "tango_token_installed")
	server := start(t, "--quota-window-seconds", "0")
	output, err := runProgram(program, server, "TANGO_TOKEN_LIBRARY=/not/there.so")
	if err == nil || !strings.Contains(output, "TANGO_TOKEN_LIBRARY=/not/there.so") || !strings.Contains(output, "make install") {
		t.Errorf("%v: %s", err, output)
	}
	output, err = runProgram(program, server, "TANGO_TOKEN_LIBRARY=")
	if err == nil || !strings.Contains(output, "in the executable's directory, "+filepath.Dir(program)) {
		t.Errorf("%v: %s", err, output)
	}
	library, err := filepath.Abs(os.Getenv("TANGO_TOKEN_LIBRARY"))
	check(t, err)
	check(t, os.Symlink(library, filepath.Join(filepath.Dir(program), "libtango_token.so.1")))
	if output, err = runProgram(program, server, "TANGO_TOKEN_LIBRARY="); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	// LD_LIBRARY_PATH adds a directory to the system's path.
	check(t, os.Remove(filepath.Join(filepath.Dir(program), "libtango_token.so.1")))
	directory := t.TempDir()
	check(t, os.Symlink(library, filepath.Join(directory, "libtango_token.so.1")))
	if output, err = runProgram(program, server, "TANGO_TOKEN_LIBRARY=", "LD_LIBRARY_PATH="+directory); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
