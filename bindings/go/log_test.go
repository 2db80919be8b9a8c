package tangotoken_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

// buffer is a bytes.Buffer that several goroutines may use.
type buffer struct {
	mutex   sync.Mutex
	content bytes.Buffer
}

func (b *buffer) Write(bytes []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.content.Write(bytes)
}

func (b *buffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.content.String()
}

// record collects the log until the test ends.
func record(t *testing.T) *buffer {
	t.Helper()
	log := &buffer{}
	check(t, tangotoken.SetLogger(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: tangotoken.LevelTrace}))))
	t.Cleanup(func() { check(t, tangotoken.SetLogger(nil)) })
	return log
}

func TestLogGoesToSlogUntilItIsTurnedOff(t *testing.T) {
	log := record(t)
	server := start(t)
	config := configOf(server)
	token := acquire(t, newClient(t, config))
	check(t, tangotoken.SetLogger(nil))
	records := log.String()
	if !strings.Contains(records, "level=INFO") || !strings.Contains(records, "a new token is held") {
		t.Errorf("the records that waited are not in the log: %s", records)
	}
	for _, secret := range []string{token.Value(), config.ClientSecret, config.Password} {
		if strings.Contains(records, secret) {
			t.Errorf("a secret is in %s", records)
		}
	}

	server.Script(sandbox.Response{Status: 503})
	acquire(t, newClient(t, config))
	if more := log.String()[len(records):]; more != "" {
		t.Errorf("logged after the log was turned off: %s", more)
	}
}

func TestClientGetsATokenWhileTheLogHandlerHangs(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	hanging := &gate{reached: make(chan struct{}, 1), opened: make(chan struct{})}
	check(t, tangotoken.SetLogger(slog.New(hanging)))
	defer tangotoken.SetLogger(nil)
	defer close(hanging.opened)
	acquire(t, newClient(t, configOf(server)))
	<-hanging.reached
	config := configOf(server)
	config.TotalTimeout = 1500 * time.Millisecond
	acquire(t, newClient(t, config))
}

// gate is a handler that says that it was reached, and waits until it is opened.
type gate struct{ reached, opened chan struct{} }

func (g *gate) Enabled(context.Context, slog.Level) bool { return true }
func (g *gate) Handle(context.Context, slog.Record) error {
	select {
	case g.reached <- struct{}{}:
	default:
	}
	<-g.opened
	return nil
}
func (g *gate) WithAttrs([]slog.Attr) slog.Handler { return g }
func (g *gate) WithGroup(string) slog.Handler      { return g }

func TestDisabledLevelsAreNotSentToTheHandler(t *testing.T) {
	handler := &levels{least: slog.LevelWarn}
	check(t, tangotoken.SetLogger(slog.New(handler)))
	defer tangotoken.SetLogger(nil)
	server := start(t)
	server.Script(sandbox.Response{Status: 503, Headers: map[string]string{"Retry-After": "0"}})
	acquire(t, newClient(t, configOf(server)))
	handler.mutex.Lock()
	defer handler.mutex.Unlock()
	if handler.asked[slog.LevelInfo] > 1 { // SetLogger asks once
		t.Errorf("%v", handler.asked)
	}
}

// levels is a handler that counts the levels that Enabled is called with. It panics in Handle, which must not reach the
// library.
type levels struct {
	least slog.Level
	mutex sync.Mutex
	asked map[slog.Level]int
}

func (l *levels) Enabled(_ context.Context, level slog.Level) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.asked == nil {
		l.asked = map[slog.Level]int{}
	}
	l.asked[level]++
	return level >= l.least
}

func (l *levels) Handle(context.Context, slog.Record) error { panic("a bug in the handler") }
func (l *levels) WithAttrs([]slog.Attr) slog.Handler        { return l }
func (l *levels) WithGroup(string) slog.Handler             { return l }

func TestFieldsAreAttributesWithTheirTypes(t *testing.T) {
	records := &buffer{}
	options := &slog.HandlerOptions{Level: tangotoken.LevelTrace}
	check(t, tangotoken.SetLogger(slog.New(slog.NewJSONHandler(records, options))))
	defer tangotoken.SetLogger(nil)
	config := configOf(start(t, "--client-id", `the "shop"`))
	acquire(t, newClient(t, config))
	check(t, tangotoken.SetLogger(nil))
	for line := range strings.Lines(records.String()) {
		var record struct {
			Time       time.Time
			Msg        string
			Client     string
			HTTPStatus any `json:"http_status"`
			DPoP       any
		}
		check(t, json.Unmarshal([]byte(line), &record))
		if strings.Contains(record.Msg, "client=") || time.Since(record.Time).Abs() > time.Hour {
			t.Error(line)
		}
		if record.Msg == "the token endpoint responded" {
			if record.Client != `the "shop"` || record.HTTPStatus != 200.0 {
				t.Error(line)
			}
			return
		}
	}
	t.Errorf("no response is in the log: %s", records)
}

// logsToStderr is the variable with which this test runs itself, as a program that only the environment makes log.
const logsToStderr = "TANGO_TEST_LOGS_TO_STDERR"

func TestVariableWritesTheLogToStderrUnlessALoggerGetsIt(t *testing.T) {
	if how := os.Getenv(logsToStderr); how != "" {
		if how == "logger" {
			check(t, tangotoken.SetLogger(slog.New(slog.NewTextHandler(os.Stdout, nil))))
		}
		if how == "function" {
			check(t, tangotoken.LogToStderr(tangotoken.LogInfo, tangotoken.LogFormatJSON))
		}
		acquire(t, newClient(t, tangotoken.Config{LoadEnv: true}))
		check(t, tangotoken.SetLogger(nil))
		check(t, tangotoken.LogToStderr(tangotoken.LogOff, tangotoken.LogFormatText))
		return
	}
	server := start(t, "--quota-window-seconds", "0")
	for how, expected := range map[string][]string{
		"variable": {"DEBUG", "INFO"},
		"logger":   {"DEBUG"},
		"function": {"INFO"},
	} {
		command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		command.Env = append(server.Environ(), logsToStderr+"="+how, "TANGO_LOG=debug", "TANGO_LOG_FORMAT=json")
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		if err := command.Run(); err != nil {
			t.Fatalf("%s: %v: %s %s", how, err, &stdout, &stderr)
		}
		found := map[string]bool{}
		for line := range strings.Lines(stderr.String()) {
			var record struct{ Time, Level, Target, Message string }
			check(t, json.Unmarshal([]byte(line), &record))
			found[record.Level] = true
		}
		if levels := slices.Sorted(maps.Keys(found)); !slices.Equal(levels, expected) {
			t.Errorf("%s: %v is on stderr: %s", how, levels, &stderr)
		}
		if strings.Contains(stdout.String(), "a new token is held") != (how == "logger") {
			t.Errorf("%s: %s", how, &stdout)
		}
	}
}
