package tangotoken

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/ebitengine/purego"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// LevelTrace is below [slog.LevelDebug]: everything that the library has to say.
const LevelTrace = slog.LevelDebug - 4

// logger is where the library's log goes; nil for nowhere.
var logger atomic.Pointer[slog.Logger]

// SetLogger sends the library's log to the logger, for the whole process; nil ends it. No record holds a secret.
//
// The library is told which levels the logger is enabled for, now: call it again after a change. Handlers must not wait:
// some records come from the thread that fetches tokens.
func SetLogger(to *slog.Logger) error {
	library, err := native.Load()
	if err != nil {
		return err
	}
	logger.Store(to)
	callback, level := uintptr(0), logLevelError
	if to != nil {
		callback, level = receive(), lowest(to)
	}
	var failure native.Error
	library.LogSetCallback(int32(level), callback, 0, &failure)
	return taken(library, failure)
}

// levels are the library's, from the rarest to the most frequent.
var levels = []struct {
	native logLevel
	slog   slog.Level
}{
	{logLevelError, slog.LevelError},
	{logLevelWarn, slog.LevelWarn},
	{logLevelInfo, slog.LevelInfo},
	{logLevelDebug, slog.LevelDebug},
	{logLevelTrace, LevelTrace},
}

// lowest is the most frequent level that the logger wants.
func lowest(logger *slog.Logger) logLevel {
	wanted := logLevelError
	for _, level := range levels {
		if logger.Enabled(context.Background(), level.slog) {
			wanted = level.native
		}
	}
	return wanted
}

var receive = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(_ uintptr, level logLevel, message *byte) {
		// A handler that panics must not take the library's thread along.
		defer func() { _ = recover() }()
		if logLevelError <= level && level <= logLevelTrace {
			report(levels[level-1].slog, native.Copied(message))
		}
	})
})
