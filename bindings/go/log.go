package tangotoken

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/ebitengine/purego"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// LevelTrace is the library's most verbose level, below [slog.LevelDebug].
const LevelTrace = slog.LevelDebug - 4

// logger receives the library's log; nil discards it.
var logger atomic.Pointer[slog.Logger]

// SetLogger sends the library's log to a logger, for the whole process; nil turns the log off. No record contains a
// secret.
//
// SetLogger reads the levels that the logger is enabled for; call it again after they change. The library's log thread
// calls the handlers, one record after the other, so a slow handler delays no call. While 1,000 records wait, further
// ones are dropped and counted. The earlier logger first gets the records that wait for it, unless that takes longer
// than a second.
func SetLogger(target *slog.Logger) error {
	library, err := native.Load()
	if err != nil {
		return err
	}
	// A first logger is there before its first record; a later one comes after the records of the earlier one.
	logger.CompareAndSwap(nil, target)
	callback, level := uintptr(0), logLevelError
	if target != nil {
		callback, level = receive(), mostVerbose(target)
	}
	var failure native.Error
	library.LogSetCallback(int32(level), callback, 0, &failure)
	if err := taken(library, failure); err != nil {
		return err
	}
	logger.Store(target)
	return nil
}

// levels are the library's levels, from the least to the most verbose.
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

// mostVerbose returns the most verbose level that the logger is enabled for.
func mostVerbose(logger *slog.Logger) logLevel {
	enabled := logLevelError
	for _, level := range levels {
		if logger.Enabled(context.Background(), level.slog) {
			enabled = level.native
		}
	}
	return enabled
}

var receive = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(_ uintptr, level logLevel, message *byte) uintptr {
		// A handler's panic must not end the log thread.
		defer func() { _ = recover() }()
		if logLevelError <= level && level <= logLevelTrace {
			report(levels[level-1].slog, native.Copied(message))
		}
		return 0
	})
})
