package tangotoken_test

import (
	"bytes"
	"context"
	"log/slog"
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
