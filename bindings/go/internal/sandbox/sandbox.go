// Package sandbox starts tango-sandbox for tests, and tells it what to do.
package sandbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// Sandbox is a server of the test's own.
type Sandbox struct {
	// Variables are what it prints: what a program needs to use it.
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
	process := exec.Command(program, append([]string{"--until-stdin-closes"}, options...)...)
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
	sandbox := &Sandbox{map[string]string{}, process, stdin}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		sandbox.Variables[name] = unquoted(value)
		if name == "TANGO_SANDBOX_CONTROL_URL" { // the last one
			return sandbox, nil
		}
	}
	return nil, fmt.Errorf("the sandbox ended before it was ready: %w", process.Wait())
}

// Stop ends it, which takes its files along.
func (s *Sandbox) Stop() {
	s.stdin.Close()
	s.process.Wait()
}

// Environ is this process's environment with the sandbox's variables.
func (s *Sandbox) Environ() []string {
	environ := append(os.Environ(), "TANGO_PROXY=none")
	for name, value := range s.Variables {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// Answer is one that the sandbox gives as it is, see sandbox/README.md.
type Answer struct {
	Path    string            `json:"path,omitempty"`
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	DelayMS int               `json:"delay_ms,omitempty"`
	Fault   string            `json:"fault,omitempty"`
}

// Script forgets everything, then queues answers.
func (s *Sandbox) Script(answers ...Answer) {
	s.Control("POST", "/reset", nil, nil)
	s.Control("POST", "/answers", answers, nil)
}

// Request is one that the sandbox got.
type Request struct {
	Method, Path, Body string
	Headers            map[string]any
}

// Requests are those that it got, the oldest first.
func (s *Sandbox) Requests() (requests []Request) {
	s.Control("GET", "/requests", nil, &requests)
	return requests
}

// Statistic is one of its counters.
func (s *Sandbox) Statistic(name string) int {
	var statistics map[string]int
	s.Control("GET", "/stats", nil, &statistics)
	return statistics[name]
}

// Control calls the control API. A failure there is a mistake of the test.
func (s *Sandbox) Control(method, path string, body, result any) {
	content, err := json.Marshal(body)
	must(err)
	request, err := http.NewRequest(method, s.Variables["TANGO_SANDBOX_CONTROL_URL"]+path, strings.NewReader(string(content)))
	must(err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	must(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	must(err)
	if response.StatusCode >= 300 {
		panic(fmt.Sprintf("%s %s: %s %s", method, path, response.Status, answer))
	}
	if result != nil {
		must(json.Unmarshal(answer, result))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// unquoted undoes the quoting of a POSIX shell, as far as the sandbox uses it.
func unquoted(value string) string {
	quoted, isQuoted := strings.CutPrefix(value, "'")
	if !isQuoted {
		return value
	}
	return strings.ReplaceAll(strings.TrimSuffix(quoted, "'"), `'\''`, "'")
}
