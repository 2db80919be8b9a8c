// Package sandbox starts tango-sandbox for tests, and calls its control API.
package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// Sandbox is a server that ends with its test.
type Sandbox struct {
	// Variables are the environment variables that a program needs to use the server.
	Variables map[string]string

	process *exec.Cmd
	stdin   io.Closer
}

// Start starts the program that TANGO_SANDBOX names, and waits until it is ready.
func Start(options ...string) (*Sandbox, error) {
	program := os.Getenv("TANGO_SANDBOX")
	if program == "" {
		return nil, fmt.Errorf("set TANGO_SANDBOX to the path of tango-sandbox, or run scripts/test-go.sh")
	}
	process := exec.Command(program, append([]string{"--until-stdin-closes", "--format", "json"}, options...)...)
	stdin, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	sandbox := &Sandbox{process: process, stdin: stdin}
	if err := json.NewDecoder(stdout).Decode(&sandbox.Variables); err != nil {
		return nil, fmt.Errorf("the sandbox ended before it was ready (%w): %w", err, process.Wait())
	}
	return sandbox, nil
}

// Stop ends the server, which removes its files.
func (s *Sandbox) Stop() {
	s.stdin.Close()
	s.process.Wait()
}

// Environ returns the environment of this process with the variables of the server.
func (s *Sandbox) Environ() []string {
	environ := os.Environ()
	for name, value := range s.Variables {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// Response is a scripted response, see sandbox/README.md.
type Response struct {
	Path    string            `json:"path,omitempty"`
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	DelayMS int               `json:"delay_ms,omitempty"`
	Fault   string            `json:"fault,omitempty"`
}

// Script resets the server, then queues responses.
func (s *Sandbox) Script(responses ...Response) {
	s.Control("POST", "/reset", nil, nil)
	s.Control("POST", "/responses", responses, nil)
}

// Request is a request that the server received.
type Request struct {
	Method, Path, Body string
	Headers            map[string]any
}

// Hold holds every response until Release.
func (s *Sandbox) Hold() { s.Control("POST", "/hold", nil, nil) }

// Release lets every held response go.
func (s *Sandbox) Release() { s.Control("POST", "/release", nil, nil) }

// Requests returns the requests that the server got, oldest first.
func (s *Sandbox) Requests() (requests []Request) {
	s.Control("GET", "/requests", nil, &requests)
	return requests
}

// Statistic returns a counter of the server.
func (s *Sandbox) Statistic(name string) int {
	var statistics map[string]int
	s.Control("GET", "/stats", nil, &statistics)
	return statistics[name]
}

// Control calls the control API. It panics if the call fails, which is a mistake of the test.
func (s *Sandbox) Control(method, path string, body, result any) {
	content, err := json.Marshal(body)
	must(err)
	request, err := http.NewRequest(method, s.Variables["TANGO_SANDBOX_CONTROL_URL"]+path, strings.NewReader(string(content)))
	must(err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	must(err)
	defer response.Body.Close()
	content, err = io.ReadAll(response.Body)
	must(err)
	if response.StatusCode >= 300 {
		panic(fmt.Sprintf("%s %s: %s %s", method, path, response.Status, content))
	}
	if result != nil {
		must(json.Unmarshal(content, result))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
