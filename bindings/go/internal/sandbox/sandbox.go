// Package sandbox starts tango-sandbox for tests, and calls its control API.
package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// Sandbox is a server that ends with its test.
type Sandbox struct {
	// Variables are the environment variables that a program needs to use the server.
	Variables map[string]string

	process *exec.Cmd
	stdin   io.Closer
	log     string // the path of a file
}

const notFound = `the program tango-sandbox is not on the PATH. Install it with

	pip install tango-token-sandbox

or set TANGO_SANDBOX to its path. Other packages that have it:
https://github.com/tango-token/tango-token/blob/main/sandbox/README.md#where-to-get-it`

// find returns the program that TANGO_SANDBOX names, or tango-sandbox on the PATH.
func find() (string, error) {
	if named := os.Getenv("TANGO_SANDBOX"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("TANGO_SANDBOX does not name a program: %w", err)
		}
		return path, nil
	}
	path, err := exec.LookPath("tango-sandbox")
	if err != nil {
		return "", errors.New(notFound)
	}
	return path, nil
}

// Start starts the sandbox, and waits until it is ready.
func Start(options ...string) (*Sandbox, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	// A file, since a pipe needs a goroutine, which tests count.
	log, err := os.CreateTemp("", "tango-sandbox-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	process := exec.Command(program, append([]string{"--until-stdin-closes", "--format", "json"}, options...)...)
	process.Stderr = log
	sandbox := &Sandbox{process: process, log: log.Name()}
	if err := sandbox.start(); err != nil {
		err = fmt.Errorf("%s did not start (%w): %s", program, err, sandbox.Log())
		os.Remove(sandbox.log)
		return nil, err
	}
	return sandbox, nil
}

// start starts the process, and reads the variables that it prints when it is ready.
func (s *Sandbox) start() error {
	stdin, err := s.process.StdinPipe()
	if err != nil {
		return err
	}
	s.stdin = stdin
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	limit := time.AfterFunc(30*time.Second, func() { s.process.Process.Kill() })
	defer limit.Stop()
	if err := json.NewDecoder(stdout).Decode(&s.Variables); err != nil {
		s.stdin.Close()
		return errors.Join(err, s.process.Wait())
	}
	return nil
}

// Log returns the server's log: a line for each request, without secrets.
func (s *Sandbox) Log() string {
	content, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// Stop ends the server, which removes its files.
func (s *Sandbox) Stop() {
	s.stdin.Close()
	s.process.Wait()
	os.Remove(s.log)
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
	must(s.TryControl(method, path, body, result))
}

// TryControl calls the control API.
func (s *Sandbox) TryControl(method, path string, body, result any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, s.Variables["TANGO_SANDBOX_CONTROL_URL"]+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	// A transport without a proxy, which could not reach this server.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if content, err = io.ReadAll(response.Body); err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s", method, path, response.Status, content)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(content, result)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
